"""Which machine must reach which port of which other, and what the machines found when they tried."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Literal

from installer.common.text import whole_number
from installer.plan.rules import Role, Traffic
from installer.plan.topology import FirewallRule, Machine, Topology
from installer.steps.evidence import Evidence, Unreadable

ALL_PAIRS = 50
"""Up to so many machines every pair is probed; beyond, a sample that covers every machine and every pair of roles."""

SAMPLE = 200
"""Machines of one role that one machine of another probes at most, beyond ALL_PAIRS."""

Protocol = Literal["tcp", "udp"]

OVERLAY: tuple[Protocol, int] = ("udp", 4789)
"""The port of flannel's VXLAN; before an install, the way's MTU is measured on it."""

_KUBELET = 10250
"""Represents "all ports" (rule W1): it listens on every node."""


class Reached(StrEnum):
    OPEN = "open"
    REFUSED = "refused"
    """The machine itself refused: nothing listens there, nothing filters it."""
    FILTERED = "filtered"
    UNKNOWN = "unknown"

    @property
    def passes(self) -> bool:
        return self in (Reached.OPEN, Reached.REFUSED)


@dataclass(frozen=True, slots=True)
class Target:
    """One port of another `machine` that contract rule `rule` opens."""

    rule: str
    protocol: Protocol
    address: str
    port: int
    machine: str


@dataclass(frozen=True, slots=True)
class Pair:
    """What `source` found at one port of `target`."""

    source: str
    target: str
    rule: str
    protocol: str
    port: int
    result: Reached


def targets(machine: Machine, topology: Topology) -> tuple[Target, ...]:
    """What `machine` has to reach: from the rules for incoming traffic of all others whose peers include its role."""
    return tuple(
        Target(rule.rule, protocol, address, port, other.name)
        for other in others(machine, topology)
        for address in (str(other.located),)
        for rule in rules_from(machine.role, other)
        for protocol, port in ports(rule.traffic)
    )


@cache
def ports(traffic: Traffic) -> tuple[tuple[Protocol, int], ...]:
    """The ports that represent `traffic`: a range's first and last. Of UDP only the overlay's port can be proved."""
    if traffic.protocol == "all":
        return (("tcp", _KUBELET),)
    if traffic.protocol == "udp":
        return (OVERLAY,) if traffic.first <= OVERLAY[1] <= traffic.last else ()
    return tuple(("tcp", port) for port in dict.fromkeys((traffic.first, traffic.last)))


def rules_from(source: Role, target: Machine) -> Iterator[FirewallRule]:
    """The rules by which `target` lets machines of role `source` in."""
    return (rule for rule in target.firewall if rule.direction == "in" and source in rule.peer_roles)


def others(machine: Machine, topology: Topology) -> Iterator[Machine]:
    """The machines that `machine` probes."""
    for role in Role:
        group = topology.of_role(role)
        if len(topology.machines) <= ALL_PAIRS:
            yield from (other for other in group if other.name != machine.name)
        elif role is not machine.role:
            # In turn: each machine of `role` has a prober of this role, and each prober has a machine of `role`.
            first, probers = machine.number - 1, len(topology.of_role(machine.role))
            yield from group[first::probers][:SAMPLE] or group[first % max(1, len(group)) :][:1]
        elif len(group) > 1:
            yield group[machine.number % len(group)]


def coverage(topology: Topology) -> tuple[int, int]:
    """(pairs of machines that are probed, pairs between which the contract opens any port that can be probed)."""
    groups = {role: topology.of_role(role) for role in Role}
    covered = total = 0
    for source, sources in groups.items():
        for target, group in groups.items():
            if not sources or not group or not any(ports(rule.traffic) for rule in rules_from(source, group[0])):
                continue
            total += len(sources) * (len(group) - (source is target))
            covered += sum(_probed(number, source, target, groups, topology) for number in range(len(sources)))
    return covered, total


def _probed(index: int, source: Role, target: Role, groups: Mapping[Role, Sequence[Machine]], whole: Topology) -> int:
    """How many machines of role `target` the `index`th machine of role `source` probes, as `others` chooses them."""
    size = len(groups[target])
    if len(whole.machines) <= ALL_PAIRS:
        return size - (source is target)
    if source is target:
        return min(1, size - 1)
    return min(SAMPLE, size, max(1, len(range(index, size, len(groups[source])))))


def pairs(topology: Topology, evidence: Mapping[str, Evidence]) -> tuple[Pair, ...]:
    """What every machine found at every one of its targets; UNKNOWN where it did not answer."""
    return tuple(pair for machine in topology.machines for pair in _pairs_from(machine, topology, evidence))


def by_target(found: Iterable[Pair]) -> Mapping[str, Sequence[Pair]]:
    """What the others found at each machine."""
    by_name = defaultdict(list)
    for pair in found:
        by_name[pair.target].append(pair)
    return by_name


def untried(source: Machine, topology: Topology, evidence: Evidence) -> tuple[str, ...]:
    """Machines to which `source` has no way through the overlay yet, so that it could not try."""
    found = _found(evidence)
    return tuple(
        other.name
        for other in others(source, topology)
        if any(OVERLAY in ports(rule.traffic) for rule in rules_from(source.role, other))
        and found.get((*OVERLAY, str(other.located)), Reached.UNKNOWN) is Reached.UNKNOWN
    )


def _pairs_from(source: Machine, topology: Topology, evidence: Mapping[str, Evidence]) -> Iterator[Pair]:
    found = _found(evidence.get(source.name))
    for target in targets(source, topology):
        result = found.get((target.protocol, target.port, target.address), Reached.UNKNOWN)
        yield Pair(source.name, target.machine, target.rule, target.protocol, target.port, result)


def _found(evidence: Evidence | None) -> dict[tuple[str, int, str], Reached]:
    """Results by protocol, port and address. Lines that are no result are passed over."""
    if evidence is None:
        return {}
    try:
        lines = evidence.output("reach").splitlines()
    except Unreadable:
        # Cut off by its deadline, it may have found much all the same.
        lines = evidence.probes["reach"].output.splitlines() if "reach" in evidence.probes else []
    results: dict[tuple[str, int, str], Reached] = {}
    for line in lines:
        words = line.split()
        if len(words) == 4 and words[3] in _RESULTS:
            port = whole_number(words[2])
            if port is not None:
                results[words[0], port, words[1]] = _RESULTS[words[3]]
    return results


_RESULTS = {str(result): result for result in Reached}
