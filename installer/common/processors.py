"""On which of this computer's processors threads run that work for many machines.

Python runs one thread at a time. Where it has several processors, its threads wake each other from one to the next
whenever they take turns: a fourth of what an install of a thousand machines costs, and of the time that it takes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PROCESSOR = 36
"""Field of /proc/thread-self/stat, from the state on, that says where it ran last (proc_pid_stat(5))."""

_all: set[int] = set()
"""Those that this process may use, as far as it ever kept to one."""


@contextmanager
def one() -> Iterator[None]:
    """Keep this thread, and the threads that it starts, on the processor where it is, on systems that can do that.

    Other programs get out of its way: they may run on any.
    """
    with _on(lambda: {_current()}) as before:
        _all.update(before)
        yield


@contextmanager
def every() -> Iterator[None]:
    """Let programs that this thread starts run on all processors: they inherit its own."""
    with _on(lambda: _all or os.sched_getaffinity(0)):
        yield


@contextmanager
def _on(chosen: Callable[[], set[int]]) -> Iterator[set[int]]:
    """Run this thread on some processors for a while, as far as it may; those that it had, or none where it may not."""
    before: set[int] = set()
    with suppress(AttributeError, OSError):  # not Linux, or in a container without the right: it only takes longer
        found = os.sched_getaffinity(0)
        os.sched_setaffinity(0, chosen())
        before = found
    try:
        yield before
    finally:
        if before:
            os.sched_setaffinity(0, before)


def _current() -> int:
    return int(Path("/proc/thread-self/stat").read_text().rpartition(")")[2].split()[_PROCESSOR])
