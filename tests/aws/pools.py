"""Worker pools in the double of AWS, whose calls fail."""

from __future__ import annotations

from tests.aws.clusters import Cluster, plan
from tests.doubles.aws import faults
from tests.doubles.aws.faults import Fault
from tests.doubles.cloud import pools
from tests.doubles.cloud.pools import Calls

CALLS_OF_POOLS: Calls = (
    ("secretsmanager:CreateSecret", "secretsmanager:PutSecretValue", "ec2:CreateLaunchTemplate",
     "autoscaling:CreateAutoScalingGroup"),
    ("autoscaling:UpdateAutoScalingGroup",),
    ("autoscaling:TerminateInstanceInAutoScalingGroup", "ec2:CreateLaunchTemplateVersion"),
    ("autoscaling:DeleteAutoScalingGroup", "ec2:DeleteLaunchTemplate", "secretsmanager:DeleteSecret"),
)  # fmt: skip


def endure_with_pool(cluster: Cluster, fault: Fault) -> int:
    """The first request of each call about a worker pool fails so. Return how many do."""
    calls = [[name for name in names if faults.applies(name, fault)] for names in CALLS_OF_POOLS]
    return pools.endure(cluster, plan, calls, lambda name: cluster.account.fail(name, fault))
