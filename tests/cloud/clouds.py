"""Each cloud's double with a cluster in it, for stories that all clouds have."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import boto3

from installer.plan.model import InstallPlan
from tests.aws import clusters as in_aws
from tests.aws.pools import endure_with_pool as endure_in_aws
from tests.doubles.aws.account import Account
from tests.doubles.aws.remains import keep
from tests.doubles.cloud import guest_agent
from tests.doubles.cloud.clusters import CloudCluster
from tests.doubles.cloud.google_metadata import GoogleMetadata
from tests.doubles.cloud.stand_ins import StandIns
from tests.doubles.gcp import instances
from tests.doubles.gcp.project import REGION, Project
from tests.gcp import clusters as in_gcp
from tests.gcp.pools import endure_with_pool as endure_in_gcp


@dataclass
class Cloud:
    """One cloud, with a cluster in its double. `launch` is the call that makes machines, and `zones` are two of its."""

    cluster: CloudCluster
    stand_ins: StandIns
    plan: Callable[..., InstallPlan]
    endure: Callable[..., object]
    launch: str
    zones: list[str]
    most: int
    """Requests that an install takes at most."""
    endure_with_pool: Callable[..., object]
    token: Callable[[], str]
    """The bootstrap token that machines of a worker pool would find; empty if nobody is invited."""
    living: Callable[[], set[str]]
    """Ids of the instances that live."""
    end: Callable[[str], None]
    """Somebody ends one of them."""


def of_aws(aws: Account) -> Cloud:
    boto3.client("route53").create_hosted_zone(Name="example.test", CallerReference="1")
    keep(aws)
    aws.machines = stand_ins = StandIns()

    def token() -> str:
        found = boto3.client("secretsmanager").get_secret_value(SecretId="craton/demo/pool")
        return str(json.loads(found["SecretString"])["token"])

    return Cloud(
        in_aws.Cluster(aws, stand_ins), stand_ins, in_aws.plan, in_aws.endure, "ec2:RunInstances",
        ["eu-central-1a", "eu-central-1b"], 150, endure_in_aws, token,
        lambda: {one.id for one in aws.instances() if one.state in ("pending", "running")},
        lambda id: boto3.client("ec2").terminate_instances(InstanceIds=[id]),
    )  # fmt: skip


def of_gcp(gcp: Project) -> Cloud:
    gcp.zones["mine"] = {"dnsName": "example.test.", "rrsets": {}, "changes": {}}
    gcp.machines = stand_ins = StandIns(guest_agent.read, GoogleMetadata)

    def token() -> str:
        *_, newest = gcp.secrets["demo-pool"].versions.values()
        return str(json.loads(b64decode(newest.data))["token"])

    def end(id: str) -> None:
        with gcp.lock:
            instances.stop(gcp, next(one for one in gcp.of("instances") if one["id"] == id))

    return Cloud(
        in_gcp.Cluster(gcp, stand_ins), stand_ins, in_gcp.plan, in_gcp.endure, "compute.instances.bulkInsert",
        [f"{REGION}-a", f"{REGION}-b"], 165,  # 150, and a few looks more at what takes its time on a busy computer
        endure_in_gcp, token, lambda: {one["id"] for one in gcp.of("instances") if one["status"] != "STOPPING"}, end,
    )  # fmt: skip


OF: dict[str, Callable[[Any], Cloud]] = {"aws": of_aws, "gcp": of_gcp}
