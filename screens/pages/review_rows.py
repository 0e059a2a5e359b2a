"""The rows of a review's tabs, and what is said about each: pure functions from values to cells."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual.content import Content

from installer.engine.events import StepState
from installer.engine.progress import StepView
from installer.health.check import Verdict
from installer.health.report.model import Report, RuleStatus
from installer.operations.review import (
    Download,
    Ruling,
    downloads,
    host_words,
    peers_words,
    pool_words,
    rulings,
    sum_words,
    warnings,
)
from installer.plan.changes import Change, Risk
from installer.plan.decisions import State
from installer.plan.model import InstallPlan
from installer.plan.topology import GIVEN_LATER, Machine, hosts, topology
from installer.steps.step import Step
from screens import theme
from screens.models.subject import Gathered
from screens.theme import Mark
from screens.widgets.table import Column, Row, cell, marked
from screens.words import MARK_OF_STEP, MARK_OF_VERDICT, clock, duration

Rows = tuple[Sequence[Row], Callable[[int], Content]]
"""Rows, and what to say about the row of an index."""

_RULE_MARKS = {
    State.ON: theme.DONE,
    State.OFF: theme.WAITING,
    State.NOT_APPLICABLE: theme.NOT_APPLICABLE,
    State.OBSOLETE: theme.NOT_APPLICABLE,
}
RISK_MARKS: dict[Risk, Mark] = {Risk.SAFE: theme.DONE, Risk.CAREFUL: theme.WARNING, Risk.REFUSED: theme.FAILED}

MACHINE_COLUMNS = (Column("machine"), Column("role"), Column("address"), Column("labels", flexible=True, wide=70))
RULE_COLUMNS = (
    Column("rule"),
    Column("level"),
    Column("state"),
    Column("what", flexible=True),
    Column("for", flexible=True, wide=110),
)
PROVEN_COLUMNS = (
    Column("rule"),
    Column("level"),
    Column("planned"),
    Column("configured"),
    Column("observed"),
    Column("what", flexible=True),
    Column("found", flexible=True, wide=100),
)
STEP_COLUMNS = (Column("phase"), Column("step", flexible=True), Column("machine", wide=100))
RAN_COLUMNS = (
    Column("phase"),
    Column("state"),
    Column("began", wide=90),
    Column("took", right=True),
    Column("step", flexible=True),
)
DOWNLOAD_COLUMNS = (
    Column("artifact"),
    Column("version"),
    Column("for"),
    Column("sha256", flexible=True),
)
RECORD_COLUMNS = (Column("rule"), Column("type"), Column("name"), Column("leads to", flexible=True))


def machines(plan: InstallPlan) -> Rows:
    """Every machine; its labels, taints and firewall below."""
    found, own = topology(plan).listed, hosts(plan)
    rows = [
        (
            cell(machine.name, "bold"),
            cell(machine.role),
            cell(machine.address or GIVEN_LATER),
            cell(", ".join(machine.labels), "faint"),
        )
        for machine in found
    ]
    return rows, lambda index: _machine(found[index], host_words(own.get(found[index].name)), plan)


def rules(plan: InstallPlan) -> Rows:
    """Every rule of the contract; its wording and what becomes of it below."""
    found = rulings(plan)
    rows = [
        (
            cell(rule.id, "bold"),
            cell(rule.level, "" if rule.level in ("MUST", "NEEDED") else "faint"),
            marked(_RULE_MARKS[State(rule.state)], rule.state),
            cell(what(rule)),
            cell(rule.purpose, "faint"),
        )
        for rule in found
    ]
    return rows, lambda index: rule_words(found[index])


def proven(plan: InstallPlan, report: Report) -> Rows:
    """Every rule in three columns: what the plan wants, what the platform has, what the machines found."""
    found = rulings(plan)
    statuses = {status.id: status for status in report.rules}
    rows = [_proven(rule, statuses.get(rule.id)) for rule in found]
    return rows, lambda index: rule_words(found[index], statuses.get(found[index].id))


def _proven(rule: Ruling, status: RuleStatus | None) -> Row:
    verdicts = (status.configured, status.observed) if status else (Verdict.UNKNOWN, Verdict.UNKNOWN)
    return (
        cell(rule.id, "bold"),
        cell(rule.level, "" if rule.level in ("MUST", "NEEDED") else "faint"),
        marked(_RULE_MARKS[State(rule.state)]),
        *(marked(MARK_OF_VERDICT[verdict]) for verdict in verdicts),
        cell(what(rule)),
        cell(status.detail if status else "", "faint"),
    )


def planned(steps: Sequence[Step]) -> Rows:
    """The steps that an install would run."""
    rows = [(cell(step.phase, "faint"), cell(step.title), cell(step.machine or "", "faint")) for step in steps]
    return rows, lambda index: _step(steps[index])


def ran(gathered: Gathered) -> Rows:
    """The steps that an install has run: when, and how long each took."""
    steps = gathered.steps
    rows = [_ran(step, gathered.ran.get(step.id)) for step in steps]
    return rows, lambda index: _step(steps[index], gathered.ran.get(steps[index].id))


def records(plan: InstallPlan) -> list[Row]:
    """The DNS records that the cluster's names need."""
    shape = topology(plan)
    return [
        (cell(record.rule, "bold"), cell("A"), cell(record.name), cell(", ".join(shape.leads_to(record))))
        for record in shape.records
    ]


