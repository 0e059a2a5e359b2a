"""The lease of a cluster: only one computer works on it at a time, where the platform can keep such a thing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Holder:
    """A state directory that works on a cluster: its random `id`, and `owner` as `USER@HOST` for people."""

    id: str
    owner: str


@dataclass(frozen=True, slots=True)
class Held:
    """Who holds a lease, since when, and when they last said so; in Unix seconds of this computer."""

    holder: Holder
    since: float
    renewed: float


class Lease(Protocol):
    """One cluster's lease. Every call may block for some seconds, and raises InstallerError where nobody can tell."""

    def take(self, holder: Holder, *, seize: bool = False) -> Held | None:
        """Take or renew it for `holder`, from whoever has it if `seize`; return who holds it afterwards.

        None: there is nothing yet that can keep it, since the first master is bare or runs an older craton-node.
        """

    def held(self) -> Held | None:
        """Who holds it; None for nobody."""

    def drop(self, holder: Holder) -> None:
        """Give it back, if `holder` has it."""
