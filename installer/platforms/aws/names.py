"""What the cluster's things in AWS are called, how they are tagged, and which machine an instance is. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from installer.cluster.dns.records import Names
from installer.plan.model import InstallPlan
from installer.plan.platforms.aws.settings import Aws
from installer.plan.rules import Role

CLUSTER, ROLE, BATCH, SUBDOMAIN = "craton/cluster", "craton/role", "craton/batch", "craton/subdomain"
MACHINE, ZONE = "craton/machine", "craton/hosted-zone"
POOL, GENERATION = "craton/pool", "craton/generation"

_BATCH = re.compile(r"([0-9]{1,5})\+([0-9]{1,2})x([0-9]{1,4})")


def kubernetes_tag(cluster: str) -> str:
    """The tag by which Kubernetes' cloud plugin finds what is the cluster's."""
    return f"kubernetes.io/cluster/{cluster}"


def tags(plan: InstallPlan, name: str, more: Mapping[str, str] | None = None) -> list[dict[str, str]]:
    """The tags of one thing. All that removing a cluster needs to know is on each."""
    every = {
        "Name": name,
        CLUSTER: plan.name,
        kubernetes_tag(plan.name): "owned",
        SUBDOMAIN: plan.subdomain,
        **(more or {}),
    }
    return [{"Key": key, "Value": value} for key, value in every.items()]


def specified(plan: InstallPlan, name: str, type: str) -> list[dict[str, Any]]:
    """The tags of one thing of a type, as EC2's requests take them."""
    return [{"ResourceType": type, "Tags": tags(plan, name)}]


def read_tags(found: Mapping[str, object]) -> dict[str, str]:
    """The tags of an answer's item, by key."""
    listed = found.get("Tags") or ()
    assert isinstance(listed, Iterable)
    return {str(tag["Key"]): str(tag["Value"]) for tag in listed}


def identity(cluster: str, region: str, role: Role) -> str:
    """Name of a role's IAM role and instance profile: IAM is one for all regions."""
    return f"craton-{cluster}-{region}-{role}"


def published(plan: InstallPlan) -> Names:
    """The contract's names in Route 53."""
    aws = plan.settings_of(Aws)
    owner = f"craton/cluster={plan.name}, {aws.region}"
    hosts = (plan.api_host, plan.console_host)
    return Names(hosts, plan.subdomain, aws.hosted_zone, owner, "aws.hosted_zone", "aws.dns: manual")


def group_name(cluster: str, role: Role) -> str:
    return f"{cluster}-{role}"


def pool_name(cluster: str) -> str:
    """Of the Auto Scaling Group of the workers, and of its launch template."""
    return f"{cluster}-{Role.WORKER}"


def secret_name(cluster: str) -> str:
    """Of the secret from which the pool's machines get what they need to join."""
    return f"craton/{cluster}/pool"


def machine_name(tagged: Mapping[str, str], launch_index: int, id: str = "") -> str | None:
    """Which machine an instance is, by its tags and its index in the request that made it; None if it is not ours.

    One of a pool has its instance's id in its name.
    """
    cluster, role = tagged.get(CLUSTER), tagged.get(ROLE)
    if cluster and tagged.get(POOL) == pool_name(cluster):
        return f"{pool_name(cluster)}-{id.removeprefix('i-')}"
    found = _BATCH.fullmatch(tagged.get(BATCH, ""))
    if not cluster or role not in set(Role) or not found:
        return None
    first, stride, count = (int(group) for group in found.groups())
    return f"{cluster}-{role}-{first + launch_index * stride}" if launch_index < count else None
