"""What steps act upon: the plan's machines, the platform, the connections, the cluster's files."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from installer.common.paths import ClusterDirectory
from installer.plan.model import InstallPlan
from installer.plan.topology import Machine, Topology
from installer.ssh.connection import Connection, Connections
from installer.steps.answers import Answers
from installer.steps.evidence import Evidence
from installer.steps.platform import Platform
from installer.steps.together import Together


@dataclass
class World:
    """One cluster's outside, for the length of one run. `evidence` is what this run's checks gathered, by machine."""

    plan: InstallPlan
    shape: Topology
    """The plan's machines and names; addresses that the platform gives are not in it."""
    directory: ClusterDirectory
    platform: Platform
    connections: Connections
    evidence: dict[str, Evidence] = field(default_factory=dict)
    early: dict[str, Evidence] = field(default_factory=dict)
    """What machines showed as they were logged in to, while the run finds everything done."""
    heard: dict[str, Evidence] = field(default_factory=dict)
    """What machines said to this run's preflight as they were logged in to, until it is judged."""
    facts: dict[str, Evidence] = field(default_factory=dict)
    """What this run's preflight gathered, by machine."""
    answers: Answers = field(default_factory=Answers)
    """What machines answered about themselves in this run."""
    together: Together = field(default_factory=Together)
    """What steps ask of a machine at the same moment, for all of them at once."""
    reachable_master: str = ""
    """The master that answered for the cluster last; empty as long as none did."""
    artifacts: Path | None = None
    """Directory on this computer from which machines get their artifacts, in a mirror's layout."""

    @property
    def topology(self) -> Topology:
        """The machines and names with their addresses, as far as the platform knows them now."""
        return self.platform.located(self.shape)

    def machine(self, name: str) -> Machine:
        """One machine as it is now. Raises KeyError if the plan has no such machine."""
        return self.topology.machine(name)

    def connect(self, machine: str, deadline: float = 30.0) -> Connection:
        """An open connection to `machine`, shared by the steps of this run. Raises InstallerError."""
        return self.connections.get(machine, deadline)

    def close(self) -> None:
        self.connections.close()
        self.platform.close()
