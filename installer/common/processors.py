"""On which of this computer's processors the engine runs.

Python runs one thread at a time. Where it has several processors, its threads wake each other from one to the next
whenever they take turns: a fourth of what an install of a thousand machines costs, and of the time that it takes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PROCESSOR = 36
"""Field of /proc/self/stat, from the state on, that says where the process ran last (proc_pid_stat(5))."""

_all: set[int] = set()
"""Those that this process had before it kept to one."""


@contextmanager
def one() -> Iterator[None]:
    """Keep this thread, and the threads that it starts, on the processor where it is, on systems that can do that.

    Other programs get out of its way: they may run on any.
    """
    with suppress(AttributeError, OSError):  # not Linux, or in a container that may not: it only takes longer
        found = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {_current()})
        _all.update(found)
    try:
        yield
    finally:
        if _all:
            os.sched_setaffinity(0, _all)
            _all.clear()


@contextmanager
def every() -> Iterator[None]:
    """Let programs that this thread starts run on all processors again: they inherit its own."""
    if not _all:
        yield
        return
    here = os.sched_getaffinity(0)
    os.sched_setaffinity(0, _all)
    try:
        yield
    finally:
        os.sched_setaffinity(0, here)


def _current() -> int:
    return int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[_PROCESSOR])
