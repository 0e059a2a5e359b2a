"""What the cluster's things in AWS are called, how they are tagged, and which machine an instance is. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from installer.plan.model import InstallPlan
from installer.plan.rules import Role
from installer.plan.topology import Machine

CLUSTER, ROLE, BATCH, SUBDOMAIN = "craton/cluster", "craton/role", "craton/batch", "craton/subdomain"
MACHINE, ZONE = "craton/machine", "craton/hosted-zone"

_BATCH = re.compile(r"([0-9]{1,5})\+([0-9]{1,2})x([0-9]{1,4})")
MOST_AT_ONCE = 500
"""Machines in one request."""


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


def read_tags(found: Mapping[str, object]) -> dict[str, str]:
    """The tags of an answer's item, by key."""
    listed = found.get("Tags") or ()
    assert isinstance(listed, Iterable)
    return {str(tag["Key"]): str(tag["Value"]) for tag in listed}


def identity(cluster: str, region: str, role: Role) -> str:
    """Name of a role's IAM role and instance profile: IAM is one for all regions."""
    return f"craton-{cluster}-{region}-{role}"


def group_name(cluster: str, role: Role) -> str:
    return f"{cluster}-{role}"


@dataclass(frozen=True, slots=True)
class Batch:
    """Machines of one role that one request makes: numbers `first`, `first + stride`, and so on, `count` of them."""

    role: Role
    first: int
    stride: int
    count: int

    @property
    def numbers(self) -> tuple[int, ...]:
        return tuple(self.first + index * self.stride for index in range(self.count))

    @property
    def tag(self) -> str:
        return f"{self.first}+{self.stride}x{self.count}"

    def names(self, cluster: str) -> tuple[str, ...]:
        return tuple(f"{cluster}-{self.role}-{number}" for number in self.numbers)


def machine_name(tagged: Mapping[str, str], launch_index: int) -> str | None:
    """Which machine an instance is, by its tags and its index in the request that made it; None if it is not ours."""
    cluster, role = tagged.get(CLUSTER), tagged.get(ROLE)
    found = _BATCH.fullmatch(tagged.get(BATCH, ""))
    if not cluster or role not in set(Role) or not found:
        return None
    first, stride, count = (int(group) for group in found.groups())
    return f"{cluster}-{role}-{first + launch_index * stride}" if launch_index < count else None


def zone_of(number: int, zones: Sequence[str]) -> str:
    """The zone of the machine with a number: each role is spread over all zones."""
    return zones[(number - 1) % len(zones)]


def planned(machines: Iterable[Machine], zones: Sequence[str]) -> dict[str, tuple[Machine, ...]]:
    """Machines of one role by zone."""
    found: dict[str, list[Machine]] = {}
    for machine in machines:
        found.setdefault(zone_of(machine.number, zones), []).append(machine)
    return {zone: tuple(found[zone]) for zone in zones if zone in found}


def batches(role: Role, numbers: Iterable[int], stride: int) -> Iterator[Batch]:
    """As few batches as name exactly these machines, each within what one request makes."""
    ordered = sorted(numbers)
    while ordered:
        taken = 1
        while taken < min(len(ordered), MOST_AT_ONCE) and ordered[taken] == ordered[taken - 1] + stride:
            taken += 1
        yield Batch(role, ordered[0], stride, taken)
        ordered = ordered[taken:]


def token(*words: str) -> str:
    """A ClientToken: the same words give the same one. At most 64 characters, as AWS has it."""
    return hashlib.sha256("\0".join(words).encode()).hexdigest()
