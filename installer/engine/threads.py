"""A blocking call on a thread that nobody has to wait for."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")

_IDLE = 10.0
"""Seconds that a thread waits for more to do."""


_Call = tuple[Callable[[], Callable[[], None]], str]
"""What to do, which returns how to say what came of it, and its name."""


class _Worker:
    """A daemon thread that takes one call after the other, and ends when none came for a while.

    concurrent.futures has no such thing: a call that never comes back would take a place in its pool for good and, as
    the interpreter joins a pool's threads, keep the process from ending. What bounds their number is the runner.
    """

    _lock = threading.Lock()
    _free: list[_Worker] = []  # noqa: RUF012 (shared by all)

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[_Call] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._main, daemon=True)

    @classmethod
    def run(cls, work: Callable[[], Callable[[], None]], name: str) -> None:
        """Have a free thread do it, or else a new one; the thread is called `name` meanwhile."""
        with cls._lock:
            worker = cls._free.pop() if cls._free else cls()
            worker._calls.put((work, name))
        if worker._thread.ident is None:
            worker._thread.start()

    def _main(self) -> None:
        while (call := self._next()) is not None:
            work, self._thread.name = call
            say = work()
            with self._lock:
                self._free.append(self)  # before anybody hears of it, who may have more to do at once
            say()
            del work, call, say  # not to be kept alive until there is more to do

    def _next(self) -> _Call | None:
        try:
            return self._calls.get(timeout=_IDLE)
        except queue.Empty:
            with self._lock:
                if self in self._free:
                    self._free.remove(self)
                    return None
            return self._calls.get()  # somebody has just taken it


def call(function: Callable[[], T], name: str) -> asyncio.Future[T]:
    """Start `function` on a daemon thread; the future gets what it returns or raises."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def resolve(result: T | None, error: Exception | None) -> None:
        if future.done():
            return
        if error:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]

    def work() -> Callable[[], None]:
        result, error = None, None
        try:
            result = function()
        except Exception as raised:
            error = raised
        except BaseException as raised:
            # SystemExit and the like would end this thread alone, and nobody would hear of it.
            error = RuntimeError(f"{type(raised).__name__}: {raised}")
            error.__cause__ = raised
        if isinstance(error, StopIteration):  # which no future may hold
            error = RuntimeError("StopIteration")

        def say() -> None:
            with suppress(RuntimeError):  # the loop is closed: the engine ended without waiting for this thread
                loop.call_soon_threadsafe(resolve, result, error)

        return say

    future.add_done_callback(lambda ended: ended.cancelled() or ended.exception())  # of one that nobody waits for, too
    _Worker.run(work, name)
    return future
