"""A health report as plain text: machines by checks, what is wrong and what to do, the contract."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Iterator, Sequence

from installer.common.text import without_unicode
from installer.health.check import Finding, Verdict
from installer.health.report.model import RULE_COLUMNS, Report, RuleStatus
from installer.plan.decisions import State

MANY = 50
"""Beyond so many machines, those that pass everything are counted rather than listed."""

_VERDICTS = (9, 12, 10)
"""Widths of the contract's columns of verdicts."""

MARKS = {
    Verdict.PASS: "●",
    Verdict.WARN: "▲",
    Verdict.FAIL: "✕",
    Verdict.NOT_APPLICABLE: "–",
    Verdict.UNKNOWN: "?",
}


def render(report: Report, *, width: int = 100, ascii_only: bool = False) -> str:
    """The report in lines of at most `width` characters where its words allow; no colour, no trailing newline."""
    legend = "  ".join(f"{mark} {verdict}" for verdict, mark in MARKS.items())
    sections = [
        _heading(report, width),
        *_matrix(report, width),
        _problems(report, width),
        _contract(report, width),
        [legend],
    ]
    text = "\n\n".join("\n".join(section) for section in sections if section)
    return without_unicode(text) if ascii_only else text


def checked(report: Report) -> str:
    """When it was checked, of how much, and how long that took."""
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(report.checked_at))
    return (
        f"checked {at} in {report.seconds:.1f} s · {report.extent} · {report.amount} · "
        f"ports tried between {report.pairs_covered} of {report.pairs_total} pairs of machines"
    )


def shown_machines(report: Report) -> tuple[str, ...]:
    """The machines worth a line each: all, or in a large cluster those that do not pass everything."""
    if len(report.machines) <= MANY:
        return report.machines
    odd = {finding.machine for finding in report.problems()}
    return tuple(machine for machine in report.machines if machine in odd)


def _heading(report: Report, width: int) -> list[str]:
    more = [line for text in (report.unfinished, report.notice) for line in _wrapped(text, width, "")]
    return [f"{report.cluster} · {report.headline}", *more, *_wrapped(checked(report), width, "")]


def _matrix(report: Report, width: int) -> Iterator[list[str]]:
    """Tables of machines by checks, as many side by side as fit."""
    rows, machines = report.matrix(), shown_machines(report)
    name_width = max((len(machine) for machine in machines), default=0)
    for checks in _columns(report.checks, width - name_width - 2):
        lines = [" " * (name_width + 2) + "  ".join(checks)]
        for machine in machines:
            cells = (_cell(rows[machine].get(check), check) for check in checks)
            lines.append(f"  {machine:<{name_width}}{''.join(cells)}".rstrip())
        if len(machines) < len(report.machines):
            lines.append(f"  {len(report.machines) - len(machines)} more machines pass everything")
        yield lines


def _columns(checks: Sequence[str], width: int) -> Iterator[list[str]]:
    chunk: list[str] = []
    used = 0
    for check in checks:
        needed = len(check) + 2
        if chunk and used + needed > width:
            yield chunk
            chunk, used = [], 0
        chunk.append(check)
        used += needed
    if chunk:
        yield chunk


def _cell(finding: Finding | None, check: str) -> str:
    mark = MARKS[finding.verdict if finding else Verdict.NOT_APPLICABLE]
    return mark.center(len(check) + 2)


def _problems(report: Report, width: int) -> list[str]:
    lines = []
    for problem in report.grouped_problems():
        finding = problem.finding
        where = f"{MARKS[finding.verdict]} {problem.where} · {finding.check}: "
        lines += _wrapped(where + problem.seen, width, "    ")
        if finding.remedy:
            lines += _wrapped(f"    → {finding.remedy}", width, "      ")
    return lines


def _contract(report: Report, width: int) -> list[str]:
    if not report.rules:
        return []
    id, level, *verdicts, what, why, found = RULE_COLUMNS
    heads = "".join(name.center(width) for name, width in zip(verdicts, _VERDICTS, strict=True))
    lines = [f"{id:<5}{level:<7}{heads} {what} · {why} · {found}"]
    for rule in report.rules:
        marks = (plan_verdict(rule), rule.configured, rule.observed)
        cells = "".join(MARKS[mark].center(cell) for mark, cell in zip(marks, _VERDICTS, strict=True))
        words = [rule.subject, rule.text, rule.detail]
        line = f"{rule.id:<5}{rule.level:<7}{cells} {' · '.join(word for word in words if word)}"
        lines += _wrapped(line, width, " " * 44)
    return lines


def plan_verdict(rule: RuleStatus) -> Verdict:
    """The first column's mark: a rule that the plan leaves out is not applicable."""
    return Verdict.PASS if rule.planned is State.ON else Verdict.NOT_APPLICABLE


def _wrapped(line: str, width: int, indent: str) -> list[str]:
    return textwrap.wrap(line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
