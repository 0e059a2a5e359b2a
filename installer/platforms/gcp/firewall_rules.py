"""The contract's rules as firewall rules, one for each of its rows, and the way back. Pure.

Machines are known by the network tag of their role. Google's probers ask after the health of what a load balancer has
behind it from networks of their own; a passthrough balancer keeps the addresses of clients.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from installer.plan.model import InstallPlan
from installer.plan.rules import Role, Traffic
from installer.plan.topology import FirewallRule, Topology
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
from installer.platforms.gcp import names

_API = 6443
"""The port that a rule of its own opens (N1)."""
PROBERS = ("35.191.0.0/16", "209.85.152.0/22", "209.85.204.0/22")
"""Where health checks of external passthrough balancers come from ("Probe IP ranges and firewall rules")."""


@dataclass(frozen=True, slots=True)
class Row:
    """One firewall rule: what a row of the contract lets in, from where, to machines with which tags."""

    name: str
    rule: str
    traffic: tuple[Traffic, ...]
    networks: tuple[str, ...]
    tags: tuple[str, ...]
    targets: tuple[str, ...]

    def body(self, plan: InstallPlan, network: str) -> dict[str, Any]:
        """As the API takes it."""
        return {
            "name": self.name,
            "description": names.described(plan, described((self.rule,))),
            "network": network,
            "direction": "INGRESS",
            "priority": 1000,
            "allowed": [_allowed(traffic) for traffic in self.traffic],
            **({"sourceRanges": list(self.networks)} if self.networks else {}),
            **({"sourceTags": list(self.tags)} if self.tags else {}),
            "targetTags": list(self.targets),
        }

    def same_as(self, found: Mapping[str, Any]) -> bool:
        """Whether a rule that Google lists lets in the same."""
        return (
            not found.get("disabled")
            and set(_traffic(found)) == set(self.traffic)
            and set(found.get("sourceRanges") or ()) == set(self.networks)
            and set(found.get("sourceTags") or ()) == set(self.tags)
            and set(found.get("targetTags") or ()) == set(self.targets)
        )


def known(plan: InstallPlan) -> Sources:
    return sources(plan, {role: names.tag(plan.name, role) for role in Role}, PROBERS)


def rows(plan: InstallPlan, topology: Topology) -> tuple[Row, ...]:
    """A firewall rule for each row of the contract; two for a row that opens different things to different roles."""
    opened: dict[tuple[str, Traffic, tuple[str, ...]], list[str]] = {}
    tags = known(plan)
    for role in Role:
        machines = topology.of_role(role)
        for rule in machines[0].firewall if machines else ():
            if rule.direction == "in":
                target = names.tag(plan.name, role)
                opened.setdefault((rule.rule, rule.traffic, tuple(tags.of(rule.peers))), []).append(target)
    found: dict[tuple[str, tuple[str, ...], tuple[str, ...]], list[Traffic]] = {}
    for (rule_id, traffic, came), targets in opened.items():
        found.setdefault((rule_id, came, tuple(targets)), []).append(traffic)
    made = [(*key, tuple(traffic)) for key, traffic in found.items()]
    if topology.load_balancer:  # what reaches the masters is still addressed to the balancer's own ports
        ports = tuple(Traffic("tcp", port, port) for port, _ in topology.load_balancer.listeners if port != _API)
        made.append(("M3", (EVERYWHERE,), (names.tag(plan.name, Role.MASTER),), ports))
    return tuple(_named(plan, made))


def _named(
    plan: InstallPlan, made: Iterable[tuple[str, tuple[str, ...], tuple[str, ...], tuple[Traffic, ...]]]
) -> Iterator[Row]:
    taken: dict[str, int] = {}
    for rule, came, targets, traffic in made:
        number = taken[rule] = taken.get(rule, 0) + 1
        name = f"{plan.name}-{rule.lower()}" + (f"-{number}" if number > 1 else "")
        networks = tuple(one for one in came if "/" in one)
        yield Row(name, rule, traffic, networks, tuple(one for one in came if "/" not in one), targets)


def _allowed(traffic: Traffic) -> dict[str, Any]:
    if traffic.protocol == "all":
        return {"IPProtocol": "all"}
    ports = str(traffic.first) if traffic.first == traffic.last else f"{traffic.first}-{traffic.last}"
    return {"IPProtocol": traffic.protocol, "ports": [ports]}


def _traffic(found: Mapping[str, Any]) -> Iterator[Traffic]:
    for one in found.get("allowed") or ():
        protocol = str(one.get("IPProtocol", ""))
        if protocol == "all":
            yield EVERY_PORT
        elif protocol in ("tcp", "udp"):
            for ports in one.get("ports") or ("1-65535",):
                first, _, end = str(ports).partition("-")
                yield Traffic("tcp" if protocol == "tcp" else "udp", int(first), int(end or first))


def read_back(
    listed: Iterable[Mapping[str, Any]], plan: InstallPlan, role: Role, *, way_out: bool
) -> tuple[FirewallRule, ...]:
    """What the listed rules let through to machines of a role, as rules of the contract."""
    tag = names.tag(plan.name, role)
    found = (
        Opening(traffic, source, rules_of(str(one.get("description") or "")))
        for one in listed
        if not one.get("disabled") and tag in (one.get("targetTags") or ()) and one.get("direction") != "EGRESS"
        for traffic in _traffic(one)
        for source in (*(one.get("sourceRanges") or ()), *(one.get("sourceTags") or ()))
    )
    return in_force(found, known(plan), way_out=way_out)
