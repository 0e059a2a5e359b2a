"""The contract's rules as a cloud's firewall takes them, and the way back. Pure.

A cloud knows its machines by groups (or tags), one for each role, and everybody else by networks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from installer.node.nftables import POLICY
from installer.plan import rules as contract
from installer.plan.model import InstallPlan
from installer.plan.rules import Peer, Role, Traffic
from installer.plan.topology import FirewallRule

EVERYWHERE = "0.0.0.0/0"
EVERY_PORT = Traffic("all", 1, 65535)
_ROLES = {Peer.MASTERS: Role.MASTER, Peer.INFRA: Role.INFRA, Peer.WORKERS: Role.WORKER}


@dataclass(frozen=True, slots=True)
class Opening:
    """Traffic let in from `source`, a network or a group's name; and the contract's ids that ask for it."""

    traffic: Traffic
    source: str
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sources:
    """How a cloud names those at the other end: a group for each role, and the networks of the others."""

    groups: Mapping[Role, str]
    networks: Mapping[Peer, tuple[str, ...]]

    def of(self, peers: Iterable[Peer]) -> Iterator[str]:
        """The groups and networks of `peers`."""
        if Peer.ALL in peers:
            yield EVERYWHERE
            return
        for peer in peers:
            if peer in _ROLES:
                if group := self.groups.get(_ROLES[peer]):
                    yield group
            else:
                yield from self.networks.get(peer, ())

    def peers(self, rule: str, source: str) -> Iterator[Peer]:
        """Who comes from `source`. A network may be that of several: what the contract's rule asks for counts."""
        if source in self.groups.values():
            yield from (peer for peer, role in _ROLES.items() if self.groups.get(role) == source)
            return
        asked = {peer for flow in contract.RULES[rule].flows for peer in flow.peers}
        networks = {Peer.ALL: (EVERYWHERE,), **self.networks}
        yield from (peer for peer, those in networks.items() if peer in asked and source in those)


def sources(plan: InstallPlan, groups: Mapping[Role, str], balancer: tuple[str, ...]) -> Sources:
    """`balancer` are the networks from which a load balancer asks after health, or sends on what it gets."""
    return Sources(groups, {Peer.USER: (str(plan.networks.user),), Peer.LOAD_BALANCER: balancer})


def openings(firewall: Iterable[FirewallRule], known: Sources) -> tuple[Opening, ...]:
    """The inbound rules of one role. Two rules of the contract that open the same are one here."""
    found: dict[tuple[Traffic, str], list[str]] = {}
    for rule in firewall:
        if rule.direction == "in":
            for source in known.of(rule.peers):
                found.setdefault((rule.traffic, source), []).append(rule.rule)
    return tuple(Opening(traffic, source, tuple(dict.fromkeys(ids))) for (traffic, source), ids in found.items())


def described(rules: Iterable[str]) -> str:
    """What a rule of the cloud says of itself: the contract's ids first, by which it is read back."""
    purposes = ", ".join(dict.fromkeys(contract.RULES[rule].purpose for rule in rules))
    return f"{','.join(rules)}: {purposes}"


def rules_of(description: str) -> tuple[str, ...]:
    """The contract's ids in a description; none if it is not one of ours."""
    ids = tuple(description.partition(":")[0].split(","))
    return ids if all(id in contract.RULES for id in ids) else ()


def in_force(found: Iterable[Opening], known: Sources, *, way_out: bool) -> tuple[FirewallRule, ...]:
    """What is let in, and whether everything is let out, as rules of the contract."""
    peers: dict[tuple[str, Traffic], set[Peer]] = {}
    for opening in found:
        for rule in opening.rules:
            peers.setdefault((rule, opening.traffic), set()).update(known.peers(rule, opening.source))
    rules = tuple(
        FirewallRule(rule, "in", traffic, tuple(peer for peer in Peer if peer in whom))
        for (rule, traffic), whom in peers.items()
        if whom
    )
    return (*rules, *((FirewallRule(POLICY, "out", EVERY_PORT, (Peer.ALL,)),) if way_out else ()))
