"""Blocking calls on threads that nobody has to wait for."""

from __future__ import annotations

import asyncio
import threading

import pytest

from installer.engine import threads
from tests.patience import PATIENCE


async def test_calls_one_after_the_other_share_a_thread() -> None:
    used = set()
    for number in range(50):
        used.add(await threads.call(threading.get_ident, f"call {number}"))
    assert len(used) == 1


async def test_calls_at_once_have_a_thread_each_with_its_name() -> None:
    together = threading.Barrier(8)

    def name() -> str:
        together.wait(PATIENCE)
        return threading.current_thread().name

    assert sorted(await asyncio.gather(*(threads.call(name, f"call {n}") for n in range(8)))) == [
        f"call {n}" for n in range(8)
    ]


async def test_a_call_that_does_not_come_back_keeps_no_other_from_running() -> None:
    come_back = threading.Event()
    stuck = [threads.call(come_back.wait, "stuck") for _ in range(40)]
    assert await threads.call(lambda: "done", "after them") == "done"
    come_back.set()
    assert await asyncio.gather(*stuck) == [True] * 40


async def test_a_thread_goes_on_after_what_it_called_failed() -> None:
    def fail() -> None:
        raise SystemExit(1)

    with pytest.raises(RuntimeError, match="SystemExit"):
        await threads.call(fail, "fails")
    assert await threads.call(lambda: 1, "goes on") == 1


async def test_a_thread_that_has_nothing_to_do_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_IDLE", 0.01)
    threads._Worker._free.clear()
    thread = await threads.call(threading.current_thread, "short")
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert not threads._Worker._free
