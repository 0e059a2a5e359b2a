"""A blocking call on a thread that nobody has to wait for."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


def call(function: Callable[[], T], name: str) -> asyncio.Future[T]:
    """Start `function` on a daemon thread of its own; the future gets what it returns or raises.

    No pool: the limits per kind of work bound the number of threads, and one that never comes back would take a
    place in a pool for good and, as the interpreter joins a pool's threads, keep the process from ending.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def resolve(result: T | None, error: Exception | None) -> None:
        if future.done():
            return
        if error:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]

    def main() -> None:
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
        with suppress(RuntimeError):  # the loop is closed: the engine ended without waiting for this thread
            loop.call_soon_threadsafe(resolve, result, error)

    future.add_done_callback(lambda ended: ended.cancelled() or ended.exception())  # of one that nobody waits for, too
    threading.Thread(target=main, name=name, daemon=True).start()
    return future
