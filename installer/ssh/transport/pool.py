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


K = TypeVar("K", bound=Hashable)
V = TypeVar("V", bound=Closable)


class Pool(Generic[K, V]):
    """Safe to use from several threads: who comes second waits, until its own deadline, for who opens."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._opening: dict[K, threading.Lock] = {}
        self._open: dict[K, V] = {}
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
                found = open()
                self._keep(key, found, machine)
            return found
        finally:
            opening.release()

    def renew(self, key: K, machine: str, deadline: Deadline, open: Callable[[], V]) -> V:
        """As `get`, but opened anew; what was open under `key` is closed."""
        with self._lock:
            old = self._open.pop(key, None)
        if old is not None:
            old.close()
        return self.get(key, machine, deadline, open)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            found, self._open = list(self._open.values()), {}
        for each in found:
            each.close()

    def _keep(self, key: K, found: V, machine: str) -> None:
        with self._lock:
            if not self._closed:
                self._open[key] = found
                return
        found.close()
        raise InstallerError("connect", "the connections of this run are closed", machine=machine)
