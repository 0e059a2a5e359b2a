"""The rules between the settings of AWS and the rest of the plan."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from installer.common.text import count
from installer.plan.clouds import conflicts, zones_elsewhere
from installer.plan.conflict import Conflict, ConflictRule

if TYPE_CHECKING:
    from installer.plan.common_settings import CommonSettings
    from installer.plan.platforms.aws.settings import Aws

_MACHINES = ("networks", "machines")
_RESERVED = 5
"""Addresses of each subnet that AWS keeps (VPC user guide, "Subnet CIDR blocks")."""
_SUBNETS = 4


def _zones(_plan: CommonSettings, aws: Aws) -> Iterator[Conflict]:
    yield from zones_elsewhere("aws", aws.region, aws.zones)


def _existing(_plan: CommonSettings, aws: Aws) -> Iterator[Conflict]:
    if aws.vpc is None and aws.subnets:
        yield ("aws", "vpc"), "no VPC", "You listed subnets. Name the VPC that they are in, or leave them out."
    if aws.vpc and (len(aws.subnets) != len(aws.zones) or not aws.zones):
        given = f"You listed {count(len(aws.subnets), 'subnet')} and {count(len(aws.zones), 'zone')}"
        message = f"{given}. In an existing VPC, list the zones, and one subnet for each in the same order."
        yield ("aws", "subnets"), f"a list of {len(aws.subnets)}", message


def _network_size(plan: CommonSettings, aws: Aws) -> Iterator[Conflict]:
    network = plan.networks.machines
    if not 16 <= network.prefixlen <= 24:
        yield _MACHINES, f"'{network}'", f"A VPC can't have the network {network}. Use one from /16 to /24."
        return
    zones = len(aws.spread)
    room = network.num_addresses // _SUBNETS - _RESERVED
    fullest = sum(-(-number // zones) for number in (plan.masters, plan.infra, plan.workers)) + 1  # the balancer's
    if aws.vpc is None and fullest > room:
        message = (
            f"A quarter of {network} has room for {room} machines; one zone would hold {fullest}. Use a larger one."
        )
        yield _MACHINES, f"'{network}'", message


CONFLICTS = (
    ConflictRule((("aws", "zones"), ("aws", "region")), _zones),
    ConflictRule((("aws", "vpc"), ("aws", "subnets"), ("aws", "zones")), _existing),
    ConflictRule((_MACHINES, ("masters",), ("workers",), ("ingress",), ("aws", "zones")), _network_size),
    *conflicts("aws", "AWS"),
)
