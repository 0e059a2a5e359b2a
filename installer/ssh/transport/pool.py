"""Things that are opened once per key on first use, shared from then on, and opened again after they broke."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Generic, Protocol, TypeVar

from installer.common.deadline import Deadline
from installer.common.errors import InstallerError


class Closable(Protocol):
    @property
    def broken(self) -> bool: ...

    def close(self) -> None: ...

    def retire(self) -> bool:
        """Close it, unless somebody uses it now or has closed it so; whether it was closed by this."""


K = TypeVar("K", bound=Hashable)
V = TypeVar("V", bound=Closable)


class Pool(Generic[K, V]):
    """Safe to use from several threads: who comes second waits, until its own deadline, for who opens.

    Beyond `most` the ones that were not asked for the longest, and that nobody uses, are closed.
    """

    def __init__(self, most: int | None = None) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._opening: dict[K, threading.Lock] = {}
        self._open: dict[K, V] = {}
        """What was asked for last comes last."""
        self._being_opened = 0
        self._closed = False

    def get(self, key: K, machine: str, deadline: Deadline, open: Callable[[], V]) -> V:
        """What is open under `key`, opened now if it must be. Raises what `open` raises, and at the deadline."""
        with self._lock:
            opening = self._opening.setdefault(key, threading.Lock())
        if not opening.acquire(timeout=deadline.left):
            observed = f"another step was still connecting after {deadline.seconds:.0f} s"
            raise InstallerError("connect", observed, machine=machine, retryable=True)
        try:
            found = self._open.get(key)
            if found is None or found.broken:
                found = self._opened(open)
                self._keep(key, found, machine)
            else:
                self._touch(key)
            return found
        finally:
            opening.release()

    def renew(self, key: K, machine: str, deadline: Deadline, open: Callable[[], V]) -> V:
        """As `get`, but over a new connection; what was open under `key` is closed."""
        with self._lock:
            old = self._open.pop(key, None)
        if old is not None:
            old.close()
        return self.get(key, machine, deadline, open)

    def opened(self) -> list[V]:
        """All that is open now."""
        with self._lock:
            return list(self._open.values())

    def close(self) -> None:
        with self._lock:
            self._closed = True
            found, self._open = list(self._open.values()), {}
        for each in found:
            each.close()

    def _touch(self, key: K) -> None:
        """Put it where what was asked for last is: at the end."""
        with self._lock:
            if key in self._open:
                self._open[key] = self._open.pop(key)

    def _make_room(self) -> None:
        """Close what was not asked for the longest, until what is open or being opened is no more than allowed."""
        with self._lock:
            oldest = list(self._open.items())
            surplus = len(oldest) + self._being_opened - (self._most or 0)
        for key, each in oldest if self._most and surplus > 0 else ():
            if each.retire():
                surplus -= 1
                with self._lock:
                    if self._open.get(key) is each:
                        del self._open[key]
            if surplus <= 0:
                return

    def _opened(self, open: Callable[[], V]) -> V:
        with self._lock:
            self._being_opened += 1
        try:
            self._make_room()
            return open()
        finally:
            with self._lock:
                self._being_opened -= 1

    def _keep(self, key: K, found: V, machine: str) -> None:
        with self._lock:
            if not self._closed:
                self._open.pop(key, None)
                self._open[key] = found
                return
        found.close()
        raise InstallerError("connect", "the connections of this run are closed", machine=machine)
