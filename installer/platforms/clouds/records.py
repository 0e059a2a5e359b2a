"""What is at the contract's names, and what a cloud's DNS does with them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

TTL = 60
"""Seconds for which others may keep a record."""


@dataclass(frozen=True, slots=True)
class Alias:
    """A load balancer without an address, as an alias record names it: its DNS name and the DNS zone of it."""

    host: str
    zone: str


Target: TypeAlias = frozenset[str] | Alias
"""Where a name leads: addresses, or a load balancer."""


@dataclass(frozen=True, slots=True)
class Written:
    """What is at a name: addresses, or the host name of an alias; and whose it is."""

    targets: frozenset[str]
    owned: bool
    taken: bool
    """Records of somebody else's are there."""


class Records(Protocol):
    """The records of a cluster's names in a cloud's DNS. A TXT record beside each says whose it is."""

    service: str
    """Its name, for people."""

    def zone(self) -> str:
        """The zone that the names are in. Raises InstallerError if there is none."""

    def delegation(self) -> tuple[str, tuple[str, ...]]:
        """The zone's domain, and the servers that answer for it. Raises InstallerError if it isn't a public zone."""

    def read(self, name: str) -> Written:
        """What is at `name`."""

    def write(self, name: str, target: Target) -> str:
        """Have `name` lead there, and say whose it is; return the id of the change."""

    def in_sync(self, change: str) -> bool:
        """Whether all of the service's servers answer with a change by now."""

    def remove(self, names: Iterable[str]) -> None:
        """Delete the records at `names` that are the cluster's, whatever they lead to."""
