"""The rows of a list of machines as it is typed, and what is said about each: pure functions from values to cells."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from textual.content import Content

from installer.operations.login.connection_tests import State, Trial
from installer.plan.host import Host
from installer.plan.inventory import Inventory
from installer.ssh.diagnosis import RUNGS, Rung
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
    State.CLIMBING: theme.RUNNING,
    State.READY: theme.DONE,
    State.ASKS: theme.WARNING,
    State.FAILED: theme.FAILED,
}
_TITLES = max(len(rung.title) for rung in RUNGS)
_RUNG_MARKS = {"passed": theme.DONE, "failed": theme.FAILED, "not reached": theme.WAITING}


@dataclass(frozen=True, slots=True)
class Line:
    """One row: a machine, `number` counting from 0 over all of them, or a mistake in the text."""

    text: str
    host: Host | None = None
    number: int = -1
    error: str = ""


def lines(inventory: Inventory) -> tuple[Line, ...]:
    """Every machine and every mistake, in the text's order."""
    found: list[Line] = []
    number = 0
    for entry in inventory.entries:
        for host in entry.hosts:
            found.append(Line(host.address, host, number))
            number += 1
        if entry.error:
            found.append(Line(entry.text, error=f"line {entry.line}: {entry.error}"))
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
    if trial.state is State.CLIMBING and trial.at:
        return trial.at.id
    return str(trial.state)


def tally(found: Sequence[Line], trial_of: Callable[[Host], Trial | None]) -> list[tuple[Mark, int, str]]:
    """(Mark, number, state) of each state that there is, worst first."""
    counts: dict[State, int] = {}
    for line in found:
        trial = trial_of(line.host) if line.host else None
        if trial:
            counts[trial.state] = counts.get(trial.state, 0) + 1
    words = {State.ASKS: "to be asked", State.CLIMBING: "under way"}
    order = (State.FAILED, State.ASKS, State.CLIMBING, State.WAITING, State.READY)
    return [(MARKS[state], counts[state], words.get(state, str(state))) for state in order if state in counts]


def describe(line: Line, trial: Trial | None, *, short: bool) -> Content:
    """Every rung with what was seen, and what mends the one that does not hold; where it is `short`, that one alone."""
    if line.host is None:
        return Content(line.error)
    if trial is None or trial.state is State.WAITING:
        return Content.styled("It is tried as soon as its line is complete.", "$faint")
    if not short:
        return Content("\n").join(piece for rung in trial.rungs for piece in _rung(rung, trial))
    brief = [theme.content(_mark(rung, trial), f"{rung.id:9}") for rung in trial.rungs]
    marks = [Content(" ").join(brief[start : start + 4]) for start in range(0, len(brief), 4)]
    at = [rung for rung in (trial.at,) if rung and rung.seen]
    return Content("\n").join(
        [*marks, *(piece for rung in at for piece in (Content(rung.seen), *_remedy(rung, trial)))]
    )


def _rung(rung: Rung, trial: Trial) -> list[Content]:
    title = Content.styled(f" {rung.title:{_TITLES}}", "" if rung.verdict != "not reached" else "$faint")
    line = theme.content(_mark(rung, trial)) + title
    return [
        line + Content.styled(f"  {rung.seen}", "$faint" if rung.verdict == "passed" else "$foreground"),
        *_remedy(rung, trial),
    ]


def _remedy(rung: Rung, trial: Trial) -> list[Content]:
    if not rung.remedy:
        return []
    words = f"It is asked once, before the install. {rung.remedy}" if trial.asks else rung.remedy
    return [Content.styled(f"  {words}", "$faint")]


def _mark(rung: Rung, trial: Trial) -> Mark:
    if rung is trial.at and trial.state in (State.ASKS, State.CLIMBING):
        return MARKS[trial.state]
    return _RUNG_MARKS[rung.verdict]
