"""Which ports are proved between which machines before anything is installed, and what became of each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from installer.health.reach import pairs as reach
from installer.health.reach.pairs import Pair, Protocol, Reached
from installer.plan.rules import Traffic
from installer.plan.topology import Machine, Topology

_ALL: tuple[tuple[Protocol, int], ...] = (("tcp", 1), ("tcp", 10250), ("tcp", 65535), ("udp", 1), ("udp", 65535))
"""Represent "all ports" (rule W1): the ends of the range, and the kubelet's."""


@dataclass(frozen=True, slots=True)
class Flow:
    """A port of `target`, at `address`, that `source` has to reach; `rules` are the contract's that open it."""

    source: str
    target: str
    protocol: Protocol
    address: str
    port: int
    rules: tuple[str, ...]

    @property
    def service(self) -> tuple[Protocol, int]:
        return self.protocol, self.port


class Outcome(StrEnum):
    """What became of an attempt while a listener of ours was at the target. The first words are the probe's."""

    ANSWERED = "answered"
    REFUSED = "refused"
    """Turned away by a reset or "port unreachable": a firewall's, since somebody listens."""
    PROHIBITED = "prohibited"
    """Turned away by "administratively prohibited" or another message that comes at once."""
    UNREACHABLE = "unreachable"
    BARRED = "barred"
    """The source's own system forbids it."""
    SILENT = "silent"
    TAKEN = "taken"
    """A process of the target's own held the port already, and the connection succeeded."""
    STRANGER = "stranger"
    """The connection succeeded, or an answer came, but not from the target's listener."""
    UNTRIED = "untried"


_REACHED = {Outcome.ANSWERED: Reached.OPEN, Outcome.TAKEN: Reached.OPEN, Outcome.UNTRIED: Reached.UNKNOWN}


@dataclass(frozen=True, slots=True)
class Tried:
    """One flow and its outcome; `why` says in words why it could not be tried."""

    flow: Flow
    outcome: Outcome
    why: str = ""

    @property
    def result(self) -> Reached:
        return _REACHED.get(self.outcome, Reached.FILTERED)

    @property
    def pairs(self) -> Iterator[Pair]:
        flow = self.flow
        return (Pair(flow.source, flow.target, rule, *flow.service, self.result) for rule in flow.rules)


@dataclass(frozen=True, slots=True)
class PathMTU:
    """Bytes of the largest packet that passes from `source` to `target`, and the MTU of the source's interface."""

    source: str
    target: str
    interface: int
    path: int

    @property
    def narrow(self) -> bool:
        """Whether the source's interface sends what does not arrive: so would flannel, that goes by the interface."""
        return self.path < self.interface


def flows(topology: Topology) -> tuple[Flow, ...]:
    """All flows that are proved: each port once per pair of machines that `reach.others` chooses."""
    return tuple(
        flow
        for source in topology.machines
        for target in reach.others(source, topology)
        for flow in _between(source, target)
    )


def services(traffic: Traffic) -> tuple[tuple[Protocol, int], ...]:
    """The ports that represent `traffic`: a range's first and last."""
    if traffic.protocol == "all":
        return _ALL
    return tuple((traffic.protocol, port) for port in dict.fromkeys((traffic.first, traffic.last)))


def _between(source: Machine, target: Machine) -> Iterator[Flow]:
    rules: dict[tuple[Protocol, int], dict[str, None]] = defaultdict(dict)
    for rule in reach.rules_from(source.role, target):
        for service in services(rule.traffic):
            rules[service][rule.rule] = None
    for (protocol, port), ids in rules.items():
        yield Flow(source.name, target.name, protocol, str(target.located), port, tuple(ids))
