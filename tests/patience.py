"""How long tests wait. Nothing here measures speed: a computer that does ten other things passes, only later."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

PATIENCE = 300.0
"""Seconds to wait for what has to come. What never comes fails a test after them; what merely is slow does not."""
FOREVER = 3600
"""Seconds that something hangs, for tests of what happens then. Much longer than PATIENCE."""


def eventually(probe: Callable[[], Any], what: str, deadline: float = PATIENCE) -> Any:
    """Return `probe`'s first true value; fail the test at the deadline saying what never came."""
    until = time.monotonic() + deadline
    while not (value := probe()):
        assert time.monotonic() < until, f"{what} did not come within {deadline:g} s"
        time.sleep(0.02)
    return value


def with_enough_time(attempt: Callable[[float], T], enough: Callable[[T], bool], first: float = 1.0) -> T:
    """What `attempt` returns, given `first` seconds; four times as many, and so on, while that was not `enough`.

    For tests of short deadlines: what has to happen before the deadline takes longer on a busy computer.
    """
    seconds = first
    while not enough(found := attempt(seconds)) and seconds < PATIENCE / 5:
        seconds *= 4
    return found
