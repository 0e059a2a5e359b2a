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


def _private(_plan: CommonSettings, aws: Aws) -> Iterator[Conflict]:
    wanted = len(aws.zones) if aws.vpc and aws.private_workers else 0
    if len(aws.private_subnets) != wanted:
        message = "List one private subnet for each zone, in the same order."
        if not wanted:
            message = "Private subnets are for private workers in an existing VPC. Leave them out."
        yield ("aws", "private_subnets"), f"a list of {len(aws.private_subnets)}", message


def _network_size(plan: CommonSettings, aws: Aws) -> Iterator[Conflict]:
    network = plan.networks.machines
    if not 16 <= network.prefixlen <= 24:
        yield _MACHINES, f"'{network}'", f"A VPC can't have the network {network}. Use one from /16 to /24."
        return
    zones = len(aws.spread)
    share = _SUBNETS * (2 if aws.private_workers else 1)
    room = network.num_addresses // share - _RESERVED
    masters, infra, workers = (-(-number // zones) for number in (plan.masters, plan.infra, plan.workers))
    public = masters + infra + 1  # the balancer's, or the NAT gateway's
    fullest = max(public, workers) if aws.private_workers else public + workers
    if aws.vpc is None and fullest > room:
        part = "An eighth" if aws.private_workers else "A quarter"
        message = f"{part} of {network} has room for {room} machines; one zone would hold {fullest}. Use a larger one."
        yield _MACHINES, f"'{network}'", message


CONFLICTS = (
    ConflictRule((("aws", "zones"), ("aws", "region")), _zones),
    ConflictRule((("aws", "vpc"), ("aws", "subnets"), ("aws", "zones")), _existing),
    ConflictRule((("aws", "private_subnets"), ("aws", "private_workers"), ("aws", "vpc"), ("aws", "zones")), _private),
    ConflictRule(
        (_MACHINES, ("masters",), ("workers",), ("ingress",), ("aws", "zones"), ("aws", "private_workers")),
        _network_size,
    ),
    *conflicts("aws", "AWS"),
)
