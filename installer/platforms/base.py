"""What every platform offers: steps that make machines, what exists, and how to reach a machine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from installer.plan import InstallPlan
from installer.step import Step
from installer.topology import FirewallRule, Topology


@dataclass(frozen=True, slots=True)
class Resource:
    """Something that exists for a cluster: `kind` in the platform's own word, `name` deterministic."""

    kind: str
    name: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a machine's SSH server listens, and its host key as the platform vouches for it.

    `host_key` is `TYPE BASE64` as in known_hosts, or None where the platform cannot know it.
    """

    address: str
    port: int
    user: str
    host_key: str | None


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What the user asked of one run and no plan holds. `speed` divides a rehearsal's durations and deadlines."""

    speed: float = 1.0
    seed: int = 0
    faults: tuple[str, ...] = ()
    """`MACHINE:PHASE:FAULT`, of a rehearsal."""


class Platform(Protocol):
    """One cluster's place. Opened per run; holds clients and connections, never decisions."""

    def steps(self, plan: InstallPlan, topology: Topology) -> Iterable[Step]:
        """Steps of the phases check, network, machines and dns. Pure: touches nothing outside.

        The last step of each machine in phase `machines` has the id `machines/create/<machine>`.
        """

    def find(self) -> list[Resource]:
        """Everything that exists for this cluster, found by its name or tag, also if nobody recorded it."""

    def firewall(self) -> Mapping[str, tuple[FirewallRule, ...]]:
        """The firewall rules in force, by machine, read back from the platform."""

    def endpoint(self, machine: str) -> Endpoint:
        """Raises InstallerError if the machine does not exist or has no address yet."""

    def close(self) -> None: ...
