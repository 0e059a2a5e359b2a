"""The steps of machines in AWS, in the phases check, network, machines and dns."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from installer.plan.model import InstallPlan
from installer.plan.platforms.aws.settings import Aws
from installer.plan.rules import Role
from installer.plan.topology import Topology
from installer.platforms.aws.access import Access
from installer.platforms.aws.addresses import Address
from installer.platforms.aws.balancer import Balancer, Targets
from installer.platforms.aws.groups import Group, Rules
from installer.platforms.aws.machines import Ec2Machines
from installer.platforms.aws.names import group_name
from installer.platforms.aws.nat import NatAddress, NatGateway
from installer.platforms.aws.network import Gateway, Routes, Subnet, Vpc, subnet_name, subnet_networks
from installer.platforms.aws.platform import LIMIT
from installer.platforms.aws.pool import Group as PoolGroup
from installer.platforms.aws.pool import Template
from installer.platforms.aws.preflight import AwsCheck
from installer.platforms.clouds.pool_secret import Secret
from installer.platforms.clouds.steps import BALANCER, BALANCING, CHECK, Steps, access_step, rules_step
from installer.steps.step import Phase, Step

_VPC, _GATEWAY, _ROUTES = "network/vpc", "network/gateway", "network/routes"
_AWS = Steps(LIMIT)


def steps(plan: InstallPlan, topology: Topology) -> Iterator[Step]:
    aws = plan.settings_of(Aws)
    yield _AWS.step(CHECK, "check the AWS account: credentials, permissions, quotas, names", Phase.CHECK, AwsCheck(),
                    weight=3.0, deadline=180.0)  # fmt: skip
    network = tuple(_network(plan))
    yield from network
    roles = tuple(topology.roles)
    last = tuple(step.id for step in network) or (CHECK,)
    for role in roles:
        yield from _of_role(plan, topology, role, roles)
    if balancer := topology.load_balancer:
        yield _AWS.step(BALANCER, "create the network load balancer", Phase.NETWORK,
                        Balancer(balancer.name, balancer.listeners), *last, weight=5.0)  # fmt: skip
    for role in roles:
        # Groups name each other, and machines use them: all rules come before any machine.
        needs = (*last, rules_step(role), access_step(role))
        yield from _AWS.machines(topology, role, aws.spread, Ec2Machines, partial(Address, "address"), *needs)
    if pool := topology.pool:
        parts = (
            ("join/pool/secret", "put what the pool's machines run into a secret", Secret(pool)),
            ("join/pool/template", "create the pool's launch template", Template("launch-template", pool.name, pool)),
            ("join/pool/group", "create the pool's Auto Scaling Group", PoolGroup(pool)),
        )
        yield from _AWS.pool(topology, parts, *last, rules_step(pool.role), access_step(pool.role))
    yield from _AWS.balanced(topology, Targets)
    yield from _AWS.names(topology, "Route 53" if aws.dns == "route53" else "")


def _network(plan: InstallPlan) -> Iterator[Step]:
    """The cluster's own network; nothing where the plan names one that exists."""
    if plan.settings_of(Aws).vpc:
        return
    name = plan.name
    yield _AWS.step(_VPC, "create the VPC", Phase.NETWORK, Vpc("vpc", name), CHECK)
    yield _AWS.step(_GATEWAY, "create the internet gateway", Phase.NETWORK, Gateway("gateway", name, name), _VPC)
    yield from _public(plan)
    if plan.settings_of(Aws).private_workers:
        yield from _private(plan)


def _public(plan: InstallPlan) -> Iterator[Step]:
    """A subnet in each zone, and their common way out."""
    name, subnets = plan.name, []
    for zone, network in subnet_networks(plan).items():
        action = Subnet("subnet", subnet_name(plan, zone), name, zone, str(network))
        subnets.append(_AWS.step(f"network/subnet/{zone}", f"create the subnet of {zone}", Phase.NETWORK, action, _VPC))
    yield from subnets
    routes = Routes("route-table", name, name, name, tuple(subnet_name(plan, zone) for zone in subnet_networks(plan)))
    needs = (_GATEWAY, *(step.id for step in subnets))
    yield _AWS.step(_ROUTES, "give the subnets a way out", Phase.NETWORK, routes, *needs)


def _private(plan: InstallPlan) -> Iterator[Step]:
    """In each zone a subnet for workers, a NAT gateway with its address, and the way out through it."""
    name = plan.name
    for zone, network in subnet_networks(plan, private=True).items():
        nat, subnet = f"{name}-nat-{zone}", subnet_name(plan, zone, private=True)
        made, address, gateway = (f"network/{what}/{zone}" for what in ("private-subnet", "nat-address", "nat-gateway"))
        title = f"create the private subnet of {zone}"
        yield _AWS.step(made, title, Phase.NETWORK, Subnet("subnet", subnet, name, zone, str(network)), _VPC)
        title = f"allocate the NAT gateway's address in {zone}"
        yield _AWS.step(address, title, Phase.NETWORK, NatAddress("address", nat), CHECK)
        yield _AWS.step(gateway, f"create the NAT gateway of {zone}", Phase.NETWORK,
                        NatGateway("nat-gateway", nat, zone), _ROUTES, address, weight=30.0,
                        deadline=BALANCING)  # fmt: skip
        routes = Routes("route-table", subnet, name, nat, (subnet,), nat=True)
        title = f"give the private subnet of {zone} a way out"
        yield _AWS.step(f"network/private-routes/{zone}", title, Phase.NETWORK, routes, gateway, made)


def _of_role(plan: InstallPlan, topology: Topology, role: Role, roles: tuple[Role, ...]) -> Iterator[Step]:
    """What all machines of a role have in common: a security group, its rules, access to AWS."""
    vpc = CHECK if plan.settings_of(Aws).vpc else _VPC
    group = Group("security-group", group_name(plan.name, role))
    yield _AWS.step(_group(role), f"create the security group of the {role}s", Phase.NETWORK, group, vpc)
    rules = Rules(role, topology.roles[role])
    yield _AWS.step(rules_step(role), f"open the {role}s' ports as the contract says", Phase.NETWORK, rules,
                    *map(_group, roles))  # fmt: skip
    yield _AWS.step(access_step(role), f"let the {role}s use the AWS API (M12)", Phase.NETWORK, Access(role),
                    CHECK)  # fmt: skip


def _group(role: Role) -> str:
    return f"network/group/{role}"
