"""What the cluster's things in Google Cloud are called, and how they say whose they are. Pure.

What takes labels has them. All that is not a machine or a disk has a description, too, whose last words are the mark.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from installer.cluster.dns.records import Names
from installer.plan.model import InstallPlan
from installer.plan.platforms.gcp.integration import LABEL
from installer.plan.platforms.gcp.settings import Gcp
from installer.plan.rules import Role

WAY_OUT = "external-nat"
"""Name of the way out of a machine's first network interface."""
CLUSTER, ROLE = LABEL, "craton-role"
POOL, GENERATION = "craton-pool", "craton-generation"
_MARK = re.compile(r"craton cluster=([a-z0-9-]+) region=([a-z0-9-]+) subdomain=([a-z0-9.-]+)$")


@dataclass(frozen=True, slots=True)
class Mark:
    """Whose a thing is: all that removing a cluster needs to know."""

    cluster: str
    region: str
    subdomain: str


def published(plan: InstallPlan) -> Names:
    """The contract's names in Cloud DNS."""
    gcp = plan.settings_of(Gcp)
    owner = f"craton/cluster={plan.name}, {gcp.region}"
    hosts = (plan.api_host, plan.console_host)
    return Names(hosts, plan.subdomain, gcp.managed_zone, owner, "gcp.managed_zone", "gcp.dns: manual")


def described(plan: InstallPlan, words: str = "") -> str:
    """The description of one thing: what it is for, then whose it is."""
    mark = f"craton cluster={plan.name} region={plan.settings_of(Gcp).region} subdomain={plan.subdomain}"
    return f"{words}. {mark}" if words else mark


def mark_of(description: str) -> Mark | None:
    """Whose the thing with a description is; None if it is none of Craton's."""
    found = _MARK.search(description)
    return Mark(*found.groups()) if found else None


def marked(cluster: str, region: str) -> str:
    """The filter of a list that leaves what has the cluster's mark."""
    return f'description eq ".*craton cluster={cluster} region={region} .*"'


def labelled(cluster: str) -> str:
    """The filter of a list that leaves what has the cluster's label."""
    return f"labels.{CLUSTER}={cluster}"


def labels(plan: InstallPlan, role: Role | None = None) -> dict[str, str]:
    return {CLUSTER: plan.name, **({ROLE: role.value} if role else {})}


def tag(cluster: str, role: Role) -> str:
    """The network tag of a role's machines, by which firewall rules know them. Service accounts are called so, too."""
    return f"{cluster}-{role}"


def pool_name(cluster: str) -> str:
    """Of the managed instance group of the workers: its machines' names begin so, those of its templates, too."""
    return f"{cluster}-{Role.WORKER}"


def secret_name(cluster: str) -> str:
    """Of the secret from which the pool's machines get what they need to join."""
    return f"{cluster}-pool"


def machine_name(name: str, found: Mapping[str, str]) -> str | None:
    """Which machine an instance is, by its name and labels; None if it is not ours.

    To the name of a pool's machines Google adds four letters and digits.
    """
    cluster, role = found.get(CLUSTER), found.get(ROLE)
    if not cluster or role not in set(Role):
        return None
    number = "[0-9a-z]{4}" if found.get(POOL) == pool_name(cluster) else "[1-9][0-9]*"
    return name if re.fullmatch(rf"{re.escape(cluster)}-{role}-{number}", name) else None
