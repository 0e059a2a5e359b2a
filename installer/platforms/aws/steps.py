"""The steps of machines in AWS, in the phases check, network, machines and dns."""

from __future__ import annotations

from collections.abc import Iterator

from installer.plan.model import InstallPlan
from installer.plan.platforms.aws.settings import Aws
from installer.plan.rules import Role
from installer.plan.topology import Machine, Record, Topology
from installer.platforms.aws.access import Access
from installer.platforms.aws.addresses import Address
from installer.platforms.aws.balancer import Balancer, Targets
from installer.platforms.aws.dns import ByHand, Name
from installer.platforms.aws.groups import Group, Rules
from installer.platforms.aws.machines import ForgetFirstContact, Machines, Made
from installer.platforms.aws.names import group_name, planned
from installer.platforms.aws.network import Gateway, Routes, Subnet, Vpc, subnet_name, subnet_networks
from installer.platforms.aws.platform import LIMIT
from installer.platforms.aws.preflight import AccountCheck
from installer.steps import ids
from installer.steps.step import Action, Phase, Step

_CHECK = "check/account"
_VPC, _GATEWAY, _ROUTES = "network/vpc", "network/gateway", "network/routes"
_BALANCER, _TARGETS = "network/load-balancer", "machines/targets"
_MAKING, _BALANCING, _NAMING = 900.0, 600.0, 1800.0
"""Seconds: machines that come one after the other, a balancer that is slow to begin, a record that somebody makes."""


def steps(plan: InstallPlan, topology: Topology) -> Iterator[Step]:
    yield _step(_CHECK, "check the AWS account: credentials, permissions, quotas, names", Phase.CHECK, AccountCheck(),
                weight=3.0, deadline=180.0)  # fmt: skip
    network = tuple(_network(plan))
    yield from network
    roles = tuple(role for role in Role if topology.of_role(role))
    last = tuple(step.id for step in network) or (_CHECK,)
    for role in roles:
        yield from _of_role(plan, topology, role, roles)
    if balancer := topology.load_balancer:
        yield _step(_BALANCER, "create the network load balancer", Phase.NETWORK,
                    Balancer(balancer.name, balancer.listeners), *last, weight=5.0)  # fmt: skip
    for role in roles:
        yield from _machines(plan, topology, role, last)
    if balancer:
        masters = tuple(machine.name for machine in topology.of_role(Role.MASTER))
        yield _step(_TARGETS, "put the masters behind the load balancer", Phase.MACHINES,
                    Targets(balancer.name, masters), _BALANCER, *map(ids.created, masters), weight=30.0,
                    deadline=_BALANCING)  # fmt: skip
    yield from (_named(plan, topology, record) for record in topology.records)
    yield Step("dns/first-contact", "forget what new machines proved their host keys with", Phase.DNS,
               ForgetFirstContact(), weight=0.1)  # fmt: skip


def _network(plan: InstallPlan) -> Iterator[Step]:
    """The cluster's own network; nothing where the plan names one that exists."""
    if plan.settings_of(Aws).vpc:
        return
    name = plan.name
    yield _step(_VPC, "create the VPC", Phase.NETWORK, Vpc("vpc", name), _CHECK)
    yield _step(_GATEWAY, "create the internet gateway", Phase.NETWORK, Gateway("gateway", name, name), _VPC)
    subnets = []
    for zone, network in subnet_networks(plan).items():
        action = Subnet("subnet", subnet_name(plan, zone), name, zone, str(network))
        subnets.append(_step(f"network/subnet/{zone}", f"create the subnet of {zone}", Phase.NETWORK, action, _VPC))
    yield from subnets
    routes = Routes("route-table", name, name, name, tuple(subnet_name(plan, zone) for zone in subnet_networks(plan)))
    needs = (_GATEWAY, *(step.id for step in subnets))
    yield _step(_ROUTES, "give the subnets a way out", Phase.NETWORK, routes, *needs)


def _of_role(plan: InstallPlan, topology: Topology, role: Role, roles: tuple[Role, ...]) -> Iterator[Step]:
    """What all machines of a role have in common: a security group, its rules, access to AWS."""
    vpc = _CHECK if plan.settings_of(Aws).vpc else _VPC
    group = Group("security-group", group_name(plan.name, role))
    yield _step(_group(role), f"create the security group of the {role}s", Phase.NETWORK, group, vpc)
    rules = Rules(role, topology.of_role(role)[0].firewall)
    yield _step(_rules(role), f"open the {role}s' ports as the contract says", Phase.NETWORK, rules,
                *map(_group, roles))  # fmt: skip
    yield _step(_access(role), f"let the {role}s ask AWS what they need to (M12)", Phase.NETWORK, Access(role), _CHECK)


def _machines(plan: InstallPlan, topology: Topology, role: Role, network: tuple[str, ...]) -> Iterator[Step]:
    for zone, machines in planned(topology.of_role(role), plan.settings_of(Aws).spread).items():
        batch = f"machines/batch/{role}/{zone}"
        action = Machines(role, zone, tuple(machine.number for machine in machines))
        # Groups name each other, and machines use them: all rules come before any machine.
        needs = (*network, _rules(role), _access(role))
        title = f"create the {role}s of {zone}: {len(machines)}"
        yield _step(batch, title, Phase.MACHINES, action, *needs, weight=30.0, deadline=_MAKING)
        for machine in machines:
            yield from _machine(machine, batch)


def _machine(machine: Machine, batch: str) -> Iterator[Step]:
    last = batch
    if machine.role is Role.INFRA:
        last = f"machines/address/{machine.name}"
        action = Address("address", machine.name)
        yield _step(last, f"give {machine.name} an address that stays", Phase.MACHINES, action, batch,
                    machine=machine.name)  # fmt: skip
    yield Step(ids.created(machine.name), f"find {machine.name}", Phase.MACHINES, Made(machine.name),
               machine=machine.name, needs=(last,), weight=0.1)  # fmt: skip


def _named(plan: InstallPlan, topology: Topology, record: Record) -> Step:
    balanced = topology.load_balancer is not None
    needs = (_TARGETS,) if balanced else tuple(map(ids.created, record.targets))
    if plan.settings_of(Aws).dns == "route53":
        action, title = Name(record), f"have Route 53 answer for {record.name}"
        return _step(ids.named(record.name), title, Phase.DNS, action, *needs, weight=30.0, deadline=_BALANCING)
    return _step(ids.named(record.name), f"wait for your record {record.name}", Phase.DNS, ByHand(record), *needs,
                 weight=30.0, deadline=_NAMING)  # fmt: skip


def _group(role: Role) -> str:
    return f"network/group/{role}"


def _rules(role: Role) -> str:
    return f"network/rules/{role}"


def _access(role: Role) -> str:
    return f"network/access/{role}"


def _step(
    id: str,
    title: str,
    phase: Phase,
    action: Action,
    *needs: str,
    weight: float = 1.0,
    deadline: float = 120.0,
    machine: str | None = None,
) -> Step:
    return Step(id, title, phase, action, machine=machine, needs=needs, weight=weight, limit=LIMIT, deadline=deadline)
