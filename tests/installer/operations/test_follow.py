"""A run as plain lines and as JSON lines, from events made by hand."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from typing import Any

import pytest

from installer.engine.events import Event, EventType, LogLine, Outcome, RunKind, StepRecord, StepState
from installer.engine.progress import Progress
from installer.operations.follow import Fold, Follower, JsonLines, PlainLines

W, S, A, D, F, B, G = (StepState(state) for state in (
    "waiting", "observing", "applying", "done", "failed", "blocked", "undone"))  # fmt: skip
STEP, WAIT, RETRY = EventType.STEP, EventType.WAIT, EventType.RETRY
ERROR = {"operation": "install packages", "machine": "demo-worker-1", "observed": "no space", "hint": "Make space."}
RECORDS = (
    StepRecord("prepare/one", "prepare one", "prepare", "demo-worker-1", (), 1.0, 60.0),
    StepRecord("verify/one", "check one", "verify", "demo-worker-1", ("prepare/one",), 3.0, 60.0),
)

Told = tuple[EventType, str | None, dict[str, Any]]


class Paper(io.TextIOWrapper):
    """Something to write on in an encoding."""

    def __init__(self, encoding: str = "utf-8") -> None:
        super().__init__(io.BytesIO(), encoding=encoding, newline="\n")

    @property
    def lines(self) -> list[str]:
        """What is written on it, with every time of the day as `HH:MM:SS`."""
        self.flush()
        written: bytes = self.buffer.getvalue()  # type: ignore[attr-defined]
        return re.sub(r"\b\d\d:\d\d:\d\d\b", "HH:MM:SS", written.decode(self.encoding)).splitlines()


def notify(follower: Follower, *told: Told, kind: RunKind = RunKind.INSTALL) -> Progress:
    """Notify a run's start and then what happened, a second after the other."""
    progress = Progress.of(RECORDS)
    start: Told = (EventType.RUN_STARTED, None, {"kind": kind, "pid": 42, "steps": [step.id for step in RECORDS]})
    for number, (type, step, data) in enumerate((start, *told), 1):
        event = Event(number, 1000.0 + number, 1, type, step, "demo-worker-1" if step else None, data)
        progress.extend([event])
        follower.event(event, progress)
    return progress


def plain(*told: Told, encoding: str = "utf-8", kind: RunKind = RunKind.INSTALL) -> list[str]:
    paper = Paper(encoding)
    notify(PlainLines(paper), *told, kind=kind)
    return paper.lines


def step(id: str, state: StepState, **data: Any) -> Told:
    return STEP, id, {"state": state, **data}


ONE, VERIFY = "prepare/one", "verify/one"
RETRYING = {"attempt": 2, "in": 1.26, "until": 1000.0, "error": ERROR}
OLDER = {"attempt": 2, "of": 4, "in": 1.26, "error": ERROR}

