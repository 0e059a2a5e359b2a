"""A health report as the grids, rows and sentences that its screen shows: pure functions from a report."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from textual.content import Content

from installer.common.text import about
from installer.health.check import Finding, Verdict
from installer.health.reach.pairs import Pair, Reached
from installer.health.report import model
from installer.health.report.model import Report, RuleStatus
from installer.plan.decisions import State
from screens import theme
from screens.models.fleet import CLUSTER
from screens.theme import Mark
from screens.widgets.matrix import Grid
from screens.widgets.table import Column, Row, cell, marked
from screens.words import MARK_OF_VERDICT, clock

Port = tuple[str, int]
"""Protocol and number."""

_FLEXIBLE = {"what": 0, "found": 100}
"""Columns that take what room there is, and the width from which on they are shown."""
RULE_COLUMNS = tuple(
    Column(name, flexible=True, wide=_FLEXIBLE[name]) if name in _FLEXIBLE else Column(name)
    for name in model.RULE_COLUMNS
    if name != "for"  # which is shown below, with the rest about a rule
)
MARK_OF_STATE = {
    State.ON: theme.DONE,
    State.OFF: theme.WAITING,
    State.NOT_APPLICABLE: theme.NOT_APPLICABLE,
    State.OBSOLETE: theme.NOT_APPLICABLE,
}
MARK_OF_REACHED = {
    Reached.OPEN: theme.DONE,
    Reached.REFUSED: theme.DONE,
    Reached.FILTERED: theme.FAILED,
    Reached.UNKNOWN: theme.UNKNOWN,
}
CHECK_LEGEND = (
    (theme.DONE, "passes"),
    (theme.WARNING, "warning"),
    (theme.FAILED, "fails"),
    (theme.UNKNOWN, "unknown"),
    (theme.NOT_APPLICABLE, "doesn't apply"),
)
REACH_LEGEND = ((theme.DONE, "gets through"), (theme.FAILED, "blocked"), (theme.UNKNOWN, "unknown"))
REACH_BLANK = "  blank: no rule, or not sampled"
RULE_LEGEND = (
    (theme.DONE, "yes"),
    (theme.WAITING, "switched off"),
    (theme.WARNING, "warning"),
    (theme.FAILED, "broken"),
    (theme.UNKNOWN, "unknown"),
    (theme.NOT_APPLICABLE, "doesn't apply"),
)
SEVERITY = (theme.UNKNOWN, theme.DONE, theme.FAILED)
"""Of several rules that open a port between two machines the worst found is shown."""

_NUMBERED = re.compile(r"(master|infra|worker)-(\d+)$")


def short(report: Report, machine: str) -> str:
    """A machine's name without the cluster's; "cluster" for what is judged of the whole."""
    return machine.removeprefix(f"{report.cluster}-") if machine != CLUSTER else "cluster"


def checks(report: Report) -> Grid:
    """Machines by checks."""
    machines, names, found = report.machines, report.checks, report.matrix()

    def mark(row: int, column: int) -> Mark | None:
        finding = found[machines[row]].get(names[column])
        return MARK_OF_VERDICT[finding.verdict] if finding else None

    return Grid(tuple(short(report, machine) for machine in machines), names, mark)


def finding_at(report: Report, row: int, column: int) -> Finding | None:
    return report.matrix()[report.machines[row]].get(report.checks[column])


def finding_words(report: Report, finding: Finding | None) -> Content:
    """Where, what was seen, and what to do."""
    if finding is None:
        return Content()
    mark = MARK_OF_VERDICT[finding.verdict]
    head = Content.styled(f"{short(report, finding.machine)} · {finding.check}", "bold")
    lines = [
        theme.content(mark) + Content(" ") + head + Content.styled(f"   {finding.verdict}", "$faint"),
        Content(finding.seen),
    ]
    if finding.remedy:
        lines.append(Content.styled(finding.remedy, "$primary"))
    return Content("\n").join(lines)


def ports(report: Report) -> list[Port]:
    """Every port that was probed, in order."""
    return sorted({(pair.protocol, pair.port) for pair in report.reach})


def reach(report: Report, port: Port) -> Grid:
    """Sources by targets for one port."""
    found, names = pairs_of(report, port), nodes(report)

    def mark(row: int, column: int) -> Mark | None:
        marks = [MARK_OF_REACHED[pair.result] for pair in found.get((names[row], names[column]), ())]
        return max(marks, key=SEVERITY.index, default=None)

    return Grid(tuple(short(report, name) for name in names), tuple(map(_abbreviated, names)), mark)


def nodes(report: Report) -> list[str]:
    """Machines in the order of the reach grid."""
    order = {machine: number for number, machine in enumerate(report.machines)}
    found = dict.fromkeys(name for pair in report.reach for name in (pair.source, pair.target))
    return sorted(found, key=lambda name: order.get(name, 0))


def pairs_of(report: Report, port: Port) -> dict[tuple[str, str], list[Pair]]:
    """What was found at one port, by (source, target)."""
    found: dict[tuple[str, str], list[Pair]] = {}
    for pair in report.reach:
        if (pair.protocol, pair.port) == port:
            found.setdefault((pair.source, pair.target), []).append(pair)
    return found


def _abbreviated(machine: str) -> str:
    """m1, i1, w12."""
    found = _NUMBERED.search(machine)
    return f"{found[1][0]}{found[2]}" if found else machine


def port_words(report: Report, port: Port) -> Content:
    """Which port of how many is shown, and how many pairs of machines were probed."""
    every = ports(report)
    number = f"{every.index(port) + 1} of {len(every)}"
    covered = f"{report.pairs_covered:,} of {report.pairs_total:,} pairs of machines probed"
    return Content.styled(f"{port[0]} {port[1]}", "bold") + Content.styled(f"   port {number}   {covered}", "$faint")


def pair_words(report: Report, found: Sequence[Pair], source: str, target: str) -> Content:
    """What one machine found at another's port, and under which rules of the contract."""
    head = Content.styled(f"{short(report, source)} → {short(report, target)}", "bold")
    if not found:
        why = "the contract opens no such port between them, or this pair was not in the sample"
        return head + Content("\n") + Content.styled("the same machine" if source == target else why, "$faint")
    lines = [head]
    for pair in found:
        words = f"{pair.protocol} {pair.port} {pair.result}, rule {pair.rule}"
        lines.append(theme.content(MARK_OF_REACHED[pair.result], words))
    if any(pair.result is Reached.FILTERED for pair in found):
        lines.append(
            Content.styled("something between them drops it: compare the target's firewall with the rule", "$primary")
        )
    return Content("\n").join(lines)


