"""What a piece of work may say and wait for while it runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

T = TypeVar("T")


class Work(Protocol):
    """One piece of work with a deadline. Safe to use from the work's own thread."""

    def log(self, line: str) -> None:
        """Add a line to the log. Sanitised and redacted on the way in."""

    def remaining(self) -> float:
        """Seconds until the deadline, never below 0."""

    def wait_until(self, what: str, probe: Callable[[], tuple[T | None, str]], every: float = 0.5) -> T:
        """Call `probe` until it returns a value, `every` seconds; it returns (value or None, what was seen).

        What is awaited, what was last seen and the clock time of the deadline are shown meanwhile.
        Raises InstallerError at the deadline, and Stopped when the engine is asked to stop.
        """

    def check_stop(self) -> None:
        """Raises Stopped if the engine was asked to stop: call it where abandoning the work is safe."""
