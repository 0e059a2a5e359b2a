"""Whole clusters in AWS: a plan becomes a verified cluster, grows, and goes, on stand-ins behind SSH."""

from __future__ import annotations

from pathlib import Path

import pytest

from installer.common.errors import ExitCode
from tests.aws.clusters import Cluster, endure, plan
from tests.aws.user import User
from tests.doubles.aws.account import Account
from tests.doubles.aws.faults import Fault
from tests.doubles.aws.remains import keep, remains
from tests.doubles.cloud.clusters import machines, provided
from tests.doubles.cloud.stand_ins import StandIns

pytestmark = pytest.mark.needs("low ports")


@pytest.fixture
def cluster(aws: Account, user: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path / "home"))
    user.client("route53").create_hosted_zone(Name="example.test", CallerReference="1")
    keep(aws)
    aws.machines = stand_ins = StandIns()
    return Cluster(aws, stand_ins)


@pytest.mark.parametrize("balancer", [False, True])
def test_a_cluster_is_installed_scaled_and_destroyed_and_nothing_remains(cluster: Cluster, balancer: bool) -> None:
    small = plan(masters=3 if balancer else 1, balancer=balancer, integration=balancer)
    assert cluster.install(small) is ExitCode.DONE, cluster.failures
    assert cluster.stand_ins.names == machines(small)
    assert isinstance(cluster.stand_ins, StandIns)
    assert cluster.stand_ins.provider_ids() == (provided(small) if balancer else {})
    assert cluster.account.counted() <= 150
    assert cluster.install(small) is ExitCode.DONE, cluster.failures
    assert cluster.account.changed == []
    assert cluster.account.counted() <= 40
    larger = small.model_copy(update={"workers": 2})
    assert cluster.install(larger) is ExitCode.DONE, cluster.failures
    assert cluster.stand_ins.names == machines(larger)
    assert cluster.account.changed.count("ec2:RunInstances") == 1
    assert cluster.destroy(small) is ExitCode.DONE, cluster.failures
    assert remains(cluster.account) == []


def test_private_workers_are_reached_through_a_master_and_leave_through_nat_gateways(cluster: Cluster) -> None:
    given = plan(workers=2, zones=["eu-central-1a", "eu-central-1b"], private_workers=True)
    assert cluster.install(given) is ExitCode.DONE, cluster.failures
    assert cluster.stand_ins.names == machines(given)
    public = [one.id for one in cluster.account.instances() if one.public_ip]
    assert len(public) == len(machines(given)) - 2, "all but the workers"
    assert cluster.install(given) is ExitCode.DONE, cluster.failures
    assert cluster.account.changed == []
    assert cluster.destroy(given) is ExitCode.DONE, cluster.failures
    assert remains(cluster.account) == []


@pytest.mark.parametrize("fault", [Fault.THROTTLING, Fault.CAPACITY])
def test_every_call_may_fail_and_runs_after_it_make_no_twin_and_leave_nothing(cluster: Cluster, fault: Fault) -> None:
    """A sample: `make crash` has every fault, and the calls of load balancers."""
    endure(cluster, fault, balancer=False)
