"""What AWS lists of one cluster, kept for a moment and shared by threads: a request for each kind, not each thing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Address
from typing import Any

from installer.accounts.aws.account import Account
from installer.platforms.aws import names
from installer.platforms.clouds.listing import Found, Instance, Instances, Shared

LIVE = ("pending", "running", "stopping", "stopped")
_PAGE = 1000
_TAGS_AT_ONCE = 20
"""ARNs or names that DescribeTags of Elastic Load Balancing takes."""


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
        Kind("nat-gateway", "describe_nat_gateways", "NatGateways", "NatGatewayId"),
        Kind("address", "describe_addresses", "Addresses", "AllocationId", None),
        Kind("launch-template", "describe_launch_templates", "LaunchTemplates", "LaunchTemplateId", 200),
        Kind("volume", "describe_volumes", "Volumes", "VolumeId", 500),
        Kind("network-interface", "describe_network_interfaces", "NetworkInterfaces", "NetworkInterfaceId"),
    )
}


class Listing:
    """Everything in one region that belongs to a cluster, by its tag. Safe from many threads."""

    def __init__(self, account: Account, cluster: str) -> None:
        self._account = account
        self._cluster = cluster
        self.instances = Instances(self._instances)
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

    def _listed(self, kind: Kind) -> tuple[Found, ...]:
        more = {"MaxResults": kind.most} if kind.most else {}
        chosen = "Filter" if kind.name == "nat-gateway" else "Filters"  # EC2's own inconsistency
        found = self._account.pages("ec2", kind.operation, kind.result, **{chosen: self.filter}, **more)
        return tuple(one for one in found if one.get("State") != "deleted")  # a NAT gateway is listed for an hour

    def _instances(self) -> tuple[Instance, ...]:
        asked = self._account.pages("ec2", "describe_instances", "Reservations", Filters=self.filter, MaxResults=_PAGE)
        return tuple(_instance(one) for reservation in asked for one in reservation["Instances"])

    def _balancers(self) -> tuple[Found, ...]:
        return self._tagged("describe_load_balancers", "LoadBalancers", "LoadBalancerArn")

    def _target_groups(self) -> tuple[Found, ...]:
        return self._tagged("describe_target_groups", "TargetGroups", "TargetGroupArn")

    def pools(self) -> tuple[Found, ...]:
        """Auto Scaling Groups, as they are now. One that is being deleted has a status."""
        asked = self._account.pages(
            "autoscaling", "describe_auto_scaling_groups", "AutoScalingGroups", Filters=self.filter
        )
        return tuple(asked)

    def classic_balancers(self) -> Iterator[str]:
        """The names of Classic Load Balancers, of which only the cluster's Kubernetes makes any."""
        listed = self._account.pages("elb", "describe_load_balancers", "LoadBalancerDescriptions")
        every, key = [str(one["LoadBalancerName"]) for one in listed], names.kubernetes_tag(self._cluster)
        for start in range(0, len(every), _TAGS_AT_ONCE):
            some = every[start : start + _TAGS_AT_ONCE]
            for one in self._account.ask("elb", "describe_tags", LoadBalancerNames=some)["TagDescriptions"]:
                if names.read_tags(one).get(key) == "owned":
                    yield str(one["LoadBalancerName"])

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
    private, tagged, state = found.get("PrivateIpAddress"), names.read_tags(found), str(found["State"]["Name"])
    id = str(found["InstanceId"])
    return Instance(
        id=id,
        machine=names.machine_name(tagged, int(found.get("AmiLaunchIndex", 0)), id),
        state=state,
        lives=state in LIVE,
        runs=state == "running",
        zone=str(found.get("Placement", {}).get("AvailabilityZone", "")),
        private=IPv4Address(private) if private else None,
        public=str(found.get("PublicIpAddress") or ""),
        reason=str((found.get("StateReason") or {}).get("Message", "")),
        names=tuple(str(found[key]) for key in ("PrivateDnsName", "PublicDnsName") if found.get(key)),
        pooled=names.POOL in tagged,
        generation=tagged.get(names.GENERATION, ""),
    )
