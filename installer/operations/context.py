"""What a command lends work that it does itself, outside the engine: a deadline, and messages to whoever waits."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from installer.common.errors import InstallerError
from installer.common.scrub import safe
from installer.steps.world import World

T = TypeVar("T")
Say = Callable[[str], None]
"""Takes a sentence about what goes on."""


def say_nothing(_sentence: str) -> None: ...


class DirectContext:
    """Implements installer.step.Context for one piece of work of at most `seconds`; ctrl+c ends it anywhere."""

    def __init__(self, world: World, seconds: float, say: Say = say_nothing) -> None:
        self._world = world
        self._seconds = seconds
        self._until = time.monotonic() + seconds
        self._say = say

    @property
    def world(self) -> World:
        return self._world

    def log(self, line: str) -> None:
        self._say(f"  {safe(line)}")

    def stage(self, number: int, of: int, title: str) -> None:
        """Said by the log line that comes with it."""

    def remaining(self) -> float:
        return max(0.0, self._until - time.monotonic())

    def wait_until(self, what: str, probe: Callable[[], tuple[T | None, str]], every: float = 0.5) -> T:
        shown = None
        while True:
            value, seen = probe()
            if value is not None:
                return value
            if not self.remaining():
                raise InstallerError(
                    f"wait for {what}", f"not within {self._seconds:.0f} s; last seen: {seen}",
                    hint="fix what was last seen, then run the command again: completed steps stay done",
                )  # fmt: skip
            if seen != shown:
                clock = time.strftime("%H:%M:%S", time.localtime(time.time() + self.remaining()))
                self._say(f"  waiting for {what} until {clock}: {safe(seen)}")
                shown = seen
            time.sleep(min(every, self.remaining()))

    def check_stop(self) -> None:
        """Nobody asks a command to stop but by ctrl+c."""

    def publish(self, topic: str, data: dict[str, Any]) -> None:
        """There is no journal."""
