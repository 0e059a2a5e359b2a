"""A worker pool in AWS on machines that boot: cloud-init runs what the launch template says, as its role may.

Kubernetes' own programs are stand-ins: there is no cluster to join, so the machine waits for an invitation in the end.
"""

from __future__ import annotations

from dataclasses import replace

import boto3
import pytest

from installer.common.errors import ExitCode
from installer.plan.topology import topology
from installer.platforms import platform_steps
from installer.steps.step import Phase, ordered
from tests.cloud.test_clusters_of_containers import mirrored, said
from tests.doubles.aws.account import Account
from tests.doubles.cloud.clusters import BOOTING, CloudCluster
from tests.doubles.cloud.containers import Containers
from tests.doubles.cloud.doorway import doorway
from tests.doubles.cloud.fabric import USER
from tests.doubles.local import TO_KUBERNETES, steps_of
from tests.patience import eventually

pytestmark = pytest.mark.needs("containers", "network namespaces", "named", "haproxy")

_PARTS = ("join/pool/secret", "join/pool/template", "join/pool/group")


def test_a_machine_of_a_pool_fetches_what_it_runs_and_prepares_itself(
    aws: Account, ec2: Containers, monkeypatch: pytest.MonkeyPatch
) -> None:
    boto3.client("route53").create_hosted_zone(Name="example.test", CallerReference="1")
    cluster = CloudCluster(aws, ec2, tempo=BOOTING)
    settings = {"master_type": "t3.medium", "worker_type": "t3.medium", "zones": ["eu-central-1a"], "worker_pool": True}
    endpoint = boto3.client("sts").meta.endpoint_url
    with (
        doorway(endpoint, USER) as url,
        mirrored("aws", masters=1, workers=1, ingress={"kind": "load-balancer"}, aws=settings) as plan,
    ):
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        monkeypatch.setenv("NO_PROXY", f"127.0.0.1,localhost,{USER}")
        parts = [step for step in platform_steps(plan, topology(plan)) if step.id in _PARTS]
        first = steps_of(plan, *TO_KUBERNETES, Phase.DNS)
        known = {step.id for step in (*first, *parts)}
        steps = ordered(replace(step, needs=tuple(need for need in step.needs if need in known))
                        for step in (*first, *parts))  # fmt: skip
        assert cluster.run(plan, steps) is ExitCode.DONE, cluster.failures
        (group,) = boto3.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
        (member,) = (one["InstanceId"] for one in group["Instances"])
        waits = "can't join yet: nobody is invited now"
        eventually(lambda: waits in ec2.console(member), "the machine to wait for an invitation")
        assert said(ec2, member, "hostname") == f"demo-worker-{member.removeprefix('i-')}"
        assert "prepared=v" in said(ec2, member, "craton-node", "status")
        assert cluster.destroy(plan) is ExitCode.DONE, cluster.failures
    ec2.close()
    assert (ec2.names, ec2.remains()) == ([], [])
