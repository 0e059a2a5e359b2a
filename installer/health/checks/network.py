"""Checks of what lies between machines: the contract's ports, and its names."""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Mapping, Sequence
from ipaddress import AddressValueError, IPv4Address

from installer.health.check import Check, Finding, Judgement, Subject, Verdict, worst
from installer.health.probing import asset, line
from installer.health.reach import pairs as reach
from installer.health.reach.pairs import Pair, Reached
from installer.plan import rules
from installer.plan.rules import Level
from installer.plan.topology import Machine, Record, Topology
from installer.steps.evidence import Evidence, Probe, Unreadable

PLACE = 3

_SHOWN = 3


def _ask_names(_machine: Machine, topology: Topology) -> str:
    names = " ".join(shlex.quote(record.name) for record in topology.records)
    return f"set -- {names}\n" + asset("names.sh")


def _ask_reach(machine: Machine, topology: Topology) -> str:
    targets = reach.targets(machine, topology)
    flows = dict.fromkeys((target.protocol, target.address, target.port) for target in targets)
    lines = "".join(f"# target {protocol} {address} {port}\n" for protocol, address, port in flows)
    return f"{asset('reach.sh')}reach <<'targets'\n{lines}targets\n"


NAMES = Probe("names", _ask_names)
FIREWALL = line(
    "firewall",
    # In short lines: what a machine says in one that is very long is cut.
    "[ ! -e /etc/craton/firewall.nft ] || nft -j list table inet craton 2>/dev/null | sed 's/, /,\\n/g'",
)
"""The machine's own table of the contract's rules, where it has one; judged rule by rule, not by a check."""
REACH = Probe("reach", _ask_reach, seconds=60)


def pairs_by_target(topology: Topology, evidence: Mapping[str, Evidence]) -> Mapping[str, Sequence[Pair]]:
    """What the others found at each machine."""
    return reach.by_target(reach.pairs(topology, evidence))


def _ports(subject: Subject) -> Judgement:
    """Judged at the machine whose firewall opens the port, by what the others found."""
    pairs = subject.across(pairs_by_target).get(subject.machine.name, ())
    if not pairs:
        return Verdict.NOT_APPLICABLE, "no other machine needs to reach it", ""
    known = [pair for pair in pairs if pair.result is not Reached.UNKNOWN]
    filtered = [pair for pair in known if not pair.result.passes]
    if filtered:
        levels = {rules.RULES[pair.rule].level for pair in filtered}
        verdict = Verdict.FAIL if levels & {Level.MUST, Level.NEEDED} else Verdict.WARN
        return verdict, _filtered(filtered), "open what is named in the machine's firewall, on it and around it"
    if not known:
        raise Unreadable("no other machine could try its ports")
    seen = f"{len(known)} of {len(pairs)} reached"
    if any(
        pair.protocol == "udp" and pair.result is Reached.UNKNOWN and pair.source in subject.others for pair in pairs
    ):
        raise Unreadable(f"{seen}; whether the overlay (udp 4789) gets through could not be tried")
    return Verdict.PASS, seen, ""


def _filtered(pairs: Sequence[Pair]) -> str:
    """Which ports do not get through, and from how many machines."""
    sources: dict[str, dict[str, None]] = defaultdict(dict)
    for pair in pairs:
        sources[f"{pair.protocol} {pair.port} ({pair.rule})"][pair.source] = None
    words = []
    for port, names in list(sources.items())[:_SHOWN]:
        words.append(f"{port} from {next(iter(names)) if len(names) == 1 else f'{len(names)} machines'}")
    more = f", and {len(sources) - _SHOWN} more" if len(sources) > _SHOWN else ""
    return f"filtered: {', '.join(words)}{more}"


def resolved(evidence: Evidence) -> Mapping[str, tuple[str, ...]]:
    """Addresses by name, as the machine resolves them. Raises Unreadable."""
    lines = [line.split() for line in evidence.output("names").splitlines()]
    return {words[0]: tuple(word for word in words[1:] if _is_address(word)) for words in lines if words}


def _is_address(text: str) -> bool:
    try:
        IPv4Address(text)
    except AddressValueError:
        return False
    return True


def judge_record(
    topology: Topology, machine: Machine, record: Record, addresses: tuple[str, ...]
) -> tuple[Verdict, str]:
    """Whether a name resolves to exactly the planned addresses on `machine`, or to any behind a load balancer."""
    planned = set(topology.addresses_on(machine, record))
    if not addresses:
        return Verdict.FAIL, f"{record.name} ({record.rule}) does not resolve"
    if topology.load_balancer and record.rule != "D1":
        return Verdict.PASS, f"{record.name} resolves to {', '.join(addresses)} ({', '.join(record.targets)})"
    if planned == set(addresses):
        return Verdict.PASS, f"{record.name} resolves as planned"
    if old := _without_proxy(topology, machine, record, set(addresses)):
        return Verdict.WARN, f"{record.name} leads {old}"
    missing, extra = sorted(planned.difference(addresses)), sorted(set(addresses) - planned)
    words = [f"lacks {', '.join(missing)}"] if missing else []
    words += [f"has {', '.join(extra)} beyond the plan"] if extra else []
    return Verdict.FAIL, f"{record.name} ({record.rule}) {' and '.join(words)}"


def _without_proxy(topology: Topology, machine: Machine, record: Record, addresses: set[str]) -> str:
    """Where the API leads on a machine that an older Craton prepared, or that has no HAProxy; or nothing."""
    if record.rule != "D1":
        return ""
    wanted = "this machine's own proxy" if topology.has_api_proxy(machine) else "a master"
    if addresses == set(topology.masters_from(machine)):
        return f"to one master after the other, not to {wanted}"
    behind_balancer = topology.load_balancer is not None and addresses == set(topology.addresses(record))
    return f"to the load balancer, not to {wanted}" if behind_balancer else ""


_NAME_REMEDIES = {
    Verdict.PASS: "",
    Verdict.WARN: "install haproxy on the machine if it has none, then resume: that corrects its hosts file",
    Verdict.FAIL: "correct the A records, then wait for their TTL",
}


def _names(subject: Subject) -> Judgement:
    known = resolved(subject.evidence)
    records = subject.topology.records
    if not any(record.name in known for record in records):
        raise Unreadable("the machine didn't say how it resolves the contract's names")
    found = [judge_record(subject.topology, subject.machine, record, known.get(record.name, ())) for record in records]
    verdict = worst([one for one, _ in found])
    seen = "; ".join(words for one, words in found if one is verdict)
    return verdict, seen, _NAME_REMEDIES[verdict]


def record_holds(finding: Finding, rule: str) -> bool | None:
    """Whether, by a finding of the check `names`, a name of contract rule `rule` leads where it should; None: unknown.

    A finding that fails names every rule that does not hold (`judge_record`).
    """
    if finding.verdict is Verdict.FAIL:
        return f"({rule})" not in finding.seen
    return True if finding.verdict is Verdict.PASS else None


CHECKS = (
    Check("ports", "ports", Level.MUST, _ports, (REACH, FIREWALL), alone=False),
    Check("names", "names", Level.NAME, _names, (NAMES,)),
)
