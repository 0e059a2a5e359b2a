"""Downloads side by side, with lines about how far they are."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from installer.artifacts.http import Stopped, Work
from installer.common.errors import ExitCode, InstallerError

_AT_ONCE = 4
_EVERY = 5.0
"""Seconds between two lines about how far all are."""
_SHOWN = 5
"""Failures that an error names."""


@dataclass(frozen=True, slots=True)
class Task:
    """`run` raises InstallerError; one that is retryable (nobody answers) ends the others, too."""

    title: str
    run: Callable[[], None]
    quiet: bool = False
    """Not worth a line of its own when it has ended."""


def amount(size: int) -> str:
    """Bytes as people say them, such as 58 MB."""
    if size < 1_000_000:
        return f"{(size + 999) // 1000} kB"
    return f"{size / 1e6:.0f} MB" if size >= 10_000_000 else f"{size / 1e6:.1f} MB"


def run_all(tasks: Sequence[Task], work: Work, notify: Callable[[str], None]) -> None:
    """Run the tasks, some at a time. Raises InstallerError: that of the one that failed, or one about all that did."""
    crew = _Crew(tasks, work)
    crew.start()
    failures: list[InstallerError] = []
    done, spoken = 0, time.monotonic()
    try:
        while done < len(tasks):
            task, error = crew.next(max(0.0, spoken + _EVERY - time.monotonic()))
            if task is None and not work.deadline.left:  # what hangs does not look at the time itself
                raise _late(work, crew.running)
            if task is None:
                notify(f"  {done} of {len(tasks)}, {amount(crew.received)} so far; now {crew.running}")
                spoken = time.monotonic()
                continue
            done += 1
            if isinstance(error, InstallerError):
                failures.append(error)
                if error.retryable:
                    work.stop.set()
            elif error is not None and not isinstance(error, Stopped):
                raise error
            elif error is None and not task.quiet:
                notify(f"  [{done}/{len(tasks)}] {task.title}")
    finally:
        if done < len(tasks):
            work.stop.set()
    if failures:
        raise _together(failures)


class _Crew:
    """Daemon threads: a name server that never answers must not hold up the program's end."""

    def __init__(self, tasks: Sequence[Task], work: Work) -> None:
        self._waiting: queue.SimpleQueue[Task] = queue.SimpleQueue()
        for task in tasks:
            self._waiting.put(task)
        self._ended: queue.SimpleQueue[tuple[Task, Exception | None]] = queue.SimpleQueue()
        self._running: dict[str, None] = {}
        self._lock = threading.Lock()
        self.received = 0
        work.received = self._receive

    def start(self) -> None:
        for _ in range(min(_AT_ONCE, self._waiting.qsize())):
            threading.Thread(target=self._main, daemon=True).start()

    def next(self, timeout: float) -> tuple[Task | None, Exception | None]:
        """The next task that ended, and how; no task if none ended within `timeout` seconds."""
        try:
            return self._ended.get(timeout=timeout)
        except queue.Empty:
            return None, None

    @property
    def running(self) -> str:
        with self._lock:
            return ", ".join(self._running)

    def _receive(self, count: int) -> None:
        with self._lock:
            self.received += count

    def _main(self) -> None:
        while True:
            try:
                task = self._waiting.get_nowait()
            except queue.Empty:
                return
            with self._lock:
                self._running[task.title] = None
            error = _outcome(task)
            with self._lock:
                self._running.pop(task.title, None)
            self._ended.put((task, error))


def _outcome(task: Task) -> Exception | None:
    try:
        task.run()
    except Exception as error:
        return error
    return None


def _late(work: Work, running: str) -> InstallerError:
    observed = f"not done within {work.deadline.seconds:.0f} s: {running}"
    hint = "check the network; what came so far is kept: run the same command again"
    return InstallerError("download", observed, hint=hint, exit_code=ExitCode.PREFLIGHT)


def _together(failures: Sequence[InstallerError]) -> InstallerError:
    first = next((failure for failure in failures if failure.retryable), failures[0])
    others = [failure for failure in failures if failure is not first]
    if first.retryable or not others:
        return first
    reasons = "; ".join(str(failure) for failure in failures[:_SHOWN])
    rest = f"; and {len(failures) - _SHOWN} more" if len(failures) > _SHOWN else ""
    return InstallerError(
        "download", f"{len(failures)} failed: {reasons}{rest}", hint=first.hint, exit_code=ExitCode.PREFLIGHT
    )
