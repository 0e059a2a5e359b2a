"""A finished run told again, faster: the same batches as of a run that happens now."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from installer.common.errors import InstallerError
from installer.engine.events import Event, EventType, LogLine, StepRecord
from installer.engine.journal import Reader
from screens.models.feed import LINES_AT_ONCE, Batch, Feed, lines_of
from screens.models.fleet import CLUSTER

SECONDS = 20.0
"""How long a replay takes unless its speed is changed."""

SLOWEST, FASTEST = 0.25, 4096.0


class ReplayFeed(Feed):
    """The newest run's events at their own pace times `speed`. `now` is the moment that is shown, in Unix seconds."""

    def __init__(
        self, journal: Path, deliver: Callable[[Batch], object], fail: Callable[[InstallerError], object]
    ) -> None:
        super().__init__(journal, deliver, fail)
        self.paused = False
        self.speed = 1.0
        self.now = 0.0
        self.start_at = 0.0
        self.end_at = 0.0
        self._events: list[Event] | None = None
        self._lines: list[LogLine] = []
        self._machine: str | None = None
        self._ticked = 0.0

    @property
    def finished(self) -> bool:
        return self._events is not None and self.now >= self.end_at

    def faster(self, factor: float) -> None:
        self.speed = min(FASTEST, max(SLOWEST, self.speed * factor))

    def next_batch(self, reader: Reader, machine: str) -> Batch:
        steps = self._load(reader)
        if self._events is None:
            return Batch()
        self._tick()
        due = sum(1 for event in self._events if event.at <= self.now)
        events, self._events = self._events[:due], self._events[due:]
        fresh = machine != self._machine
        if fresh:
            self._machine = machine
            found = lines_of(reader, machine, 0)
            self._lines = [line for line in found if (line.machine or CLUSTER) == machine and line.at >= self.start_at]
        count = sum(1 for line in self._lines if line.at <= self.now)
        lines, self._lines = self._lines[:count], self._lines[count:]
        return Batch(steps, events, machine, lines[-LINES_AT_ONCE:], fresh)

    def _load(self, reader: Reader) -> list[StepRecord] | None:
        if self._events is not None:
            return None
        found = reader.events()
        begins = [number for number, event in enumerate(found) if event.type is EventType.RUN_STARTED]
        if not begins:
            return None
        self._events = found[begins[-1] :]
        self.start_at, self.end_at = self._events[0].at, self._events[-1].at
        self.now, self._ticked = self.start_at, time.monotonic()
        self.speed = max(1.0, (self.end_at - self.start_at) / SECONDS)
        return reader.steps()

    def _tick(self) -> None:
        passed, self._ticked = time.monotonic() - self._ticked, time.monotonic()
        if not self.paused:
            self.now = min(self.end_at, self.now + passed * self.speed)
