"""Worker pools in each cloud: machines of its group fetch what they need, join by themselves, and leave drained."""

from __future__ import annotations

import time
from pathlib import Path

import boto3
import pytest

from installer.common.errors import ExitCode
from installer.platforms import open_platform
from installer.platforms.clouds.platform import CloudPlatform
from tests.cloud.clouds import OF, Cloud
from tests.doubles.aws.account import Account
from tests.doubles.aws.faults import Fault as AwsFault
from tests.doubles.cloud.clusters import UNHURRIED, machines
from tests.doubles.cloud.pools import pooled
from tests.doubles.gcp.faults import Fault as GcpFault
from tests.doubles.gcp.project import PROJECT, REGION, Project

pytestmark = pytest.mark.needs("low ports")


@pytest.fixture
def cloud(request: pytest.FixtureRequest, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path / "home"))
    found = OF[name](request.getfixturevalue(name))
    found.cluster.tempo = UNHURRIED
    return found


def consoles(cloud: Cloud) -> str:
    """What failed, and what the pool's machines printed."""
    shown = map(cloud.stand_ins.console, cloud.living())
    return "\n".join([cloud.cluster.failures, *(text for text in shown if "craton-pool" in text)])


@pytest.mark.parametrize("name", OF)
def test_a_pool_joins_grows_is_repaired_shrinks_and_goes(cloud: Cloud) -> None:
    cluster, given = cloud.cluster, cloud.plan(workers=2, worker_pool=True)
    assert cluster.install(given) is ExitCode.DONE, consoles(cloud)
    first, others = pooled(cluster, given), cloud.living()
    assert len(first) == 2
    assert cloud.token() == "", "the invitation is taken away once the pool is full"
    assert cluster.install(given) is ExitCode.DONE, consoles(cloud)
    assert cluster.account.changed == []

    time.sleep(1)  # nodes tell their age in whole seconds
    broken = next(id for id in others if "craton-pool" in cloud.stand_ins.console(id))
    cloud.end(broken)
    larger = given.model_copy(update={"workers": 3})
    assert cluster.install(larger) is ExitCode.DONE, consoles(cloud)
    assert len(pooled(cluster, given)) == 3
    assert broken not in cloud.living()
    assert cloud.stand_ins.nodes() == sorted([*machines(given), *pooled(cluster, given)]), "none is left of the broken"

    assert cluster.install(given.model_copy(update={"workers": 1})) is ExitCode.DONE, consoles(cloud)
    assert cloud.stand_ins.nodes() == sorted([*machines(given), *pooled(cluster, given)])
    assert len(pooled(cluster, given)) == 1
    assert cluster.destroy(given) is ExitCode.DONE, cluster.failures
    assert cluster.remains() == []


@pytest.mark.parametrize("name", ["aws"])
def test_a_secret_s_name_may_be_in_use_for_a_while_after_its_end(cloud: Cloud, aws: Account) -> None:
    earlier = boto3.client("secretsmanager")
    earlier.create_secret(Name="craton/demo/pool", SecretString="{}")
    earlier.delete_secret(SecretId="craton/demo/pool", ForceDeleteWithoutRecovery=True)
    assert cloud.cluster.install(cloud.plan(worker_pool=True)) is ExitCode.DONE, consoles(cloud)


@pytest.mark.parametrize("name", ["gcp"])
def test_a_group_of_one_zone_keeps_pods_from_the_metadata_service_and_says_why_it_is_short(
    cloud: Cloud, gcp: Project
) -> None:
    cluster, given = cloud.cluster, cloud.plan(worker_pool=True, private_workers=True, zones=[f"{REGION}-b"])
    assert cluster.install(given) is ExitCode.DONE, consoles(cloud)
    (worker,) = pooled(cluster, given)
    rule = f"from {given.networks.pods} to 169.254.169.254 prohibit"
    assert cloud.stand_ins.rules() == {worker: [rule]}
    (version,) = [one for one in gcp.secrets["demo-pool"].versions.values() if one.state == "ENABLED"]
    assert version.data, "earlier versions, which held the invitation, are destroyed"
    gcp.full_zones.add(f"{REGION}-b")
    platform = open_platform(given)
    assert isinstance(platform, CloudPlatform)
    platform.resize_pool(2)
    assert platform.pool_trouble().startswith(f"The zone 'projects/{PROJECT}/zones/{REGION}-b' does not have enough")
    platform.close()
    assert cluster.destroy(given) is ExitCode.DONE, cluster.failures
    assert cluster.remains() == []


@pytest.mark.parametrize(("name", "fault"), [("aws", AwsFault.LOST), ("gcp", GcpFault.LOST)])
def test_calls_whose_answers_are_lost_make_nothing_twice_and_leave_nothing(cloud: Cloud, fault: str) -> None:
    """A sample: `make crash` has every fault."""
    cloud.endure_with_pool(cloud.cluster, fault)
