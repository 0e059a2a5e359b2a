"""What every DNS provider does with the contract's names: one protocol, whoever keeps the zone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

OWNER = "craton-cluster="
"""In a TXT record next to each name that Craton publishes as a plan's `dns` says: the owner."""
TTL = 60
"""Seconds for which others may keep a record of a platform's own DNS."""


@dataclass(frozen=True, slots=True)
class Alias:
    """A load balancer without an address, as an alias record names it: its DNS name and the DNS zone of it."""

    host: str
    zone: str


Target: TypeAlias = frozenset[str] | Alias
"""Where a name leads: addresses, or a load balancer."""


def leads(target: Target) -> frozenset[str]:
    """What `Written.targets` has once a name leads there."""
    return frozenset({target.host}) if isinstance(target, Alias) else target


@dataclass(frozen=True, slots=True)
class Written:
    """What is at a name: addresses, or the host name of an alias; and whose it is."""

    targets: frozenset[str]
    owned: bool
    taken: bool
    """Records of somebody else's are there."""


@dataclass(frozen=True, slots=True)
class Names:
    """A cluster's names as a zone of an account has them."""

    hosts: tuple[str, ...]
    """All names that the cluster may have."""
    subdomain: str
    zone: str | None
    """What the plan calls the zone; None to look for the one that fits."""
    owner: str
    """What the TXT record next to each name says."""
    field: str
    """The field of the plan that chooses the zone, and..."""
    otherwise: str
    """... what to set there if nobody's zone should be changed."""
    ttl: int = TTL

    @property
    def mark(self) -> str:
        """The TXT record in quotes, as services have it."""
        return f'"{self.owner}"'

    def domains(self) -> Iterable[str]:
        """Domains that the names may be in, the longest first. A top-level domain is nobody's zone."""
        labels = self.subdomain.split(".")
        return (".".join(labels[start:]) for start in range(len(labels) - 1))


class Records(Protocol):
    """The records of a cluster's names in one zone. A TXT record next to each says whose it is."""

    @property
    def service(self) -> str:
        """Who keeps the zone, for people."""

    def zone(self) -> str:
        """The zone that the names are in. Raises InstallerError if there is none."""

    def read(self, name: str) -> Written:
        """What is at `name`."""

    def write(self, name: str, target: Target) -> str:
        """Have `name` lead there, and say whose it is; return the id of the change.

        Raises InstallerError if the provider refuses.
        """

    def in_sync(self, change: str) -> bool:
        """Whether all of the service's servers answer with a change by now."""

    def remove(self, names: Iterable[str]) -> None:
        """Delete the records at `names` that are the cluster's, whatever they lead to."""


class AccountRecords(Records, Protocol):
    """Records of a zone in an account, which has more to be asked about before anything is made."""

    def caller(self) -> str:
        """Whose account it is, in words. Raises InstallerError without credentials that work."""

    def delegation(self) -> tuple[str, tuple[str, ...]]:
        """The zone's domain, and the servers that answer for it. Raises InstallerError if it isn't a public zone."""

    def lacking(self) -> list[str]:
        """What the credentials don't allow that changing the zone needs."""
