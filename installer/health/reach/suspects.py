"""Who likely blocks a port: read from which pairs of machines are blocked, and which are not. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network

from installer.health.reach.flows import Flow, Outcome, Tried
from installer.health.reach.pairs import Protocol, Reached
from installer.plan.topology import Topology

_Service = tuple[Protocol, int]
_Pairs = Mapping[_Service, set[tuple[str, str]]]

_NAMED = 3
_SHOWN = 4


@dataclass(frozen=True)
class Suspects:
    """On each port, the pairs of machines (source, target) that were tried, and those that are blocked."""

    tried: _Pairs
    blocked: _Pairs
    groups: tuple[Mapping[str, str], ...]
    """Ways to divide the machines: each names the group of a machine."""
    firewalls: Mapping[str, str]
    """The firewall in force on a machine, as far as it is known."""
    mute: frozenset[str]
    """Machines that reach nobody on any port, while others do."""

    @classmethod
    def of(cls, topology: Topology, tried: Iterable[Tried], firewalls: Mapping[str, str]) -> Suspects:
        everything, blocked = defaultdict(set), defaultdict(set)
        passing: set[str] = set()
        targets = defaultdict(set)
        for one in tried:
            if one.result is Reached.UNKNOWN:
                continue
            pair = (one.flow.source, one.flow.target)
            everything[one.flow.service].add(pair)
            targets[one.flow.source].add(one.flow.target)
            if one.result is Reached.FILTERED:
                blocked[one.flow.service].add(pair)
            else:
                passing.add(one.flow.source)
        mute = {source for source, names in targets.items() if source not in passing and len(names) > 1}
        return cls(everything, blocked, _groups(topology), firewalls, frozenset(mute if passing else ()))

    def remedy(self, blocked: Sequence[tuple[Flow, Outcome]]) -> str:
        """Where to open what, for the blocked flows of one target."""
        ports: dict[str, dict[str, None]] = defaultdict(dict)
        for flow, outcome in blocked:
            ports[self.suspect(flow, outcome)][f"{flow.protocol} {flow.port}"] = None
        words = [f"likely {who}: open {_few(list(names))} there" for who, names in ports.items()]
        more = [f"and {len(words) - _NAMED} others"] if len(words) > _NAMED else []
        return "; ".join(words[:_NAMED] + more)

    def suspect(self, flow: Flow, outcome: Outcome) -> str:
        """Who likely keeps `flow` from its target."""
        if outcome is Outcome.STRANGER:
            return f"a proxy or address translation before {flow.address}, or a second machine with this address"
        if outcome is Outcome.UNREACHABLE:
            return f"the routes between {flow.source} and {flow.target}"
        if outcome is Outcome.BARRED or flow.source in self.mute:
            return self._own(flow.source)
        if flow.target in self.firewalls:
            return self._own(flow.target)
        return self._between_groups(flow) or self._at_one_end(flow)

    def _own(self, machine: str) -> str:
        known = self.firewalls.get(machine)
        return f"{known} on {machine}" if known else f"{machine}'s own firewall"

    def _between_groups(self, flow: Flow) -> str:
        """A firewall of the network, where nothing passes between more machines than one at either end."""
        tried, blocked = self.tried[flow.service], self.blocked[flow.service]
        if tried == blocked and _targets(tried) > 1:
            return "a firewall of the network, such as a security group (no machine is reached on this port)"
        for group in self.groups:
            ends = (group[flow.source], group[flow.target])
            between = {pair for pair in tried if (group[pair[0]], group[pair[1]]) == ends}
            if between <= blocked and _targets(between) > 1:
                where = f"from {ends[0]} to {ends[1]}" if ends[0] != ends[1] else f"among {ends[0]}"
                return f"a firewall of the network, such as a security group ({where} nothing passes)"
        return ""

    def _at_one_end(self, flow: Flow) -> str:
        to_target = {pair for pair in self.tried[flow.service] if pair[1] == flow.target}
        if to_target <= self.blocked[flow.service] and (len(to_target) > 1 or self._reaches_others(flow)):
            return self._own(flow.target)
        return f"a firewall between {flow.source} and {flow.target}"

    def _reaches_others(self, flow: Flow) -> bool:
        """Whether the source reaches this port of another machine."""
        passing = self.tried[flow.service] - self.blocked[flow.service]
        return any(source == flow.source for source, _ in passing)


def _targets(pairs: Iterable[tuple[str, str]]) -> int:
    return len({target for _, target in pairs})


def _groups(topology: Topology) -> tuple[Mapping[str, str], ...]:
    roles = {machine.name: f"{machine.role} machines" for machine in topology.machines}
    networks = {machine.name: str(IPv4Network((machine.located, 24), strict=False)) for machine in topology.machines}
    return (roles, networks) if len(set(networks.values())) > 1 else (roles,)


def _few(words: Sequence[str]) -> str:
    more = f" and {len(words) - _SHOWN} more" if len(words) > _SHOWN else ""
    return ", ".join(words[:_SHOWN]) + more
