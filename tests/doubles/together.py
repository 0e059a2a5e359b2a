"""Threads that want something of one kind at the same moment (installer.steps.together)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from installer.steps.step import Context
from tests.patience import eventually

T = TypeVar("T")


def wait_for(shared: Any, kind: str, threads: int) -> None:
    """Until so many threads wait under `kind`."""
    eventually(lambda: len(shared._waiting[kind]) == threads, f"{threads} threads to wait")


def at_once(context: Context, kind: str, calls: Sequence[Callable[[], T]]) -> list[T]:
    """What `calls` return, each on a thread of its own, if all wait under `kind` before any of them goes on."""
    shared: Any = context.world.together
    with ThreadPoolExecutor(len(calls)) as threads:
        with shared._turns[kind]:
            found = []
            for number, call in enumerate(calls, start=1):
                found.append(threads.submit(call))
                wait_for(shared, kind, number)
        return [each.result() for each in found]
