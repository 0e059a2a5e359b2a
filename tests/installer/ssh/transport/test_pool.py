"""Things that are shared, and of which only so many are open."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from installer.common.deadline import Deadline
from installer.ssh.transport.pool import Pool
from tests.patience import PATIENCE


@dataclass
class Thing:
    """Closable, unless it is in use."""

    used: bool = False
    closed: bool = False

    @property
    def broken(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def retire(self) -> bool:
        self.closed = not self.used
        return self.closed


def _get(pool: Pool[int, Thing], key: int) -> Thing:
    return pool.get(key, "demo-worker-1", Deadline(PATIENCE), Thing)


def test_of_more_than_may_be_open_those_are_closed_that_were_not_asked_for_the_longest() -> None:
    pool: Pool[int, Thing] = Pool(3)
    things = {key: _get(pool, key) for key in (1, 2, 3)}
    assert _get(pool, 1) is things[1]
    things |= {key: _get(pool, key) for key in (4, 5)}
    assert [key for key, thing in things.items() if not thing.closed] == [1, 4, 5]
    assert _get(pool, 2) is not things[2]


def test_what_is_in_use_stays_open() -> None:
    pool: Pool[int, Thing] = Pool(2)
    things = {key: _get(pool, key) for key in (1, 2)}
    things[1].used = True
    things |= {key: _get(pool, key) for key in (3, 4)}
    assert [key for key, thing in things.items() if not thing.closed] == [1, 4]


def test_what_is_being_opened_counts_as_open() -> None:
    pool: Pool[int, Thing] = Pool(4)
    things = [_get(pool, key) for key in range(4)]
    opening, go_on = threading.Barrier(4), threading.Event()

    def open_slowly() -> Thing:
        opening.wait(PATIENCE)
        go_on.wait(PATIENCE)
        return Thing()

    threads = [
        threading.Thread(target=pool.get, args=(key, "demo-worker-1", Deadline(PATIENCE), open_slowly))
        for key in range(10, 13)
    ]
    for thread in threads:
        thread.start()
    opening.wait(PATIENCE)
    assert sum(not thing.closed for thing in things) == 1
    go_on.set()
    for thread in threads:
        thread.join()
