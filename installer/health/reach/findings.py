"""What the proof of reachability means for each machine: findings that name the likely firewall. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from installer.health.check import Finding, Judgement, Verdict
from installer.health.reach.flows import Flow, Outcome, PathMTU, Tried
from installer.health.reach.pairs import OVERLAY, Protocol, Reached
from installer.health.reach.suspects import Suspects
from installer.plan import rules as contract
from installer.plan.rules import Level
from installer.plan.topology import Topology

REACH, MTU = "reach", "mtu"
"""Ids of the checks: the contract's ports between machines, and the largest packet on the way."""

VXLAN = 50
"""Bytes that VXLAN over IPv4 adds to a packet: Ethernet 14, IP 20, UDP 8, VXLAN 8 (RFC 7348)."""

_SHOWN = 3
_WORDS = {
    Outcome.SILENT: "dropped, no answer came",
    Outcome.REFUSED: "rejected, though something listened there",
    Outcome.PROHIBITED: "rejected as prohibited",
    Outcome.UNREACHABLE: "no route",
    Outcome.BARRED: "forbidden by the machine that sends",
    Outcome.STRANGER: "something else answers in its place",
}


def judge(
    topology: Topology, tried: Sequence[Tried], mtus: Sequence[PathMTU], firewalls: Mapping[str, str]
) -> tuple[Finding, ...]:
    """Two findings per machine that others have to reach: its ports, and the ways' MTU. `firewalls` by machine."""
    suspects = Suspects.of(topology, tried, firewalls)
    to_target, measured = defaultdict(list), defaultdict(list)
    for one in tried:
        to_target[one.flow.target].append(one)
    for mtu in mtus:
        measured[mtu.target].append(mtu)
    findings = []
    for machine in topology.machines:
        attempts = to_target[machine.name]
        findings.append(Finding(REACH, machine.name, *_ports(attempts, suspects)))
        findings.append(Finding(MTU, machine.name, *_paths(attempts, measured[machine.name], mtus)))
    return tuple(findings)


def _ports(attempts: Sequence[Tried], suspects: Suspects) -> Judgement:
    if not attempts:
        return Verdict.NOT_APPLICABLE, "no other machine needs to reach it", ""
    blocked = [one for one in attempts if one.result is Reached.FILTERED]
    untried = [one for one in attempts if one.result is Reached.UNKNOWN]
    if blocked:
        levels = {contract.RULES[rule].level for one in blocked for rule in one.flow.rules}
        verdict = Verdict.FAIL if levels & {Level.MUST, Level.NEEDED} else Verdict.WARN
        return verdict, _seen(blocked), suspects.remedy([(one.flow, one.outcome) for one in blocked])
    if untried:
        seen = f"{len(attempts) - len(untried)} of {len(attempts)} reached; {untried[0].why}"
        return Verdict.UNKNOWN, seen, _untried_remedy(untried)
    sources = _machines(one.flow.source for one in attempts)
    return Verdict.PASS, f"all {len(attempts)} ports reached, from {sources}", ""


def _seen(blocked: Sequence[Tried]) -> str:
    """Ports that fail in the same way for the same machines are listed together."""
    alike: dict[tuple[Outcome, Protocol, int], list[Flow]] = defaultdict(list)
    for one in blocked:
        alike[one.outcome, *one.flow.service].append(one.flow)
    groups: dict[tuple[Outcome, tuple[str, ...]], list[str]] = defaultdict(list)
    for (outcome, protocol, port), flows in alike.items():
        rules = ", ".join(dict.fromkeys(rule for flow in flows for rule in flow.rules))
        groups[outcome, tuple(flow.source for flow in flows)].append(f"{protocol} {port} ({rules})")
    words = [
        f"{_few(ports)} from {_machines(names)}: {_WORDS[outcome]}"
        for (outcome, names), ports in list(groups.items())[:_SHOWN]
    ]
    more = [f"{len(groups) - _SHOWN} more of the kind"] if len(groups) > _SHOWN else []
    return "; ".join([*words, *more])


def _few(words: Sequence[str]) -> str:
    more = f" and {len(words) - _SHOWN} more" if len(words) > _SHOWN else ""
    return ", ".join(words[:_SHOWN]) + more


def _machines(names: Iterable[str]) -> str:
    distinct = list(dict.fromkeys(names))
    return distinct[0] if len(distinct) == 1 else f"{len(distinct)} machines"


def _untried_remedy(untried: Sequence[Tried]) -> str:
    reasons = " ".join(dict.fromkeys(one.why for one in untried))
    if "no perl" in reasons:
        return "install perl on it (Debian, Ubuntu: perl-base; RHEL: perl-interpreter), or check these ports yourself"
    if "already holds" in reasons:
        return "stop what holds the port (an earlier cluster's overlay: ip link delete flannel.1), then check again"
    return "fix the machine that didn't answer, then check again"


def _paths(attempts: Sequence[Tried], measured: Sequence[PathMTU], everywhere: Sequence[PathMTU]) -> Judgement:
    if not any(one.flow.service == OVERLAY for one in attempts):
        return Verdict.NOT_APPLICABLE, "no overlay traffic from other machines", ""
    narrow = [mtu for mtu in measured if mtu.narrow]
    if narrow:
        return Verdict.FAIL, _narrow(narrow), _narrow_remedy(narrow, everywhere)
    if not measured:
        return Verdict.UNKNOWN, "not measured: no packet to udp 4789 was answered", "first open udp 4789"
    size = min(mtu.path for mtu in measured)
    seen = f"packets of {size} bytes pass, from {_machines(mtu.source for mtu in measured)}"
    return Verdict.PASS, f"{seen}; VXLAN takes {VXLAN} of them, {size - VXLAN} are left for pods", ""


def _narrow(narrow: Sequence[PathMTU]) -> str:
    least = min(narrow, key=lambda mtu: mtu.path)
    return (
        f"packets of at most {least.path} bytes pass from {_machines(mtu.source for mtu in narrow)}, whose interface "
        f"has MTU {least.interface}; VXLAN takes {VXLAN}: flannel would use {least.interface - VXLAN} "
        f"and needs {least.path - VXLAN}"
    )


def _narrow_remedy(narrow: Sequence[PathMTU], everywhere: Sequence[PathMTU]) -> str:
    # All narrow ways have an end in common: it is likely that machine's link, or the tunnel that leads to it.
    common = set.intersection(*({mtu.source, mtu.target} for mtu in everywhere if mtu.narrow))
    where = f" at {common.pop()}'s end" if len(common) == 1 else ""
    least = min(mtu.path for mtu in everywhere)
    size = max(mtu.interface for mtu in narrow)
    return f"let the network pass {size} bytes{where}, or set MTU {least} on the interface of every machine"
