"""A health report as one self-contained HTML page that prints well. Every word from outside is escaped."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from importlib.resources import files
from string import Template

from installer.health.check import Verdict
from installer.health.report.model import RULE_COLUMNS, Problem, Report, RuleStatus
from installer.health.report.text import MARKS, checked, plan_verdict, shown_machines

_REACH_SHOWN = 200


def page(report: Report) -> str:
    """The whole document, UTF-8; it loads nothing and runs nothing."""
    return Template(_asset("report.html")).substitute(
        title=escape(f"{report.cluster}: {report.headline}"),
        css=_asset("report.css"),
        cluster=escape(report.cluster),
        notice=escape(report.notice),
        unfinished=escape(report.unfinished),
        verdict=_class(report.verdict),
        headline=escape(f"{MARKS[report.verdict]} {report.headline}"),
        checked=escape(checked(report)),
        problems=_problems(report.grouped_problems()),
        matrix=_matrix(report),
        rest=_rest(report),
        contract=_contract(report.rules),
        reach=_reach(report),
        legend="&ensp; ".join(f"{mark} {escape(verdict)}" for verdict, mark in MARKS.items()),
    )


def _asset(name: str) -> str:
    return files("assets").joinpath("report", name).read_text(encoding="utf-8")


def _class(verdict: Verdict) -> str:
    return verdict.value.replace(" ", "-")


def _mark(verdict: Verdict, title: str = "") -> str:
    """A cell with a verdict's shape; its word is there for those who hear the page."""
    tip = escape(title or verdict)
    return f'<td class="mark {_class(verdict)}" title="{tip}" aria-label="{escape(verdict)}">{MARKS[verdict]}</td>'


def _table(heads: Iterable[str], rows: Iterable[str]) -> str:
    head = "".join(f'<th scope="col">{escape(title)}</th>' for title in heads)
    return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{chr(10).join(rows)}\n</tbody>\n</table>"


def _problems(problems: Iterable[Problem]) -> str:
    items = []
    for problem in problems:
        finding = problem.finding
        title = escape(f"{MARKS[finding.verdict]} {problem.where} · {finding.check}")
        remedy = f'<p class="remedy">{escape(finding.remedy)}</p>' if finding.remedy else ""
        items.append(f'<li><span class="{_class(finding.verdict)}">{title}</span>: {escape(problem.seen)}{remedy}</li>')
    if not items:
        return ""
    return f'<section>\n<h2>To look at</h2>\n<ul class="problems">\n{chr(10).join(items)}\n</ul>\n</section>'


def _matrix(report: Report) -> str:
    findings = report.matrix()
    rows = []
    for machine in shown_machines(report):
        found = (findings[machine].get(check) for check in report.checks)
        cells = "".join(_mark(one.verdict, one.seen) if one else "<td></td>" for one in found)
        rows.append(f'<tr><th scope="row">{escape(machine)}</th>{cells}</tr>')
    return _table(["machine", *report.checks], rows)


def _rest(report: Report) -> str:
    count = len(report.machines) - len(shown_machines(report))
    return f'<p class="quiet">{count} more machines pass everything.</p>' if count else ""


def _contract(rules: Iterable[RuleStatus]) -> str:
    return _table(RULE_COLUMNS, map(_rule, rules))


def _rule(rule: RuleStatus) -> str:
    planned = plan_verdict(rule)
    off = ' class="off"' if planned is Verdict.NOT_APPLICABLE else ""
    words = "".join(f"<td>{escape(word)}</td>" for word in (rule.subject, rule.text, rule.detail))
    marks = _mark(planned, rule.planned) + _mark(rule.configured) + _mark(rule.observed)
    return f'<tr{off}><th scope="row">{escape(rule.id)}</th><td>{escape(rule.level)}</td>{marks}{words}</tr>'


def _reach(report: Report) -> str:
    """The ports that did not get through; those that did are counted in the contract's table."""
    failed = [pair for pair in report.reach if not pair.result.passes]
    if not failed:
        return ""
    rows = [
        "<tr>"
        + "".join(
            f"<td>{escape(str(word))}</td>"
            for word in (pair.source, pair.target, f"{pair.protocol} {pair.port}", pair.rule, pair.result)
        )
        + "</tr>"
        for pair in failed[:_REACH_SHOWN]
    ]
    more = len(failed) - len(rows)
    rest = f'<p class="quiet">and {more} more</p>' if more else ""
    table = _table(("from", "to", "port", "rule", "result"), rows)
    return f"<section>\n<h2>Ports that were not reached</h2>\n{table}\n{rest}\n</section>"
