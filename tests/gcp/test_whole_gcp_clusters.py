"""Whole clusters in Google Cloud: a plan becomes a verified cluster, grows, and goes, on stand-ins behind SSH."""

from __future__ import annotations

from pathlib import Path

import pytest

from installer.common.errors import ExitCode
from installer.platforms import open_platform
from tests.doubles.cloud import guest_agent
from tests.doubles.cloud.clusters import machines, provided, short
from tests.doubles.cloud.stand_ins import StandIns
from tests.doubles.gcp.faults import Fault
from tests.doubles.gcp.project import ACCOUNT, Project
from tests.gcp.clusters import Cluster, endure, plan

pytestmark = pytest.mark.needs("low ports")


@pytest.fixture
def cluster(gcp: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path / "home"))
    gcp.zones["mine"] = {"dnsName": "example.test.", "rrsets": {}, "changes": {}}
    gcp.machines = stand_ins = StandIns(guest_agent.read)
    return Cluster(gcp, stand_ins)


@pytest.mark.parametrize("balancer", [False, True])
def test_a_cluster_is_installed_scaled_and_destroyed_and_nothing_remains(cluster: Cluster, balancer: bool) -> None:
    small = plan(masters=3 if balancer else 1, balancer=balancer, integration=balancer)
    assert cluster.install(small) is ExitCode.DONE, cluster.failures
    assert cluster.stand_ins.names == machines(small)
    assert isinstance(cluster.stand_ins, StandIns)
    assert cluster.stand_ins.provider_ids() == (provided(small) if balancer else {})
    assert cluster.account.counted() <= 165, "150, and a few looks more at what takes its time on a busy computer"
    assert cluster.install(small) is ExitCode.DONE, cluster.failures
    assert cluster.account.changed == []
    assert cluster.account.counted() <= 40
    larger = small.model_copy(update={"workers": 2})
    assert cluster.install(larger) is ExitCode.DONE, cluster.failures
    assert cluster.stand_ins.names == machines(larger)
    assert cluster.account.changed.count("compute.instances.bulkInsert") == 1
    assert cluster.destroy(small) is ExitCode.DONE, cluster.failures
    assert cluster.remains() == []


def test_private_workers_are_reached_through_a_master_and_leave_through_cloud_nat(cluster: Cluster) -> None:
    given = plan(workers=2, private_workers=True)
    assert cluster.install(given) is ExitCode.DONE, cluster.failures
    assert cluster.stand_ins.names == machines(given)
    without = [one["name"] for one in cluster.account.of("instances") if not one["own"]]
    assert sorted(without) == ["demo-worker-1", "demo-worker-2"]
    assert cluster.install(given) is ExitCode.DONE, cluster.failures
    assert cluster.account.changed == []
    assert cluster.destroy(given) is ExitCode.DONE, cluster.failures
    assert cluster.remains() == []


def test_where_the_project_enforces_os_login_keys_get_in_through_it_alone(cluster: Cluster) -> None:
    """On real SSH, on the way to a private worker through a master, too."""
    cluster.account.metadata["enable-oslogin"] = "TRUE"
    given = plan(private_workers=True)
    assert cluster.run(given, short(given)) is ExitCode.DONE, cluster.failures
    assert cluster.stand_ins.names == machines(given)
    platform = open_platform(given)
    (account,) = cluster.account.profiles[ACCOUNT]["posixAccounts"]
    worker = platform.endpoint("demo-worker-1")
    assert worker.jump
    assert {worker.user, worker.jump.user} == {account["username"]}
    platform.close()
    assert cluster.destroy(given) is ExitCode.DONE, cluster.failures
    assert cluster.remains() == []


@pytest.mark.parametrize("fault", [Fault.LOST, Fault.QUOTA])
def test_every_call_may_fail_and_runs_after_it_make_no_twin_and_leave_nothing(cluster: Cluster, fault: Fault) -> None:
    """A sample: `make crash` has every fault, and the calls of load balancers."""
    endure(cluster, fault, balancer=False)
