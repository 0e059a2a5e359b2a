"""Worker pools in AWS: machines of an Auto Scaling Group fetch what they need, join by themselves, leave drained."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from installer.common.errors import ExitCode
from tests.aws.clusters import Cluster, plan
from tests.aws.pools import endure_with_pool, pooled
from tests.aws.user import User
from tests.doubles.aws.account import Account
from tests.doubles.aws.faults import Fault
from tests.doubles.aws.remains import keep, remains
from tests.doubles.cloud.clusters import UNHURRIED, machines
from tests.doubles.cloud.stand_ins import StandIns

pytestmark = pytest.mark.needs("low ports")


@pytest.fixture
def cluster(aws: Account, user: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path / "home"))
    user.client("route53").create_hosted_zone(Name="example.test", CallerReference="1")
    keep(aws)
    aws.machines = stand_ins = StandIns()
    return Cluster(aws, stand_ins, tempo=UNHURRIED)


def consoles(cluster: Cluster) -> str:
    """What failed, and what the pool's machines printed."""
    stand_ins = cluster.stand_ins
    assert isinstance(stand_ins, StandIns)
    shown = (stand_ins.console(one.id) for one in cluster.account.instances())
    return "\n".join([cluster.failures, *(text for text in shown if "craton-pool" in text)])


def nodes(cluster: Cluster) -> list[str]:
    """Names of the cluster's nodes."""
    stand_ins = cluster.stand_ins
    assert isinstance(stand_ins, StandIns)
    return stand_ins.nodes()


def token(cluster: Cluster) -> str:
    """The bootstrap token that the pool's machines would find."""
    found = User(cluster.account).client("secretsmanager").get_secret_value(SecretId="craton/demo/pool")
    return str(json.loads(found["SecretString"])["token"])


def test_a_pool_joins_grows_is_repaired_shrinks_and_goes(cluster: Cluster) -> None:
    given = plan(workers=2, worker_pool=True)
    earlier = User(cluster.account).client("secretsmanager")  # whose name is in use for a while after its end
    earlier.create_secret(Name="craton/demo/pool", SecretString="{}")
    earlier.delete_secret(SecretId="craton/demo/pool", ForceDeleteWithoutRecovery=True)
    assert cluster.install(given) is ExitCode.DONE, consoles(cluster)
    first = pooled(cluster, given)
    assert len(first) == 2
    assert cluster.install(given) is ExitCode.DONE, consoles(cluster)
    assert cluster.account.changed == []
    assert token(cluster) == "", "the invitation is taken away once the pool is full"

    broken = next(one.id for one in cluster.account.instances() if first[0].endswith(one.id.removeprefix("i-")))
    User(cluster.account).ec2.terminate_instances(InstanceIds=[broken])
    larger = given.model_copy(update={"workers": 3})
    assert cluster.install(larger) is ExitCode.DONE, consoles(cluster)
    assert len(pooled(cluster, given)) == 3
    assert first[0] not in pooled(cluster, given)
    assert nodes(cluster) == sorted([*machines(given), *pooled(cluster, given)]), "none is left of the broken one"

    assert cluster.install(given.model_copy(update={"workers": 1})) is ExitCode.DONE, consoles(cluster)
    assert nodes(cluster) == sorted([*machines(given), *pooled(cluster, given)])
    assert len(pooled(cluster, given)) == 1
    assert cluster.destroy(given) is ExitCode.DONE, cluster.failures
    assert remains(cluster.account) == []


def test_calls_whose_answers_are_lost_make_nothing_twice_and_leave_nothing(cluster: Cluster) -> None:
    """A sample: `make crash` has every fault."""
    endure_with_pool(cluster, Fault.LOST)
