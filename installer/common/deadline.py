"""A point in time by which something must be done, on the clock that nobody can set."""

from __future__ import annotations

import time


class Deadline:
    """`seconds` from now."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds left, never below 0."""
        return max(0.0, self._end - time.monotonic())

    @property
    def patience(self) -> float:
        """Seconds left, never 0: for calls to which 0 means not to wait, or for ever."""
        return max(0.01, self.left)
