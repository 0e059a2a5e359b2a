"""The contract in three columns: planned by the plan, configured on the platform, observed between machines."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from installer.health.check import Finding, Verdict, worst
from installer.health.checks import network
from installer.health.checks.cluster import nodes
from installer.health.outside import NOT_LOOKED, Outside
from installer.health.reach import pairs as reach
from installer.health.reach.pairs import Pair, Reached
from installer.health.report.model import RuleStatus
from installer.plan import decisions
from installer.plan.decisions import Decision, State
from installer.plan.model import InstallPlan
from installer.plan.rules import Kind, Level, Peer, Rule, Traffic
from installer.plan.topology import FirewallRule, Machine, Topology
from installer.steps.evidence import Evidence

_SSH, _METRICS = Traffic("tcp", 22, 22), Traffic("tcp", 9100, 9100)


@dataclass(frozen=True, slots=True)
class Proof:
    """What there is to hold against the rules; `firewall` is what the platform read back, by machine."""

    topology: Topology
    evidence: Mapping[str, Evidence]
    findings: tuple[Finding, ...]
    pairs: tuple[Pair, ...]
    firewall: Mapping[str, tuple[FirewallRule, ...]]
    outside: Outside = NOT_LOOKED


@dataclass(frozen=True, slots=True)
class _Column:
    verdict: Verdict
    words: str


_NOTHING = _Column(Verdict.NOT_APPLICABLE, "")


def statuses(plan: InstallPlan, proof: Proof) -> tuple[RuleStatus, ...]:
    """Every rule of the contract, in its order."""
    by_rule: dict[str, list[Pair]] = defaultdict(list)
    for pair in proof.pairs:
        by_rule[pair.rule].append(pair)
    return tuple(
        _status(decision, replace(proof, pairs=tuple(by_rule[decision.rule.id])))
        for decision in decisions.decisions(plan)
    )


def describe(rule: Rule) -> str:
    """What a rule is about, such as `in udp 4789 from masters, workers`."""
    if rule.kind is not Kind.FIREWALL:
        return f"{rule.kind} {rule.value}".strip()
    flows = []
    for flow in rule.flows:
        way = "from" if flow.direction == "in" else "to"
        traffic = ", ".join(map(str, flow.traffic))
        flows.append(f"{flow.direction} {traffic} {way} {', '.join(flow.peers)}")
    return "; ".join(flows)


def _status(decision: Decision, proof: Proof) -> RuleStatus:
    rule = decision.rule
    configured, observed, detail = _NOTHING, _NOTHING, decision.reason
    if decision.state is State.ON:
        configured, observed = _COLUMNS[rule.kind](rule, proof)
        # What is told twice is said once; what was not proved says why.
        detail = "; ".join(dict.fromkeys(words for words in (observed.words, configured.words) if words))
    return RuleStatus(
        rule.id, rule.level, describe(rule), rule.purpose, decision.state, configured.verdict, observed.verdict, detail
    )


def _tally(rule: Rule, results: Iterable[bool | None], of: str) -> _Column:
    """A column from single results: True it holds, False it does not, None nobody knows."""
    outcomes = list(results)
    if not outcomes:
        return _Column(Verdict.NOT_APPLICABLE, "")
    words = f"{outcomes.count(True)} of {len(outcomes)} {of}"
    if False in outcomes:
        strict = rule.level in (Level.MUST, Level.NEEDED, Level.NAME)
        return _Column(Verdict.FAIL if strict else Verdict.WARN, words)
    return _Column(Verdict.UNKNOWN if None in outcomes else Verdict.PASS, words)


def _machines(rule: Rule, topology: Topology) -> tuple[Machine, ...]:
    return tuple(machine for machine in topology.machines if machine.role in rule.roles)


def _firewall(rule: Rule, proof: Proof) -> tuple[_Column, _Column]:
    if not proof.firewall:
        configured = _NOTHING
    else:
        machines = _machines(rule, proof.topology)
        results = [_configured(rule, machine, proof.firewall.get(machine.name, ())) for machine in machines]
        configured = _tally(rule, results, "machines' firewalls")
        if configured.verdict is Verdict.PASS:
            configured = _Column(Verdict.PASS, "")
    return configured, _kept_from_us(rule, proof, _reached(rule, proof))


def _kept_from_us(rule: Rule, proof: Proof, column: _Column) -> _Column:
    """A port that is for the cluster's machines alone does not answer on this computer, where rules are in force."""
    names = {machine.name for machine in _machines(rule, proof.topology)}
    leaking = [name for name in proof.outside.open_to_us if name in names]
    if not (leaking and proof.firewall and rule.flows and all(flow.traffic == (_METRICS,) for flow in rule.flows)):
        return column
    words = f"{column.words}; port 9100 of {leaking[0]} answers this computer, too"
    return _Column(worst([column.verdict, Verdict.WARN]), words)