CASES: Mapping[str, tuple[list[Told], list[str]]] = {
    "a step that was applied, with how long it took": (
        [step(ONE, S), step(ONE, A), step(ONE, D, how="applied", seen="")],
        ["  HH:MM:SS  ●  25%  prepare        prepare one  (2.0 s)"],
    ),
    "a step whose effect held already, with what was seen": (
        [step(ONE, S), step(ONE, D, how="observed", seen="12 packages")],
        ["  HH:MM:SS  ●  25%  prepare        prepare one  (already: 12 packages)"],
    ),
    "a proof, which is nothing but an observation": (
        [step(VERIFY, S), step(VERIFY, D, how="observed", seen="no check fails")],
        ["  HH:MM:SS  ●  75%  verify         check one  (no check fails)"],
    ),
    "a failure, with its machine, operation, observation and remedy": (
        [step(ONE, S), step(ONE, A), step(ONE, F, error=ERROR), step(VERIFY, B, because="prepare one failed")],
        [
            "  HH:MM:SS  ✕   0%  prepare        prepare one",
            "            demo-worker-1: install packages: no space",
            "            what to do: Make space.",
        ],
    ),
    "a failure of no machine that nobody can mend": (
        [step(ONE, F, error={"operation": "look", "machine": None, "observed": "nothing", "hint": ""})],
        ["  HH:MM:SS  ✕   0%  prepare        prepare one", "            look: nothing"],
    ),
    "a wait, with its deadline and what was seen": (
        [step(ONE, S), (WAIT, ONE, {"what": "the lock", "seen": "held by apt", "until": 1000.0})],
        ["  HH:MM:SS  ○ prepare/one: waiting for the lock until HH:MM:SS, last seen: held by apt"],
    ),
    "a wait in which nothing was seen": (
        [step(ONE, S), (WAIT, ONE, {"what": "the lock", "seen": "", "until": 1000.0})],
        ["  HH:MM:SS  ○ prepare/one: waiting for the lock until HH:MM:SS"],
    ),
    "a retry, with why and when": (
        [step(ONE, S), (RETRY, ONE, RETRYING)],
        ["  HH:MM:SS  ▲ prepare/one: no space; trying again in 1.3 s (attempt 2, until HH:MM:SS at most)"],
    ),
    "a retry of an older engine": (
        [step(ONE, S), (RETRY, ONE, OLDER)],
        ["  HH:MM:SS  ▲ prepare/one: no space; trying again in 1.3 s (attempt 2)"],
    ),
    "that it is to stop": ([(EventType.STOPPING, None, {})], ["  HH:MM:SS  ○ stopping at the next safe point"]),
    "nothing of what merely begins, is blocked or waits": (
        [step(ONE, S), step(ONE, A), step(VERIFY, B), step(VERIFY, W),
         (EventType.STAGE, ONE, {"number": 1, "of": 2, "title": "t"}),
         (EventType.RUN_ENDED, None, {"outcome": Outcome.STOPPED, "exit_code": 8})],
        [],
    ),
    "a failed step that was asked for once more, and then done": (
        [step(ONE, S), step(ONE, F, error=ERROR | {"hint": ""}), step(ONE, W),
         step(ONE, S), step(ONE, A), step(ONE, D, how="applied", seen="")],
        [
            "  HH:MM:SS  ✕   0%  prepare        prepare one",
            "            demo-worker-1: install packages: no space",
            "  HH:MM:SS  ●  25%  prepare        prepare one  (2.0 s)",
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("told", "lines"), CASES.values(), ids=list(CASES))
def test_plain_lines_tell(told: list[Told], lines: list[str]) -> None:
    assert plain(*told) == lines


def test_plain_lines_of_a_destroy_tell_what_is_undone() -> None:
    lines = plain(step(ONE, S), step(ONE, G, how="observed", seen="gone"), kind=RunKind.DESTROY)
    assert lines == ["  HH:MM:SS  ●  25%  prepare        prepare one  (already: gone)"]


@pytest.mark.parametrize(("encoding", "mark"), [("utf-8", "●"), ("ascii", "ok"), ("latin-1", "ok")])
def test_where_shapes_cannot_be_written_letters_stand_for_them(encoding: str, mark: str) -> None:
    [line] = plain(step(ONE, S), step(ONE, D, how="observed", seen="x"), encoding=encoding)
    assert line.split()[1] == mark


def test_without_shapes_every_kind_of_line_is_still_told_apart() -> None:
    told = [
        step(ONE, S), (WAIT, ONE, {"what": "w", "seen": "", "until": 0.0}), (RETRY, ONE, RETRYING),
        step(ONE, F, error=ERROR), step(VERIFY, D, how="observed", seen="x"),
    ]  # fmt: skip
    marks = [line.split()[1] for line in plain(*told, encoding="ascii") if line.startswith("  HH")]
    assert marks == ["--", "??", "!!", "ok"]


def test_plain_lines_leave_the_machines_logs_to_the_journal() -> None:
    paper = Paper()
    PlainLines(paper).log(LogLine(1, 1000.0, 1, "demo-worker-1", ONE, "Unpacking ..."))
    assert paper.lines == []


def test_json_lines_are_one_document_a_line_with_time_place_and_data(capsys: pytest.CaptureFixture[str]) -> None:
    follower = JsonLines()
    notify(follower, step(ONE, F, error=ERROR), (RETRY, ONE, RETRYING), (EventType.STOPPING, None, {}))
    follower.log(LogLine(7, 1005.5, 1, None, ONE, "Unpacking ..."))
    started, failed, retry, stopping, log = map(json.loads, capsys.readouterr().out.splitlines())
    assert (started["type"], started["steps"]) == ("run-started", [ONE, VERIFY])
    assert failed == {
        "type": "step", "seq": 2, "at": "1970-01-01T00:16:42.000+00:00", "run": 1,
        "step": ONE, "machine": "demo-worker-1", "state": "failed", "error": ERROR,
    }  # fmt: skip
    assert (retry["attempt"], retry["error"]["observed"]) == (2, "no space")
    assert stopping == {"type": "stopping", "seq": 4, "at": "1970-01-01T00:16:44.000+00:00", "run": 1}
    assert log == {
        "type": "log", "at": "1970-01-01T00:16:45.500+00:00", "run": 1,
        "step": ONE, "machine": None, "text": "Unpacking ...",
    }  # fmt: skip


@pytest.mark.parametrize("inner", [True, False])
def test_a_fold_keeps_the_progress_and_passes_everything_on_if_to_anyone(inner: bool) -> None:
    paper = Paper()
    fold = Fold(PlainLines(paper) if inner else None)
    progress = notify(fold, step(ONE, S), step(ONE, D, how="observed", seen="x"))
    fold.log(LogLine(1, 1000.0, 1, None, ONE, "text"))
    assert fold.progress is progress
    assert len(paper.lines) == (1 if inner else 0)
