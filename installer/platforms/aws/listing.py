"""What AWS lists of one cluster, kept for a moment and shared by threads: a request for each kind, not each thing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Address
from typing import Any, Generic, TypeVar

from installer.platforms.aws import names
from installer.platforms.aws.account import Account

T = TypeVar("T")
Found = Mapping[str, Any]
"""An item of an answer, as AWS spells it."""

LIVE = ("pending", "running", "stopping", "stopped")
_PAGE = 1000
_TAGS_AT_ONCE = 20
"""ARNs that DescribeTags of Elastic Load Balancing takes."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How things of one kind are listed: boto3's operation, the list in its answer, and the field of a thing's id."""

    name: str
    operation: str
    result: str
    id: str
    most: int | None = _PAGE
    """Items of a page to ask for; None where the operation takes no such number."""


EC2 = {
    kind.name: kind
    for kind in (
        Kind("vpc", "describe_vpcs", "Vpcs", "VpcId"),
        Kind("subnet", "describe_subnets", "Subnets", "SubnetId"),
        Kind("gateway", "describe_internet_gateways", "InternetGateways", "InternetGatewayId"),
        Kind("route-table", "describe_route_tables", "RouteTables", "RouteTableId", 100),
        Kind("security-group", "describe_security_groups", "SecurityGroups", "GroupId"),
        Kind("address", "describe_addresses", "Addresses", "AllocationId", None),
        Kind("volume", "describe_volumes", "Volumes", "VolumeId", 500),
        Kind("network-interface", "describe_network_interfaces", "NetworkInterfaces", "NetworkInterfaceId"),
    )
}


class Shared(Generic[T]):
    """A value that is asked for once. Threads that have all seen the same version share the request for the next."""

    def __init__(self, fetch: Callable[[], T]) -> None:
        self._fetch = fetch
        self._lock = threading.Lock()
        self._value: T | None = None
        self.version = 0
        """0 before the first."""

    def value(self, newer_than: int = 0) -> T:
        with self._lock:
            if self._value is None or self.version <= newer_than:
                self._value = self._fetch()
                self.version += 1
            return self._value

    def changed(self) -> None:
        """What is kept is no longer true."""
        with self._lock:
            self._value = None


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance as the listing shows it. `machine` is None where it is none of Craton's."""

    id: str
    machine: str | None
    state: str
    zone: str
    private: IPv4Address | None
    public: str
    batch: str
    reason: str = ""

    @property
    def lives(self) -> bool:
        return self.state in LIVE

    @property
    def ready(self) -> bool:
        """Whether it runs and can be found from outside."""
        return self.state == "running" and bool(self.public) and self.private is not None


class Listing:
    """Everything in one region that belongs to a cluster, by its tag. Safe from many threads."""

    def __init__(self, account: Account, cluster: str) -> None:
        self._account = account
        self._cluster = cluster
        self.instances: Shared[tuple[Instance, ...]] = Shared(self._instances)
        self._by_machine: tuple[tuple[Instance, ...], dict[str, Instance]] = ((), {})
        self._things = {name: Shared(partial(self._listed, kind)) for name, kind in EC2.items()}
        self.balancers: Shared[tuple[Found, ...]] = Shared(self._balancers)
        self.target_groups: Shared[tuple[Found, ...]] = Shared(self._target_groups)

    @property
    def filter(self) -> list[dict[str, Any]]:
        """What is the cluster's own, made by Craton or by its Kubernetes."""
        return [{"Name": f"tag:{names.kubernetes_tag(self._cluster)}", "Values": ["owned"]}]

    def things(self, kind: str) -> tuple[Found, ...]:
        return self._things[kind].value()

    def one(self, kind: str, name: str) -> Found | None:
        """The thing of a kind that Craton calls by a name."""
        for found in self.things(kind):
            tagged = names.read_tags(found)
            if tagged.get("Name") == name and tagged.get(names.CLUSTER) == self._cluster:
                return found
        return None

    def changed(self, *kinds: str) -> None:
        """What is kept of these kinds is no longer true."""
        for kind in kinds:
            self._things[kind].changed()

    def by_machine(self, newer_than: int = 0) -> dict[str, Instance]:
        """The instance of each machine that lives."""
        listed = self.instances.value(newer_than)
        last, known = self._by_machine
        if last is not listed:
            found = {one.machine: one for one in listed if one.machine and one.lives}
            self._by_machine = (listed, found)
            return found
        return known

    def _listed(self, kind: Kind) -> tuple[Found, ...]:
        more = {"MaxResults": kind.most} if kind.most else {}
        return tuple(self._account.pages("ec2", kind.operation, kind.result, Filters=self.filter, **more))

    def _instances(self) -> tuple[Instance, ...]:
        asked = self._account.pages("ec2", "describe_instances", "Reservations", Filters=self.filter, MaxResults=_PAGE)
        return tuple(_instance(one) for reservation in asked for one in reservation["Instances"])

    def _balancers(self) -> tuple[Found, ...]:
        return self._tagged("describe_load_balancers", "LoadBalancers", "LoadBalancerArn")

    def _target_groups(self) -> tuple[Found, ...]:
        return self._tagged("describe_target_groups", "TargetGroups", "TargetGroupArn")

    def _tagged(self, operation: str, result: str, arn: str) -> tuple[Found, ...]:
        """Those of the region that are the cluster's: balancers can't be listed by tag, and a region has few."""
        listed = {str(one[arn]): one for one in self._account.pages("elbv2", operation, result)}
        arns, key = list(listed), names.kubernetes_tag(self._cluster)
        found: list[Found] = []
        for start in range(0, len(arns), _TAGS_AT_ONCE):
            some = arns[start : start + _TAGS_AT_ONCE]
            described = self._account.ask("elbv2", "describe_tags", ResourceArns=some)["TagDescriptions"]
            found += [listed[one["ResourceArn"]] for one in described if names.read_tags(one).get(key) == "owned"]
        return tuple(found)


def _instance(found: Found) -> Instance:
    private, tagged = found.get("PrivateIpAddress"), names.read_tags(found)
    return Instance(
        str(found["InstanceId"]),
        names.machine_name(tagged, int(found.get("AmiLaunchIndex", 0))),
        str(found["State"]["Name"]),
        str(found.get("Placement", {}).get("AvailabilityZone", "")),
        IPv4Address(private) if private else None,
        str(found.get("PublicIpAddress") or ""),
        tagged.get(names.BATCH, ""),
        str((found.get("StateReason") or {}).get("Message", "")),
    )
