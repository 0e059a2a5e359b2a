"""The contract's rules as rules of security groups, one group for each role, and the way back. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from installer.plan.model import InstallPlan
from installer.plan.rules import Role, Traffic
from installer.plan.topology import FirewallRule
from installer.platforms.clouds.firewall import (
    EVERY_PORT,
    EVERYWHERE,
    Opening,
    Sources,
    described,
    in_force,
    rules_of,
    sources,
)

MOST_RULES = 60
"""AWS's quota of inbound rules in a group, unless it was raised."""
_NOT_ALLOWED = re.compile(r"[^A-Za-z0-9 ._:/()#,@\[\]+=&;{}!$*-]")
"""What a description must not hold ("SecurityGroupRuleDescription" in the EC2 API reference)."""


def known(plan: InstallPlan, groups: Mapping[Role, str]) -> Sources:
    """A network load balancer keeps clients' addresses, and asks after its targets' health from its own subnets."""
    return sources(plan, groups, (str(plan.networks.machines),))


def description(opening: Opening) -> str:
    return _NOT_ALLOWED.sub(" ", described(opening.rules))[:255]


def permission(opening: Opening) -> dict[str, Any]:
    """One rule of a group, as AuthorizeSecurityGroupIngress takes it."""
    of = {"Description": description(opening)}
    whom: dict[str, Any] = (
        {"UserIdGroupPairs": [{"GroupId": opening.source, **of}]}
        if opening.source.startswith("sg-")
        else {"IpRanges": [{"CidrIp": opening.source, **of}]}
    )
    if opening.traffic.protocol == "all":
        return {"IpProtocol": "-1", **whom}
    ports = {"FromPort": opening.traffic.first, "ToPort": opening.traffic.last}
    return {"IpProtocol": opening.traffic.protocol, **ports, **whom}


def read(permissions: Iterable[Mapping[str, Any]]) -> Iterator[Opening]:
    """The rules of a group as AWS lists them; those whose description names no rule of the contract have none."""
    for permission in permissions:
        protocol = str(permission.get("IpProtocol"))
        traffic = EVERY_PORT
        if protocol in ("tcp", "udp"):
            first, last = int(permission["FromPort"]), int(permission["ToPort"])
            traffic = Traffic("tcp" if protocol == "tcp" else "udp", first, last)
        elif protocol != "-1":
            continue
        sources = [(one["CidrIp"], one) for one in permission.get("IpRanges") or ()]
        sources += [(one["GroupId"], one) for one in permission.get("UserIdGroupPairs") or ()]
        for source, said in sources:
            yield Opening(traffic, str(source), rules_of(str(said.get("Description") or "")))


def group_in_force(group: Mapping[str, Any], plan: InstallPlan, groups: Mapping[Role, str]) -> tuple[FirewallRule, ...]:
    """What a group of DescribeSecurityGroups lets through, as rules of the contract."""
    outgoing = read(group.get("IpPermissionsEgress") or ())
    opened = any((one.traffic, one.source) == (EVERY_PORT, EVERYWHERE) for one in outgoing)
    return in_force(read(group.get("IpPermissions") or ()), known(plan, groups), way_out=opened)
