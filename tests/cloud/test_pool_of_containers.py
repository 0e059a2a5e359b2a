"""Worker pools on machines that boot: what a template says runs there, and asks the cloud as its identity may.

Kubernetes' own programs are stand-ins: there is no cluster to join, so the machine waits for an invitation in the end.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import boto3
import pytest

from installer.common.errors import ExitCode
from installer.plan.model import InstallPlan
from installer.plan.topology import topology
from installer.platforms import open_platform, platform_steps
from installer.platforms.clouds.platform import CloudPlatform
from installer.steps.step import Phase, ordered
from tests.cloud.test_clusters_of_containers import mirrored, said
from tests.doubles.aws.account import Account
from tests.doubles.cloud.clusters import BOOTING, CloudCluster
from tests.doubles.cloud.containers import Containers
from tests.doubles.cloud.doorway import doorway
from tests.doubles.cloud.fabric import USER
from tests.doubles.gcp.environment import environment
from tests.doubles.gcp.project import Project
from tests.doubles.local import TO_KUBERNETES, steps_of
from tests.patience import eventually

pytestmark = [pytest.mark.waits, pytest.mark.needs("containers", "network namespaces", "named", "haproxy")]


def prepared_alone(cluster: CloudCluster, boxes: Containers, plan: InstallPlan) -> tuple[str, str]:
    """Install as far as the pool's machine prepares itself and waits for an invitation; its id and host name."""
    parts = [step for step in platform_steps(plan, topology(plan)) if step.id.startswith("join/pool/")]
    first = steps_of(plan, *TO_KUBERNETES, Phase.DNS)
    known = {step.id for step in (*first, *parts)}
    steps = ordered(
        replace(step, needs=tuple(need for need in step.needs if need in known)) for step in (*first, *parts)
    )
    assert cluster.run(plan, steps) is ExitCode.DONE, cluster.failures

    platform = open_platform(plan)
    assert isinstance(platform, CloudPlatform)

    def member() -> str | None:
        platform.instances.changed()
        platform.instances.value()  # a group makes what it lacks by the time that somebody looks
        waits = "can't join yet: nobody is invited now"
        return next((id for id in boxes.names if waits in boxes.console(id)), None)

    found = str(eventually(member, "the machine to wait for an invitation"))
    platform.close()
    assert "prepared=v" in said(boxes, found, "craton-node", "status")
    return found, said(boxes, found, "hostname")


def test_a_machine_of_a_pool_in_aws_fetches_what_it_runs_and_prepares_itself(
    aws: Account, ec2: Containers, monkeypatch: pytest.MonkeyPatch
) -> None:
    boto3.client("route53").create_hosted_zone(Name="example.test", CallerReference="1")
    cluster = CloudCluster(aws, ec2, tempo=BOOTING)
    settings = {"master_type": "t3.medium", "worker_type": "t3.medium", "zones": ["eu-central-1a"], "worker_pool": True}
    with (
        doorway(os.environ["AWS_ENDPOINT_URL"], USER) as url,
        mirrored("aws", masters=1, workers=1, ingress={"kind": "load-balancer"}, aws=settings) as plan,
    ):
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        monkeypatch.setenv("NO_PROXY", f"127.0.0.1,localhost,{USER}")
        member, name = prepared_alone(cluster, ec2, plan)
        assert name == f"demo-worker-{member.removeprefix('i-')}"
        assert cluster.destroy(plan) is ExitCode.DONE, cluster.failures
    ec2.close()
    assert (ec2.names, ec2.remains()) == ([], [])


def test_a_machine_of_a_pool_in_google_cloud_fetches_what_it_runs_and_prepares_itself(
    gcp: Project, compute: Containers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gcp.zones["mine"] = {"dnsName": "example.test.", "rrsets": {}, "changes": {}}
    cluster = CloudCluster(gcp, compute, tempo=BOOTING)
    balancer = {"kind": "load-balancer"}
    with (
        doorway(os.environ["CLOUDSDK_API_ENDPOINT_OVERRIDES_COMPUTE"], USER) as url,
        mirrored("gcp", masters=1, workers=1, ingress=balancer, gcp={"worker_pool": True}) as plan,
    ):
        for variable, value in environment(url, tmp_path).items():
            monkeypatch.setenv(variable, value)
        member, name = prepared_alone(cluster, compute, plan)
        assert name.startswith("demo-worker-")
        rule = f"from {plan.networks.pods} to 169.254.169.254 prohibit"
        assert rule in said(compute, member, "ip", "rule"), "its pods get no token of its service account"
        assert cluster.destroy(plan) is ExitCode.DONE, cluster.failures
        assert gcp.remains() == []
    compute.close()
    assert (compute.names, compute.remains()) == ([], [])