def artifacts(plan: InstallPlan) -> Rows:
    """What machines get installed; where from and the whole sum below."""
    found = downloads(plan)
    rows = [
        (
            cell(download.name, "bold"),
            cell(download.version),
            cell(download.architecture),
            cell(download.sha256, "faint") if download.sha256 else marked(theme.WARNING, "not recorded yet"),
        )
        for download in found
    ]
    return rows, lambda index: _download(found[index])


def _download(download: Download) -> Content:
    return Content("\n").join([Content(download.url), Content.styled(sum_words(download), "$faint")])


def change_words(found: Sequence[Change]) -> Content:
    """What would change on the installed cluster, one paragraph for each field."""
    lines = []
    for change in found:
        lines.append(
            theme.content(RISK_MARKS[change.risk], f"{change.field}: {change.old} → {change.new}")
            + Content.styled(f"  {change.risk}", "bold")
        )
        lines.append(Content.styled(f"  {change.why}", "$faint"))
    return Content("\n").join(lines)


def what(rule: Ruling) -> str:
    """What a rule asks for, as short as can be."""
    return "; ".join(rule.traffic) or rule.value or rule.purpose


def rule_words(rule: Ruling, status: RuleStatus | None = None) -> Content:
    """A rule's own words, what it is for, what becomes of it, and how far it was found to hold."""
    lines = [
        Content.styled(f"{rule.id} ", "bold") + Content(rule.wording),
        Content.styled("for ", "$faint") + Content(rule.purpose),
    ]
    if rule.traffic:
        lines.append(Content("; ".join(rule.traffic)))
    if rule.realised:
        lines.append(Content.styled("realised as ", "$faint") + Content(rule.realised))
    elif rule.reason:
        lines.append(Content(rule.reason))
    if status and status.planned is State.ON:
        lines.append(
            Content(f"configured: {status.configured}, observed: {status.observed}   {status.detail}".rstrip())
        )
    return Content("\n").join(lines)


def _machine(machine: Machine, host: str, plan: InstallPlan) -> Content:
    pooled = pool_words(plan) if machine.number == 0 else ""
    facts = [
        *([("host", host)] if host else []),
        *([("workers", pooled)] if pooled else []),
        ("labels", ", ".join(machine.labels) or "none"),
        ("taints", ", ".join(machine.taints) or "none"),
        ("firewall", "\n          ".join(map(peers_words, machine.firewall))),
    ]
    return Content("\n").join(Content.styled(f"{name:10}", "$faint") + Content(value) for name, value in facts)


def _step(step: Step, view: StepView | None = None) -> Content:
    lines = [Content.styled("id     ", "$faint") + Content(step.id)]
    if step.needs:
        lines.append(Content.styled("needs  ", "$faint") + Content(_some(step.needs)))
    if view and view.seen:
        lines.append(Content.styled("seen   ", "$faint") + Content(view.seen))
    if view and view.error:
        lines.append(Content.styled("failed ", "$error") + Content(str(view.error.get("observed", ""))))
    return Content("\n").join(lines)


def _some(names: Sequence[str], limit: int = 6) -> str:
    rest = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + rest


def _ran(step: Step, view: StepView | None) -> Row:
    state = view.state if view else StepState.WAITING
    words = view.how if view and state is StepState.DONE and view.how else str(state)
    began = clock(view.started) if view and view.started else ""
    took = duration(view.duration(view.started or 0.0)) if view and view.ended else ""
    return (
        cell(step.phase, "faint"),
        marked(MARK_OF_STEP[state], words),
        cell(began, "faint"),
        cell(took),
        cell(step.title),
    )


def warning_words(plan: InstallPlan) -> Content:
    """What to know before installing, a line each."""
    return Content("\n").join([theme.content(theme.WARNING, warning) for warning in warnings(plan)])


def difference_words(gathered: Gathered) -> Content:
    """How the installed cluster differs from the plan, and whether it can follow."""
    verdict = (
        theme.content(theme.FAILED, "The installed cluster can't change to this plan:")
        if gathered.refused
        else theme.content(theme.WARNING, "The installed cluster differs; installing again changes it:")
    )
    return Content("\n").join([verdict, Content(""), change_words(gathered.differences)])
