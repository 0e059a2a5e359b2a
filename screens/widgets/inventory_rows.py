"""The rows of a list of machines as it is typed, and what is said about each: pure functions from values to cells."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from textual.content import Content

from installer.operations.login.connection_tests import State, Trial
from installer.plan.host import Host
from installer.plan.inventory import Inventory
from installer.ssh.diagnosis import STAGES, Stage
from screens import theme
from screens.theme import Mark
from screens.widgets.table import Column, Row, cell, marked

COLUMNS = (
    Column("address", flexible=True),
    Column("role"),
    Column("user", wide=64),
    Column("port", right=True, wide=64),
    Column("internal", wide=84),
    Column("state", flexible=True),
)
MARKS = {
    State.WAITING: theme.WAITING,
    State.CONNECTING: theme.RUNNING,
    State.READY: theme.DONE,
    State.ASKS: theme.WARNING,
    State.FAILED: theme.FAILED,
}
_TITLES = max(len(stage.title) for stage in STAGES)
_STAGE_MARKS = {"passed": theme.DONE, "failed": theme.FAILED, "not reached": theme.WAITING}


@dataclass(frozen=True, slots=True)
class Line:
    """One row: a machine, `number` counting from 0 over all of them, or a mistake in the text."""

    text: str
    host: Host | None = None
    number: int = -1
    error: str = ""
    duplicate: bool = False


def lines(inventory: Inventory) -> tuple[Line, ...]:
    """Every machine and every mistake, in the text's order."""
    found: list[Line] = []
    number = 0
    for entry in inventory.entries:
        for host in entry.hosts:
            found.append(Line(host.address, host, number))
            number += 1
        if entry.error:
            found.append(Line(entry.text, error=f"line {entry.line}: {entry.error}", duplicate=entry.duplicate))
    return tuple(found)


def rows(found: Sequence[Line], names: Mapping[Host, str], trial_of: Callable[[Host], Trial | None]) -> list[Row]:
    """`names` are those of the machines in the cluster, without the cluster's own."""
    return [_row(line, line.host, names, trial_of(line.host)) if line.host else _mistake(line) for line in found]


def _row(line: Line, host: Host, names: Mapping[Host, str], trial: Trial | None) -> Row:
    name = names.get(host, host.role or "")
    user, port = host.user or (trial.user if trial else ""), host.port or (trial.port if trial else None)
    return (
        cell(line.text, "bold"),
        cell(name, "" if host.role else "faint"),
        cell(user, "" if host.user else "faint"),
        cell(port or "", "" if host.port else "faint"),
        _internal(host, trial),
        state(trial),
    )


def _mistake(line: Line) -> Row:
    nothing = cell("")
    return cell(line.text, "error"), nothing, nothing, nothing, nothing, marked(theme.FAILED, line.error)


def _internal(host: Host, trial: Trial | None) -> list[tuple[str, str]]:
    if host.internal:
        return cell(host.internal)
    if host.node_address:
        return cell("")
    offered = trial.address if trial else None
    return cell(f"{offered}?" if offered else "needed", "faint" if offered else "warning")


def state(trial: Trial | None) -> list[tuple[str, str]]:
    """How far a machine was reached, in few words."""
    if trial is None:
        return marked(theme.WAITING)
    return marked(MARKS[trial.state], _words(trial))


def _words(trial: Trial) -> str:
    if trial.asks:
        return trial.asks
    if trial.state is State.FAILED and trial.at:
        return f"{trial.at.id}: {trial.at.seen}"
    if trial.state is State.CONNECTING and trial.at:
        return trial.at.id
    return str(trial.state)


def tally(found: Sequence[Line], trial_of: Callable[[Host], Trial | None]) -> list[tuple[Mark, int, str]]:
    """(Mark, number, state) of each state that there is, worst first: lines without a machine, then machines."""
    counts: dict[State, int] = {}
    for line in found:
        trial = trial_of(line.host) if line.host else None
        if trial:
            counts[trial.state] = counts.get(trial.state, 0) + 1
    twins = sum(line.duplicate for line in found)
    unread = sum(bool(line.error) for line in found) - twins
    texts = [(theme.FAILED, unread, "unreadable"), (theme.FAILED, twins, "listed twice")]
    words = {State.FAILED: "unreachable", State.ASKS: "to be asked", State.CONNECTING: "under way"}
    order = (State.FAILED, State.ASKS, State.CONNECTING, State.WAITING, State.READY)
    tried = [(MARKS[state], counts[state], words.get(state, str(state))) for state in order if state in counts]
    return [one for one in texts if one[1]] + tried


def describe(line: Line, trial: Trial | None, *, short: bool) -> Content:
    """Every stage with what was seen, and the remedy of the failed one; only the failed one if `short`."""
    if line.host is None:
        return Content(line.error)
    if trial is None or trial.state is State.WAITING:
        return Content.styled("It is tried as soon as its line is complete.", "$faint")
    if not short:
        return Content("\n").join(piece for stage in trial.stages for piece in _stage(stage, trial))
    brief = [theme.content(_mark(stage, trial), f"{stage.id:9}") for stage in trial.stages]
    marks = [Content(" ").join(brief[start : start + 4]) for start in range(0, len(brief), 4)]
    at = [stage for stage in (trial.at,) if stage and stage.seen]
    return Content("\n").join(
        [*marks, *(piece for stage in at for piece in (Content(stage.seen), *_remedy(stage, trial)))]
    )


def _stage(stage: Stage, trial: Trial) -> list[Content]:
    title = Content.styled(f" {stage.title:{_TITLES}}", "" if stage.verdict != "not reached" else "$faint")
    line = theme.content(_mark(stage, trial)) + title
    return [
        line + Content.styled(f"  {stage.seen}", "$faint" if stage.verdict == "passed" else "$foreground"),
        *_remedy(stage, trial),
    ]


def _remedy(stage: Stage, trial: Trial) -> list[Content]:
    if not stage.remedy:
        return []
    words = f"It is asked once, before the install. {stage.remedy}" if trial.asks else stage.remedy
    return [Content.styled(f"  {words}", "$faint")]


def _mark(stage: Stage, trial: Trial) -> Mark:
    if stage is trial.at and trial.state in (State.ASKS, State.CONNECTING):
        return MARKS[trial.state]
    return _STAGE_MARKS[stage.verdict]
