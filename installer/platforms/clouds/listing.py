"""What a cloud lists of a cluster, kept for a moment and shared by threads: a request for each kind, not each thing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any, Generic, TypeVar

T = TypeVar("T")
Found = Mapping[str, Any]
"""An item of an answer, as the cloud spells it."""


class Shared(Generic[T]):
    """A value that is asked for once. Threads that have all seen the same version share the request for the next."""

    def __init__(self, fetch: Callable[[], T]) -> None:
        self._fetch = fetch
        self._lock = threading.Lock()
        self._value: T | None = None
        self.version = 0
        """0 before the first."""

    def value(self, newer_than: int = 0) -> T:
        with self._lock:
            if self._value is None or self.version <= newer_than:
                self._value = self._fetch()
                self.version += 1
            return self._value

    def changed(self) -> None:
        """What is kept is no longer true."""
        with self._lock:
            self._value = None


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance as the listing shows it. `machine` is None where it is none of Craton's."""

    id: str
    machine: str | None
    state: str
    """The cloud's own word."""
    lives: bool
    runs: bool
    zone: str
    private: IPv4Address | None
    public: str
    reason: str = ""
    """Why it ended, as the cloud has it."""
    names: tuple[str, ...] = ()
    """DNS names that the cloud has given it."""
    by_profile: bool = False
    """Whether a profile in the cloud says who may log in, and not what the machine was told at its birth."""
    pooled: bool = False
    """Whether it belongs to the worker pool, and to no step of its own."""
    generation: str = ""
    """What a machine of the pool was made for."""
    born: float = 0.0
    """When it was made, in seconds since 1970, where the cloud may make another of the same name; 0 elsewhere."""


class Instances(Shared[tuple[Instance, ...]]):
    """The instances of a cluster."""

    def __init__(self, fetch: Callable[[], tuple[Instance, ...]]) -> None:
        super().__init__(fetch)
        self._by_machine: tuple[tuple[Instance, ...], dict[str, Instance]] = ((), {})

    def by_machine(self, newer_than: int = 0) -> dict[str, Instance]:
        """The instance of each machine that lives."""
        listed = self.value(newer_than)
        last, known = self._by_machine
        if last is not listed:
            found = {one.machine: one for one in listed if one.machine and one.lives}
            self._by_machine = (listed, found)
            return found
        return known
