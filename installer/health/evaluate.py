"""From evidence to a report. Pure: what was gathered goes in, findings and the contract's columns come out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from installer.common.errors import InstallerError
from installer.health.catalogue import CHECKS
from installer.health.check import Finding, Subject, Verdict
from installer.health.checks import cluster, expiry, network
from installer.health.outside import NOT_LOOKED, Outside
from installer.health.reach import pairs as reach
from installer.health.report import compliance
from installer.health.report.model import Report
from installer.health.report.partial import Recheck
from installer.plan.model import InstallPlan
from installer.plan.topology import FirewallRule, Machine, Pool, Topology
from installer.steps.evidence import Evidence


def evaluate(
    plan: InstallPlan,
    topology: Topology,
    evidence: Mapping[str, Evidence],
    unreachable: Mapping[str, InstallerError],
    pinned: Mapping[str, str],
    firewall: Mapping[str, tuple[FirewallRule, ...]],
    *,
    checked_at: float,
    seconds: float,
    recheck: Recheck | None = None,
    outside: Outside = NOT_LOOKED,
    alone: Mapping[str, tuple[Finding, ...]] | None = None,
) -> Report:
    """Judge every machine of `topology`, and every rule of the contract; with `recheck`, keep what it leaves as it was.

    `evidence`, `unreachable` (why a machine did not answer), `pinned` (host keys, `TYPE BASE64`) and `firewall` (read
    back from the platform; empty if it has none) are by machine. `checked_at` is Unix seconds, `seconds` how long
    gathering took. `outside` is what this computer sees of the cluster. `alone` is what `evaluate_machine` found by the
    same evidence, by machine; it need not have judged all of them.
    """
    found: list[Finding] = []
    # An earlier answer of a machine says nothing about it if it does not answer now.
    answers = {name: answer for name, answer in evidence.items() if name not in unreachable}
    pairs = reach.pairs(topology, answers)
    # Given here, or the first subject that asks would work out all pairs again.
    facts: dict[Any, Any] = {network.pairs_by_target: reach.by_target(pairs)}
    for machine in topology.machines:
        if (answer := answers.get(machine.name)) is not None:
            subject = Subject(machine, plan, topology, answer, answers, pinned, facts)
            found += _judged(subject, (alone or {}).get(machine.name, ()))
        else:
            found += _unjudged(machine, unreachable.get(machine.name))
    if topology.pool is not None:
        found += _of_pool(topology.pool, cluster.nodes(topology, answers), plan.kubernetes)
    findings = tuple(found)
    if recheck:
        findings, pairs = recheck.findings(findings), recheck.pairs(pairs)
    rules = compliance.statuses(plan, compliance.Proof(topology, answers, findings, pairs, firewall, outside))
    if recheck:
        rules = recheck.rules(rules)
    covered, total = reach.coverage(topology)
    ending = expiry.first_end(plan, topology, answers)
    if recheck:
        ending = recheck.ending(ending)
    notice = plan.traits.notice
    return Report(plan.name, checked_at, seconds, findings, pairs, rules, covered, total, notice, ending=ending)


def evaluate_machine(
    plan: InstallPlan, topology: Topology, machine: Machine, evidence: Evidence, pinned: str | None
) -> tuple[Finding, ...]:
    """The findings for which one machine's own evidence is enough. `pinned` is its host key, if one is pinned."""
    keys = {machine.name: pinned} if pinned else {}
    subject = Subject(machine, plan, topology, evidence, {machine.name: evidence}, keys)
    return tuple(check.examine(subject) for check in CHECKS if check.alone)


def _judged(subject: Subject, alone: tuple[Finding, ...]) -> list[Finding]:
    known = {finding.check: finding for finding in alone}
    return [known.get(check.id) or check.examine(subject) for check in CHECKS]


def _of_pool(pool: Pool, known: Mapping[str, cluster.Node] | None, release: str) -> list[Finding]:
    """All machines of a worker pool in one row: Craton logs in to none of them."""
    never = "Craton doesn't log in to machines of a pool"
    state = cluster.pool_state(pool, known, release)
    return [
        Finding(check.id, pool.name, *(state if check.id == "node" else (Verdict.NOT_APPLICABLE, never)))
        for check in CHECKS
    ]


def _unjudged(machine: Machine, why: InstallerError | None) -> list[Finding]:
    """What is known of a machine that did not answer: that it did not, and why."""
    findings = []
    for check in CHECKS:
        if check.id == "ssh":
            seen = f"{why.operation}: {why.observed}" if why else "it wasn't asked"
            verdict = Verdict.FAIL if why else Verdict.UNKNOWN
            findings.append(Finding(check.id, machine.name, verdict, seen, why.hint if why else ""))
        elif machine.role not in check.roles:
            findings.append(Finding(check.id, machine.name, Verdict.NOT_APPLICABLE, f"not for {machine.role} machines"))
        else:
            findings.append(Finding(check.id, machine.name, Verdict.UNKNOWN, "the machine didn't answer"))
    return findings
