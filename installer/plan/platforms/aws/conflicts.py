"""The rules between the settings of AWS and the rest of the plan."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network
from typing import TYPE_CHECKING

from installer.common.text import count
from installer.plan.conflict import Conflict, ConflictRule

if TYPE_CHECKING:
    from installer.plan.common_settings import CommonSettings
    from installer.plan.platforms.aws.settings import Aws

_MACHINES, _USER = ("networks", "machines"), ("networks", "user")
_RESERVED = 5
"""Addresses of each subnet that AWS keeps (VPC user guide, "Subnet CIDR blocks")."""
_SUBNETS = 4
_LOOPBACK = IPv4Network("127.0.0.0/8")


def _zones(_plan: CommonSettings, aws: Aws) -> Iterator[Conflict]:
    for number, zone in enumerate(aws.zones):
        if not zone.startswith(aws.region):
            message = f"{zone} is not in {aws.region}. Choose zones of that region, or another region."
            yield ("aws", "zones", number), f"'{zone}'", message


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


def _nobody_in(plan: CommonSettings, _aws: Aws) -> Iterator[Conflict]:
    if plan.networks.user.subnet_of(_LOOPBACK):
        message = (
            "Machines in AWS would let nobody in from outside. "
            "Enter the public address that you and Craton connect from, such as 203.0.113.7/32."
        )
        yield _USER, f"'{plan.networks.user}'", message


def _names_twice(plan: CommonSettings, _aws: Aws) -> Iterator[Conflict]:
    if plan.dns.provider != "hosts":  # it would publish the machines' private addresses
        message = "In AWS, aws.dns says who publishes the cluster's names. Choose it there, and provider: hosts here."
        yield ("dns", "provider"), f"'{plan.dns.provider}'", message


CONFLICTS = (
    ConflictRule((("aws", "zones"), ("aws", "region")), _zones),
    ConflictRule((("aws", "vpc"), ("aws", "subnets"), ("aws", "zones")), _existing),
    ConflictRule((_MACHINES, ("masters",), ("workers",), ("ingress",), ("aws", "zones")), _network_size),
    ConflictRule((_USER,), _nobody_in),
    ConflictRule((("dns", "provider"),), _names_twice),
)
