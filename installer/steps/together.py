"""What several threads want of one machine at the same moment, done for all of them at once.

Where a thousand machines join, most of what is asked of a master is the same question about another node.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")
_Batch = list[tuple[str, Future[Any]]]

_EVERY = 0.25
"""Seconds between two beginnings under one kind: where many come, they are done in few goes."""
_PATIENCE = 30.0
"""Seconds for which a thread waits for what others began, before it goes on alone."""


class Together:
    """Safe to use from several threads: while one works, whoever comes is among the next, who are all done at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._turns: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._waiting: defaultdict[str, _Batch] = defaultdict(list)
        self._next: defaultdict[str, float] = defaultdict(float)
        """When more may begin, in monotonic seconds."""

    def do(self, kind: str, name: str, work: Callable[[Sequence[str]], Mapping[str, T]], patience: float) -> T:
        """What `work` has for `name`: it is called with this name and all others that wait under the same `kind`.

        It begins after this was called, so that what it sees is current. Where it fails for several, each has it done
        again alone, and hears of its own error. Nobody waits for others for more than `patience` seconds.
        """
        mine: Future[T] = Future()
        with self._lock:
            turn = self._turns[kind]
            self._waiting[kind].append((name, mine))
        if turn.acquire(timeout=min(patience, _PATIENCE)):
            try:
                if not mine.done():
                    self._work(self._take(kind), work)
            finally:
                turn.release()
        else:
            self._withdraw(kind, mine)
        return mine.result() if mine.done() and not mine.cancelled() else work((name,))[name]

    def _take(self, kind: str) -> _Batch:
        time.sleep(max(0.0, self._next[kind] - time.monotonic()))
        self._next[kind] = time.monotonic() + _EVERY
        with self._lock:
            return self._waiting.pop(kind)

    def _withdraw(self, kind: str, mine: Future[T]) -> None:
        with self._lock:
            self._waiting[kind] = [one for one in self._waiting[kind] if one[1] is not mine]

    def _work(self, batch: _Batch, work: Callable[[Sequence[str]], Mapping[str, Any]]) -> None:
        try:
            found = work(tuple(dict.fromkeys(name for name, _ in batch)))
        except BaseException:
            for _, wish in batch:
                wish.cancel()
            if len(batch) == 1:
                raise
        else:
            for name, wish in batch:
                wish.set_result(found[name])
