"""What the engine lends a running step: its log, its waits, its deadline, and the wish to stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from installer.common.errors import InstallerError
from installer.engine.events import EventType, RunKind
from installer.engine.journal import Journal
from installer.steps.step import Step, Stopped

if TYPE_CHECKING:
    from installer.steps.world import World

T = TypeVar("T")


_SHORTEST = 0.05
"""Seconds between two looks at least, however quick the pace: a thousand machines are looked at."""


class Stop:
    """The wish that a run stop at a safe point. `request` may be called from any thread and from a signal handler."""

    def __init__(self) -> None:
        self._requested = threading.Event()
        self._listeners: list[Callable[[], None]] = []

    @property
    def requested(self) -> bool:
        return self._requested.is_set()

    def request(self) -> None:
        """Ask for it; asking again changes nothing."""
        if not self._requested.is_set():
            self._requested.set()
            for listener in self._listeners:
                listener()

    def listen(self, listener: Callable[[], None]) -> None:
        """Call `listener` once when it is asked for, also if it was asked for already."""
        self._listeners.append(listener)
        if self.requested:
            listener()

    def wait(self, seconds: float) -> bool:
        """Wait until it is asked for, at most `seconds`; say whether it was."""
        return self._requested.wait(seconds)


@dataclass(frozen=True, slots=True)
class Timing:
    """The engine's own patience, in seconds."""

    min_deadline: float = 10.0
    """No deadline is shorter, however quick the pace: a loaded computer is not a fault."""
    grace: float = 5.0
    """How long after its deadline an action that does not come back is abandoned."""
    first_wait: float = 1.0
    """Before the second attempt; each further wait is twice as long, and no attempt follows with less time left."""
    longest_wait: float = 15.0
    stopping: float = 8.0
    """How long after a stop was asked for what still runs is left behind; the next run observes what became of it."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What all steps of one run share. `pace` divides deadlines and waits, so that a rehearsal can be quick."""

    world: World
    journal: Journal
    kind: RunKind = RunKind.INSTALL
    pace: float = 1.0
    timing: Timing = Timing()
    stop: Stop = field(default_factory=Stop)
    guard: Callable[[], None] = lambda: None
    """Raises JournalError once another engine may be at work on the cluster: called before each side effect."""

    def deadline(self, step: Step) -> float:
        """Seconds that `step` may take."""
        return max(step.deadline / self.pace, self.timing.min_deadline)


class Budget:
    """Seconds that something may take, from when this is made."""

    def __init__(self, seconds: float) -> None:
        self.allowed = seconds
        self._until = time.monotonic() + seconds

    def remaining(self) -> float:
        return max(0.0, self._until - time.monotonic())


class StepContext:
    """`installer.step.Context` for one call of one of a step's functions, which may take what is left of `budget`."""

    def __init__(self, step: Step, scope: Scope, budget: Budget) -> None:
        self._step = step
        self._scope = scope
        self._budget = budget
        self._abandoned = False

    @property
    def world(self) -> World:
        return self._scope.world

    def abandon(self) -> None:
        """Let nothing that the step still does reach the journal: the engine has stopped waiting for it."""
        self._abandoned = True

    def log(self, line: str) -> None:
        if not self._abandoned:
            self._scope.journal.log(self._step, line)

    def stage(self, number: int, of: int, title: str) -> None:
        self._record(EventType.STAGE, number=number, of=of, title=title)

    def publish(self, topic: str, data: dict[str, Any]) -> None:
        self._record(EventType.RESULT, **{**data, "topic": topic})

    def remaining(self) -> float:
        return self._budget.remaining()

    def check_stop(self) -> None:
        if self._abandoned or self._scope.stop.requested:
            raise Stopped

    def wait_until(self, what: str, probe: Callable[[], tuple[T | None, str]], every: float = 0.5) -> T:
        shown: str | None = None
        while True:
            self.check_stop()
            try:
                value, seen = probe()
            except InstallerError:
                if shown is None or self.remaining():
                    raise
                raise self._too_late(what, shown) from None  # the last look was cut short, which says nothing
            if value is not None:
                return value
            if seen != shown:
                self._record(EventType.WAIT, what=what, seen=seen, until=self._scope.journal.now() + self.remaining())
                shown = seen
            if not self.remaining():
                raise self._too_late(what, seen)
            self._scope.stop.wait(min(max(every / self._scope.pace, min(every, _SHORTEST)), self.remaining()))

    def _record(self, type: EventType, **data: Any) -> None:
        if not self._abandoned:
            self._scope.journal.record(type, self._step, **data)

    def _too_late(self, what: str, seen: str) -> InstallerError:
        return InstallerError(
            f"wait for {what}",
            f"not within {self._budget.allowed:.0f} s; last seen: {seen}",
            hint="Fix what was last seen (the step's log says more), then resume: what is done stays done.",
            machine=self._step.machine,
        )
