"""Worker pools in the double of AWS, whose calls fail."""

from __future__ import annotations

from functools import partial

from installer.plan.model import InstallPlan
from tests.aws.clusters import Cluster, plan
from tests.doubles.aws import faults
from tests.doubles.aws.faults import Fault
from tests.doubles.cloud import clusters
from tests.doubles.cloud.stand_ins import StandIns

CALLS_OF_POOLS = (
    ("secretsmanager:CreateSecret", "secretsmanager:PutSecretValue", "ec2:CreateLaunchTemplate",
     "autoscaling:CreateAutoScalingGroup"),
    ("autoscaling:UpdateAutoScalingGroup",),
    ("autoscaling:TerminateInstanceInAutoScalingGroup", "ec2:CreateLaunchTemplateVersion"),
    ("autoscaling:DeleteAutoScalingGroup", "ec2:DeleteLaunchTemplate", "secretsmanager:DeleteSecret"),
)  # fmt: skip
"""Calls that change something of a worker pool: as it is made, grows, shrinks and changes, and goes."""


def endure_with_pool(cluster: Cluster, fault: Fault) -> int:
    """The first request of each call about a worker pool fails so: as many machines as planned join, and all go.

    Return how many requests fail.
    """
    failing = 0
    given = plan(workers=1, worker_pool=True, integration=True)
    larger = given.model_copy(update={"workers": 2})
    newer = given.model_copy(update={"masters": 3})  # machines of the pool that know fewer masters are replaced
    assert isinstance(cluster.stand_ins, StandIns)
    before: list[str] = []
    for wanted, calls in zip((given, larger, newer), CALLS_OF_POOLS, strict=False):
        failing += _have_fail(cluster, calls, fault)
        clusters.until_done(cluster, partial(cluster.install, wanted), len(calls))
        found = pooled(cluster, wanted)
        assert len(found) == wanted.workers, found
        assert cluster.stand_ins.nodes() == sorted([*clusters.machines(wanted), *found])
        before, last = found, before
    assert not set(before) & set(last), "all were replaced"
    failing += _have_fail(cluster, CALLS_OF_POOLS[-1], fault)
    clusters.until_done(cluster, partial(cluster.destroy, newer), len(CALLS_OF_POOLS[-1]))
    assert cluster.remains() == [], f"left: {cluster.remains()}"
    assert cluster.account.pending_faults == {}, f"never met: {cluster.account.pending_faults}"
    return failing


def pooled(cluster: Cluster, given: InstallPlan) -> list[str]:
    """Names of the machines that the plan doesn't name."""
    return [name for name in cluster.stand_ins.names if name not in clusters.machines(given)]


def _have_fail(cluster: Cluster, calls: tuple[str, ...], fault: Fault) -> int:
    failing = [name for name in calls if faults.applies(name, fault)]
    for name in failing:
        cluster.account.fail(name, fault)
    return len(failing)