def _configured(rule: Rule, machine: Machine, inforce: tuple[FirewallRule, ...]) -> bool:
    planned = [flow for flow in machine.firewall if flow.rule == rule.id]
    return all(any(covers(actual, flow) for actual in inforce) for flow in planned)


def covers(actual: FirewallRule, planned: FirewallRule) -> bool:
    """Whether a rule in force, under whatever name, lets through all that `planned` asks for."""
    have, want = actual.traffic, planned.traffic
    ports = have.protocol == "all" or (
        have.protocol == want.protocol and have.first <= want.first and want.last <= have.last
    )
    peers = Peer.ALL in actual.peers or set(planned.peers) <= set(actual.peers)
    return actual.direction == planned.direction and ports and peers


def _reached(rule: Rule, proof: Proof) -> _Column:
    incoming = [flow for flow in rule.flows if flow.direction == "in"]
    if not incoming:
        return _Column(Verdict.NOT_APPLICABLE, "not probed: it leaves the cluster")
    if proof.pairs:
        return _by_pairs(rule, proof.pairs)
    if all(flow.peers == (Peer.USER,) for flow in incoming):
        if all(flow.traffic == (_SSH,) for flow in incoming):
            return _by_finding("ssh", rule, proof, "machines answered")
        return _Column(Verdict.NOT_APPLICABLE, "not probed: it is open to the user's network only")
    return _Column(Verdict.NOT_APPLICABLE, "no other machine to probe it from")


def _by_pairs(rule: Rule, pairs: Iterable[Pair]) -> _Column:
    """A pair of machines counts once, and passes if all its ports do."""
    results: dict[tuple[str, str], set[Reached]] = defaultdict(set)
    for pair in pairs:
        results[pair.source, pair.target].add(pair.result)
    column = _tally(rule, map(_outcome, results.values()), "pairs")
    silent = [str(traffic) for flow in rule.flows for traffic in flow.traffic if not reach.ports(traffic)]
    if silent:
        return _Column(column.verdict, f"{column.words} ({', '.join(silent)} not probed: nothing answers there)")
    return column


def _outcome(results: set[Reached]) -> bool | None:
    if any(result is Reached.FILTERED for result in results):
        return False
    return None if Reached.UNKNOWN in results else True


def _by_finding(check: str, rule: Rule, proof: Proof, of: str) -> _Column:
    """A column from the findings of one check on the machines of the rule's roles."""
    names = {machine.name for machine in _machines(rule, proof.topology)}
    meaning = {Verdict.PASS: True, Verdict.WARN: True, Verdict.FAIL: False}
    verdicts = [one.verdict for one in proof.findings if one.check == check and one.machine in names]
    return _tally(rule, [meaning.get(verdict) for verdict in verdicts], of)


def _on_nodes(rule: Rule, proof: Proof) -> tuple[_Column, _Column]:
    """Labels and taints are fields of the Node objects: what is configured there is what is in effect."""
    known = nodes(proof.topology, proof.evidence)
    results: list[bool | None] = []
    for machine in _machines(rule, proof.topology):
        node = (known or {}).get(machine.name)
        results.append(None if known is None else node is not None and rule.value in node.labels | node.taints)
    column = _tally(rule, results, "nodes")
    return column, column


def _boot(rule: Rule, proof: Proof) -> tuple[_Column, _Column]:
    return _NOTHING, _by_finding("kubelet", rule, proof, "kubelets healthy")


def _access(_rule: Rule, _proof: Proof) -> tuple[_Column, _Column]:
    return _NOTHING, _Column(Verdict.NOT_APPLICABLE, "not probed: only the cloud plugin's own calls show it")


def _name(rule: Rule, proof: Proof) -> tuple[_Column, _Column]:
    if not any(record.rule == rule.id for record in proof.topology.records):
        return _NOTHING, _NOTHING
    results = [network.record_holds(one, rule.id) for one in proof.findings if one.check == "names"]
    column = _tally(rule, results, "machines resolve it")
    if seen := proof.outside.names.get(rule.id):
        column = _Column(worst([column.verdict, seen.verdict]), f"{column.words}; {seen.words}")
    return _NOTHING, column


_COLUMNS: dict[Kind, Callable[[Rule, Proof], tuple[_Column, _Column]]] = {
    Kind.FIREWALL: _firewall,
    Kind.LABEL: _on_nodes,
    Kind.TAINT: _on_nodes,
    Kind.BOOT: _boot,
    Kind.ACCESS: _access,
    Kind.NAME: _name,
}
