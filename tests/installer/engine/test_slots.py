"""How many steps of one kind run at once, and how quickly one begins after the other."""

from __future__ import annotations

import asyncio

import pytest

from installer.engine.slots import Slots
from installer.steps.platform import Limit


async def _most_at_once(slots: Slots, steps: int) -> int:
    running = most = 0

    async def step() -> None:
        nonlocal running, most
        async with slots.taken():
            running += 1
            most = max(most, running)
            await asyncio.sleep(0)
            running -= 1

    await asyncio.gather(*(step() for _ in range(steps)))
    return most


async def test_no_more_run_at_once_than_the_limit_says() -> None:
    assert await _most_at_once(Slots(Limit(3)), 20) == 3


@pytest.mark.parametrize(("pace", "interval"), [(1.0, 0.02), (10.0, 0.002)])
async def test_steps_begin_no_faster_than_the_rate(pace: float, interval: float) -> None:
    slots, began = Slots(Limit(100, per_second=50.0), pace), []

    async def step() -> None:
        async with slots.taken():
            await slots.turn()
            began.append(asyncio.get_running_loop().time())

    before = asyncio.get_running_loop().time()
    await asyncio.gather(*(step() for _ in range(6)))
    # A loaded computer is late, never early: each begins no sooner than its turn.
    turns = [before + number * interval for number in range(6)]
    assert all(at >= turn - 1e-3 for at, turn in zip(sorted(began), turns, strict=True))


async def test_who_waits_goes_by_rank_and_then_by_when_it_came() -> None:
    slots, order = Slots(Limit(1)), []

    async def step(name: str, rank: int) -> None:
        async with slots.taken(rank):
            order.append(name)
            await asyncio.sleep(0)

    async with slots.taken():
        tasks = [asyncio.create_task(step(name, rank)) for name, rank in (("a", 1), ("b", 2), ("c", 0), ("d", 1))]
        await asyncio.sleep(0)
    await asyncio.gather(*tasks)
    assert order == ["c", "a", "d", "b"]


@pytest.mark.parametrize("after_it_was_given_one", [False, True])
async def test_a_step_that_is_cancelled_while_it_waits_frees_its_slot(*, after_it_was_given_one: bool) -> None:
    slots = Slots(Limit(1))

    async def late() -> None:
        async with slots.taken():
            raise AssertionError("it was cancelled")

    async with slots.taken():
        task = asyncio.create_task(late())
        await asyncio.sleep(0)
        if not after_it_was_given_one:
            task.cancel()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert slots.free == 1
