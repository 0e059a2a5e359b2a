"""Whole clusters in each cloud: a plan becomes a verified cluster, grows, and goes, on stand-ins behind SSH."""

from __future__ import annotations

from pathlib import Path

import pytest

from installer.common.errors import ExitCode
from installer.platforms import open_platform
from installer.platforms.clouds.platform import CloudPlatform
from tests.cloud.clouds import OF, Cloud
from tests.doubles.aws.faults import Fault as AwsFault
from tests.doubles.cloud.clusters import machines, provided, short
from tests.doubles.gcp.faults import Fault as GcpFault
from tests.doubles.gcp.project import ACCOUNT, Project

pytestmark = pytest.mark.needs("low ports")


@pytest.fixture
def cloud(request: pytest.FixtureRequest, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path / "home"))
    return OF[name](request.getfixturevalue(name))


@pytest.mark.parametrize("name", OF)
@pytest.mark.parametrize("balancer", [False, True])
def test_a_cluster_is_installed_scaled_and_destroyed_and_nothing_remains(cloud: Cloud, balancer: bool) -> None:
    cluster = cloud.cluster
    small = cloud.plan(masters=3 if balancer else 1, balancer=balancer, integration=balancer)
    assert cluster.install(small) is ExitCode.DONE, cluster.failures
    assert cluster.stand_ins.names == machines(small)
    assert cloud.stand_ins.provider_ids() == (provided(small) if balancer else {})
    assert cluster.account.counted() <= cloud.most
    assert cluster.install(small) is ExitCode.DONE, cluster.failures
    assert cluster.account.changed == []
    assert cluster.account.counted() <= 40
    larger = small.model_copy(update={"workers": 2})
    assert cluster.install(larger) is ExitCode.DONE, cluster.failures
    assert cluster.stand_ins.names == machines(larger)
    assert cluster.account.changed.count(cloud.launch) == 1
    assert cluster.destroy(small) is ExitCode.DONE, cluster.failures
    assert cluster.remains() == []


@pytest.mark.parametrize("name", OF)
def test_private_workers_are_reached_through_a_master_and_leave_through_nat(cloud: Cloud) -> None:
    cluster, given = cloud.cluster, cloud.plan(workers=2, zones=cloud.zones, private_workers=True)
    assert cluster.install(given) is ExitCode.DONE, cluster.failures
    assert cluster.stand_ins.names == machines(given)
    platform = open_platform(given)
    assert isinstance(platform, CloudPlatform)
    known = platform.instances.by_machine()
    assert sorted(name for name, one in known.items() if not one.public) == ["demo-worker-1", "demo-worker-2"]
    assert cluster.install(given) is ExitCode.DONE, cluster.failures
    assert cluster.account.changed == []
    assert cluster.destroy(given) is ExitCode.DONE, cluster.failures
    assert cluster.remains() == []


@pytest.mark.parametrize(
    ("name", "fault"),
    [("aws", AwsFault.THROTTLING), ("aws", AwsFault.CAPACITY), ("gcp", GcpFault.LOST), ("gcp", GcpFault.QUOTA)],
)
def test_every_call_may_fail_and_runs_after_it_make_no_twin_and_leave_nothing(cloud: Cloud, fault: str) -> None:
    """A sample: `make crash` has every fault, and the calls of load balancers."""
    cloud.endure(cloud.cluster, fault, balancer=False)


@pytest.mark.parametrize("name", ["gcp"])
def test_where_the_project_enforces_os_login_keys_get_in_through_it_alone(cloud: Cloud, gcp: Project) -> None:
    """On real SSH, on the way to a private worker through a master, too."""
    gcp.metadata["enable-oslogin"] = "TRUE"
    cluster, given = cloud.cluster, cloud.plan(private_workers=True)
    assert cluster.run(given, short(given)) is ExitCode.DONE, cluster.failures
    assert cluster.stand_ins.names == machines(given)
    platform = open_platform(given)
    (account,) = gcp.profiles[ACCOUNT]["posixAccounts"]
    worker = platform.endpoint("demo-worker-1")
    assert worker.jump
    assert {worker.user, worker.jump.user} == {account["username"]}
    platform.close()
    assert cluster.destroy(given) is ExitCode.DONE, cluster.failures
    assert cluster.remains() == []