def rules(report: Report) -> tuple[list[Row], Callable[[int], Content]]:
    """The contract in three columns, and what to say below about the row of an index."""
    rows: list[Row] = [
        (
            cell(rule.id, "bold"),
            cell(rule.level, "" if rule.level in ("MUST", "NEEDED") else "faint"),
            marked(MARK_OF_STATE[rule.planned]),
            marked(MARK_OF_VERDICT[rule.configured]),
            marked(MARK_OF_VERDICT[rule.observed]),
            cell(rule.subject),
            cell(rule.detail, "faint"),
        )
        for rule in report.rules
    ]
    return rows, lambda index: _rule_words(report.rules[index])


def _rule_words(rule: RuleStatus) -> Content:
    states = f"planned: {rule.planned}, configured: {rule.configured}, observed: {rule.observed}"
    lines = [
        Content.styled(f"{rule.id} ", "bold") + Content(rule.text),
        Content(rule.subject),
        Content(states),
        Content(rule.detail),
    ]
    return Content("\n").join(line for line in lines if line)


def headline(report: Report) -> Content:
    """How the cluster is, in one line."""
    verdict = Verdict(report.verdict)
    return theme.content(MARK_OF_VERDICT[verdict]) + Content.styled(f" {report.headline}", "bold")


def age_words(report: Report, now: float, *, short: bool = False) -> str:
    """When it was checked, and unless in short, how long that took and of how much."""
    age = f", {about(now - report.checked_at)} ago" if now - report.checked_at >= 5 else ""
    when = f"checked {clock(report.checked_at)}{age}"
    if short:
        return when
    return f"{when} · took {report.seconds:.1f} s · {report.extent} · {report.amount}"
