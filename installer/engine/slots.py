"""How many steps of one kind run at once, and how quickly one begins after the other."""

from __future__ import annotations

import asyncio
from types import TracebackType

from installer.steps.platform import Limit


class Slots:
    """`async with` it: waits for a free slot, and then until the limit's rate lets another step begin.

    All of it happens in one event loop. `pace` multiplies the rate, so that a rehearsal can be quick.
    """

    def __init__(self, limit: Limit, pace: float = 1.0) -> None:
        self._free = asyncio.Semaphore(limit.at_once)
        self._interval = 1 / (limit.per_second * pace) if limit.per_second else 0.0
        self._next = 0.0

    async def __aenter__(self) -> None:
        await self._free.acquire()
        try:
            await self._take_turn()
        except BaseException:
            self._free.release()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._free.release()

    async def _take_turn(self) -> None:
        if not self._interval:
            return
        now = asyncio.get_running_loop().time()
        turn = max(self._next, now)
        self._next = turn + self._interval
        if turn > now:
            await asyncio.sleep(turn - now)
