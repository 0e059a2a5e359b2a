"""Which machines one request makes, and in which zone each belongs. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from installer.plan.rules import Role
from installer.plan.topology import Machine

MOST_AT_ONCE = 500
"""Machines in one request."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Machines of one role that one request makes: numbers `first`, `first + stride`, and so on, `count` of them."""

    role: Role
    first: int
    stride: int
    count: int

    @property
    def numbers(self) -> tuple[int, ...]:
        return tuple(self.first + index * self.stride for index in range(self.count))

    @property
    def tag(self) -> str:
        return f"{self.first}+{self.stride}x{self.count}"

    def names(self, cluster: str) -> tuple[str, ...]:
        return tuple(f"{cluster}-{self.role}-{number}" for number in self.numbers)


def zone_of(number: int, zones: Sequence[str]) -> str:
    """The zone of the machine with a number: each role is spread over all zones."""
    return zones[(number - 1) % len(zones)]


def planned(machines: Iterable[Machine], zones: Sequence[str]) -> dict[str, tuple[Machine, ...]]:
    """Machines of one role by zone."""
    found: dict[str, list[Machine]] = {}
    for machine in machines:
        found.setdefault(zone_of(machine.number, zones), []).append(machine)
    return {zone: tuple(found[zone]) for zone in zones if zone in found}


def batches(role: Role, numbers: Iterable[int], stride: int) -> Iterator[Batch]:
    """As few batches as name exactly these machines, each within what one request makes."""
    ordered = sorted(numbers)
    while ordered:
        taken = 1
        while taken < min(len(ordered), MOST_AT_ONCE) and ordered[taken] == ordered[taken - 1] + stride:
            taken += 1
        yield Batch(role, ordered[0], stride, taken)
        ordered = ordered[taken:]


def token(*words: str) -> str:
    """What makes a repeated request the same request: 64 hexadecimal digits, of the same words always the same."""
    return hashlib.sha256("\0".join(words).encode()).hexdigest()
