"""Time within a run: it begins at what the computer's clock says, and then goes on whatever is done to that clock."""

from __future__ import annotations

import time

_NUMBER = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Linux's own clock since it started, which goes on while the computer sleeps."""


def ticks() -> float:
    """Seconds on a clock that nobody can set, the same for all processes until the computer starts again."""
    return time.clock_gettime(_NUMBER)


class RunClock:
    """Unix seconds that never go back."""

    def __init__(self) -> None:
        self.ticks = ticks()
        self._wall = time.time()

    def now(self) -> float:
        return self._wall + ticks() - self.ticks
