"""Where a screen gets a run from: a thread that follows its journal and hands over what is new."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from installer.common.errors import InstallerError
from installer.engine.events import Event, EventType, LogLine, StepRecord
from installer.engine.journal import Reader
from screens.models.fleet import CLUSTER

INTERVAL = 0.1
"""Seconds between two looks at the journal."""

EVENTS_AT_ONCE = 2000
LINES_AT_ONCE = 500
LINES_OF_ALL = 5000
"""The journal cannot be asked for the lines of no machine: so many of all are looked through for them."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What is new: `steps` where a run began with these events, `fresh` where `lines` begin the log of `machine`."""

    steps: list[StepRecord] | None = None
    events: list[Event] = field(default_factory=list)
    machine: str = CLUSTER
    lines: list[LogLine] = field(default_factory=list)
    fresh: bool = False

    def __bool__(self) -> bool:
        return bool(self.steps is not None or self.events or self.lines or self.fresh)


class Feed:
    """Looks ten times a second, and not before the last batch was taken in, so that no screen is ever flooded.

    `deliver` and `fail` are called on the feed's thread.
    """

    def __init__(
        self, journal: Path, deliver: Callable[[Batch], object], fail: Callable[[InstallerError], object]
    ) -> None:
        self._journal = journal
        self._deliver = deliver
        self._fail = fail
        self._wanted = CLUSTER
        self._started = False
        self._closed = threading.Event()
        self._taken_in = threading.Event()
        self._taken_in.set()
        self.opened = threading.Event()
        """Set after the first look at the journal."""

    def start(self) -> None:
        """Begin to look; once is enough."""
        if self._started:
            return
        self._started = True
        threading.Thread(target=self._run, name="journal feed", daemon=True).start()

    def close(self) -> None:
        self._closed.set()

    def select(self, machine: str) -> None:
        """Whose log to read from now on."""
        self._wanted = machine

    def taken_in(self) -> None:
        """The screen is ready for the next batch."""
        self._taken_in.set()

    def _run(self) -> None:
        reader = Reader(self._journal)
        try:
            while not self._closed.is_set():
                try:
                    self._look(reader)
                except InstallerError as error:
                    self._fail(error)
                self._closed.wait(INTERVAL)
        finally:
            reader.close()

    def _look(self, reader: Reader) -> None:
        if not self._taken_in.is_set():
            return
        batch = self.next_batch(reader, self._wanted)
        self.opened.set()
        if batch:
            self._taken_in.clear()
            self._deliver(batch)

    def next_batch(self, reader: Reader, machine: str) -> Batch:
        """What to hand over now, with the log of `machine`."""
        raise NotImplementedError


class JournalFeed(Feed):
    """A run as it happens: the newest run in the journal, and every one that begins after it."""

    _events: tuple[Event, ...] = ()
    """Read, and not yet handed over."""
    _last_event = 0
    _last_line = 0
    _machine: str | None = None

    def next_batch(self, reader: Reader, machine: str) -> Batch:
        steps = self._read_events(reader)
        events, self._events = self._events[:EVENTS_AT_ONCE], self._events[EVENTS_AT_ONCE:]
        fresh = machine != self._machine
        self._machine = machine
        newest = lines_of(reader, machine, 0 if fresh else self._last_line)
        self._last_line = newest[-1].seq if newest else 0 if fresh else self._last_line
        lines = [line for line in newest if (line.machine or CLUSTER) == machine]
        return Batch(steps, list(events), machine, lines, fresh)

    def _read_events(self, reader: Reader) -> list[StepRecord] | None:
        """Read events if none are left; what came before the newest run is passed over. Returns a new run's steps."""
        if self._events:
            return None
        found = reader.events(self._last_event)
        if not found:
            return None
        self._last_event = found[-1].seq
        begins = [number for number, event in enumerate(found) if event.type is EventType.RUN_STARTED]
        self._events = tuple(found[begins[-1] :] if begins else found)
        return reader.steps() if begins else None


def lines_of(reader: Reader, machine: str, after: int) -> list[LogLine]:
    """The newest log lines after a seq: of a machine, or of all for the cluster's own."""
    if machine == CLUSTER:
        return reader.logs(after, limit=LINES_OF_ALL)
    return reader.logs(after, machine=machine, limit=LINES_AT_ONCE)
