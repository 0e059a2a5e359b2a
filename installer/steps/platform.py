"""What every platform offers: steps that make machines, what exists, and how to reach a machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from installer.plan.topology import FirewallRule, Topology
from installer.ssh.endpoint import Endpoint

if TYPE_CHECKING:
    from installer.ssh.connection import Connections
    from installer.steps.lease import Lease
    from installer.steps.work import Work


@dataclass(frozen=True, slots=True)
class Resource:
    """Something that exists for a cluster: `kind` in the platform's own word, `name` deterministic."""

    kind: str
    name: str
    detail: str = ""
    id: str = ""
    """The platform's own identifier, where the name is not enough to remove it."""
    zone: str = ""
    machine: str | None = None
    """The machine that it is, or that it belongs to alone."""
    inner: bool = False
    """Whether the cluster's own Kubernetes made it, for its Services and volumes, and not Craton."""


@dataclass(frozen=True, slots=True)
class Limit:
    """How many steps of one kind run at once, and how many of them may begin in a second (None: as many as can)."""

    at_once: int
    per_second: float | None = None


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What the user asked of one run and no plan holds. `speed` divides a rehearsal's durations and deadlines."""

    speed: float = 1.0
    seed: int = 0
    faults: tuple[str, ...] = ()
    """`MACHINE:PHASE:FAULT`, of a rehearsal."""
    artifacts: str | None = None
    """Directory on this computer from which machines get their artifacts, in a mirror's layout."""
    machines: tuple[str, ...] = ()
    """Full names of the machines that leave, of a removal."""
    force: bool = False
    """Whether machines that do not answer leave, too, of a removal."""
    take_over: bool = False
    """Whether the cluster's lease is taken from another computer that holds it."""
    upgrade_from: str | None = None
    """The release that the cluster had before, of an upgrade; empty if nobody knows any more."""
    upgrade_to: str | None = None
    """The release that it is to have."""


class Platform(Protocol):
    """One cluster's place. Opened per run; holds clients and connections, never decisions."""

    def located(self, topology: Topology) -> Topology:
        """`topology` with the addresses and zones that machines and balancer have now.

        From one listing that is kept for a moment, not one request for each machine. Safe from many threads.
        """

    def find(self, connections: Connections) -> list[Resource]:
        """Everything that exists for this cluster, found by its name or tag, also if nobody recorded it.

        `connections` lead to machines that must be asked themselves.
        """

    def remove(self, found: Sequence[Resource], connections: Connections, work: Work) -> None:
        """Remove whatever `find` found, in the order in which nothing blocks, in batches where the platform has them.

        No error for what is gone already. Raises InstallerError naming what could not be removed.
        """

    def limits(self) -> Mapping[str, Limit]:
        """Limits of the platform's own kinds of steps (`Step.limit`)."""

    def firewall(self) -> Mapping[str, tuple[FirewallRule, ...]]:
        """The firewall rules in force, by machine, read back from the platform."""

    def lease(self, connections: Connections) -> Lease | None:
        """What keeps a second computer from working on the cluster; None where only this computer can reach it."""

    def endpoint(self, machine: str) -> Endpoint:
        """Raises InstallerError if the machine does not exist or has no address yet."""

    def console(self, machine: str) -> str | None:
        """What the machine printed on its console, as the platform keeps it: all there is to read of one without SSH.

        None where the platform keeps no consoles, or the machine does not exist. Raises InstallerError.
        """

    def copy_in(self, machine: str, files: Mapping[str, Path], deadline: float) -> bool | None:
        """Put a copy of each file at the path of `machine` that it has in `files`, without its network.

        True if it did, within `deadline` s; None where the platform knows no such way. Raises InstallerError, also
        after part of it.
        """

    def close(self) -> None: ...
