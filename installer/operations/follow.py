"""Following a run through its journal, without a screen: as plain lines, or as one JSON event a line."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol, TextIO

from installer.common import streams
from installer.common.console import result, result_json
from installer.common.errors import ExitCode, InstallerError
from installer.common.paths import ClusterDirectory
from installer.common.text import takes_unicode
from installer.engine import process
from installer.engine.ending import how_it_ended
from installer.engine.events import Event, EventType, LogLine, RunRecord, StepState, document
from installer.engine.journal import Reader
from installer.engine.progress import Progress
from installer.operations import runs as lifecycle
from installer.steps.step import Phase

_POLL = 0.1
_SHAPES = {"done": "●", "running": "◐", "failed": "✕", "waiting": "○", "retry": "▲"}
_LETTERS = {"done": "ok", "running": "..", "failed": "!!", "waiting": "--", "retry": "??"}


class Follower(Protocol):
    """Draws what a run does. `event` comes after `progress` was brought up to it."""

    def event(self, event: Event, progress: Progress) -> None: ...

    def log(self, line: LogLine) -> None: ...


def follow(directory: ClusterDirectory, reader: Reader, follower: Follower, notify: Callable[[str], None]) -> ExitCode:
    """Show the newest run until it ends and return its exit code.

    Ctrl+c asks the engine to stop at the next safe point, a second one leaves it running (exit code 8). It is left
    running as well when nobody reads standard output any more.
    Raises InstallerError if the engine's process dies without having ended its run.
    """
    progress = Progress.of(reader.steps())
    batches = _batches(directory, reader)
    interrupts = 0
    while True:
        try:
            for item in next(batches):
                if isinstance(item, LogLine):
                    follower.log(item)
                    continue
                progress.extend([item])
                follower.event(item, progress)
            if progress.exit_code is not None:
                return ExitCode(progress.exit_code)
            if streams.reader_has_gone():
                return ExitCode.INTERRUPTED
            time.sleep(_POLL)
        except KeyboardInterrupt:
            interrupts += 1
            if interrupts > 1:
                notify(f"left running; `craton watch {directory.cluster}` shows it again")
                return ExitCode.INTERRUPTED
            notify("stopping at the next safe point; ctrl+c again leaves it running instead")
            try:
                lifecycle.stop(directory.cluster)
            except InstallerError as error:
                notify(f"{error}. {error.hint}")


def _batches(directory: ClusterDirectory, reader: Reader) -> Iterator[list[Event | LogLine]]:
    """Yield what is new in the newest run, in its order; raise when its engine is gone."""
    run = newest_run(reader)
    event = line = 0
    while True:
        alive = process.running_pid(directory) is not None
        new = reader.news(run.id, event, line)
        event = next((item.seq for item in reversed(new) if isinstance(item, Event)), event)
        line = next((item.seq for item in reversed(new) if isinstance(item, LogLine)), line)
        yield new
        if not alive and not new:
            raise InstallerError(
                "follow the run",
                f"the engine (pid {run.pid}) {how_it_ended(directory, run.pid)}",
                hint=f"`{_again(directory, run)}` goes on where it stopped.",
                exit_code=ExitCode.INTERRUPTED,
            )


def _again(directory: ClusterDirectory, run: RunRecord) -> str:
    return f"craton {'destroy' if run.kind.undoes else 'resume'} {directory.cluster}"


def newest_run(reader: Reader) -> RunRecord:
    """Raises InstallerError if nothing was ever run."""
    runs = reader.runs()
    if not runs:
        raise InstallerError(
            "follow the run", "nothing was run yet", hint="`craton apply PLAN` installs", exit_code=ExitCode.USAGE
        )
    return runs[-1]


def replay(reader: Reader, follower: Follower) -> ExitCode:
    """Show the newest run again, at once, and return the exit code that it had (8 if it never ended)."""
    run = newest_run(reader)
    progress = Progress.of(reader.steps())
    for event in reader.events():
        if event.run == run.id:
            progress.extend([event])
            follower.event(event, progress)
    return ExitCode(progress.exit_code if progress.exit_code is not None else ExitCode.INTERRUPTED)


class JsonLines:
    """One JSON document a line on stdout, and nothing else there."""

    def event(self, event: Event, progress: Progress) -> None:  # noqa: ARG002 (readers fold for themselves)
        result_json(document(event))

    def log(self, line: LogLine) -> None:
        result_json(document(line))


class PlainLines:
    """Lines that a pipe, a CI log or a screen reader can take: what ended, what is awaited, what failed."""

    def __init__(self, out: TextIO = sys.stdout) -> None:
        self._out = out
        self._shapes = _SHAPES if takes_unicode(out) else _LETTERS

    def event(self, event: Event, progress: Progress) -> None:
        if event.type is EventType.STEP:
            self._step(event, progress)
        elif event.type is EventType.WAIT:
            until = _clock(event.data["until"])
            seen = f", last seen: {event.data['seen']}" if event.data["seen"] else ""
            self._line(event, "waiting", f"{event.step}: waiting for {event.data['what']} until {until}{seen}")
        elif event.type is EventType.RETRY:
            data = event.data
            self._line(
                event,
                "retry",
                f"{event.step}: {data['error']['observed']}; trying again in {data['in']:.1f} s "
                f"(attempt {data['attempt']}{_until(data)})",
            )
        elif event.type is EventType.STOPPING:
            self._line(event, "waiting", "stopping at the next safe point")

    def log(self, line: LogLine) -> None:
        """Machines' logs stay in the journal: `craton watch` shows them, `craton gather` collects them."""

    def _step(self, event: Event, progress: Progress) -> None:
        view = progress.steps.get(event.step or "")
        if view is None:  # a step that its run did not list
            return
        record = view.record
        where = f"{progress.fraction:4.0%}  {record.phase:<13}  "
        if view.state in (StepState.DONE, StepState.UNDONE):
            proof = view.seen if record.phase == Phase.VERIFY else f"already: {view.seen}"
            how = f"{view.duration(event.at):.1f} s" if view.how == "applied" else proof
            self._line(event, "done", f"{where}{record.title}  ({how})")
        elif view.state is StepState.FAILED and view.error:
            machine = f"{view.error['machine']}: " if view.error.get("machine") else ""
            self._line(event, "failed", f"{where}{record.title}")
            result(f"            {machine}{view.error['operation']}: {view.error['observed']}", self._out)
            if view.error.get("hint"):
                result(f"            what to do: {view.error['hint']}", self._out)

    def _line(self, event: Event, shape: str, text: str) -> None:
        result(f"  {_clock(event.at)}  {self._shapes[shape]} {text}", self._out)


def _until(retry: Mapping[str, Any]) -> str:
    """Until when is tried again, which journals of older engines don't say."""
    return f", until {_clock(retry['until'])} at most" if "until" in retry else ""


def _clock(moment: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(moment))


class Fold:
    """Keeps the run's progress, for whoever wants it when the run has ended, and passes everything on."""

    def __init__(self, inner: Follower | None) -> None:
        self._inner = inner
        self.progress = Progress({})

    def event(self, event: Event, progress: Progress) -> None:
        self.progress = progress
        if self._inner:
            self._inner.event(event, progress)

    def log(self, line: LogLine) -> None:
        if self._inner:
            self._inner.log(line)
