"""How many steps of one kind run at once, which of those that wait is next, and how quickly they begin."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

from installer.steps.platform import Limit


class Slots:
    """Places for steps. All of it happens in one event loop.

    `pace` multiplies the limit's rate, so that a rehearsal can be quick.
    """

    def __init__(self, limit: Limit, pace: float = 1.0) -> None:
        self._free = limit.at_once
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._numbers = count()
        self._interval = 1 / (limit.per_second * pace) if limit.per_second else 0.0
        self._next = 0.0

    @property
    def free(self) -> int:
        """How many places nobody has or is about to have."""
        return self._free

    @asynccontextmanager
    async def taken(self, rank: int = 0) -> AsyncIterator[None]:
        """Wait for a place, the lowest rank first and then who came first, and have it for as long as the context."""
        await self._take(rank)
        try:
            yield
        finally:
            self._give()

    async def turn(self) -> None:
        """Wait until the limit's rate lets another step begin."""
        if not self._interval:
            return
        now = asyncio.get_running_loop().time()
        turn = max(self._next, now)
        self._next = turn + self._interval
        if turn > now:
            await asyncio.sleep(turn - now)

    async def _take(self, rank: int) -> None:
        if self._free:
            self._free -= 1
            return
        given: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (rank, next(self._numbers), given))
        try:
            await given
        except asyncio.CancelledError:
            if given.done() and not given.cancelled():  # it was given one at that very moment
                self._give()
            raise

    def _give(self) -> None:
        """Hand a place on to whoever is next."""
        while self._waiting:
            _, _, given = heapq.heappop(self._waiting)
            if not given.done():
                given.set_result(None)
                return
        self._free += 1
