"""A rehearsal of a small plan for tests: its platform, connections, and steps run without an engine."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from installer.cluster import steps as cluster_steps
from installer.common.errors import InstallerError
from installer.common.paths import ClusterDirectory, home
from installer.node import steps as node_steps
from installer.plan.model import InstallPlan
from installer.plan.topology import Topology, topology
from installer.platforms import platform_steps
from installer.platforms.rehearsal.client import SiteClient
from installer.platforms.rehearsal.platform import RehearsalPlatform
from installer.ssh.connections import SSHConnections
from installer.steps.platform import Platform, Resource, RunOptions
from installer.steps.step import Context, Step, ordered
from installer.steps.world import World
from tests.patience import PATIENCE

T = TypeVar("T")
SPEED = 1000.0
_OF_PROCESSES = shutil.ignore_patterns("lock", "site.json", "site.log", "local")
"""What processes have while they run, and the link to the images of all tests: one that is being built has devices."""
_KEPT = TemporaryDirectory(prefix="craton-rehearsals-")
_begun: dict[tuple[InstallPlan, tuple[str, ...]], Path] = {}
"""Homes, as they were once the steps with these prefixes were done."""


class StepContext:
    """What an engine lends a step, remembering what the step said. Implements installer.step.Context."""

    def __init__(self, world: World, deadline: float) -> None:
        self._world = world
        self._end = time.monotonic() + deadline
        self.lines: list[str] = []
        self.stages: list[tuple[int, int, str]] = []

    @property
    def world(self) -> World:
        return self._world

    def log(self, line: str) -> None:
        self.lines.append(line)

    def stage(self, number: int, of: int, title: str) -> None:
        self.stages.append((number, of, title))

    def remaining(self) -> float:
        return max(0.0, self._end - time.monotonic())

    def wait_until(self, what: str, probe: Callable[[], tuple[T | None, str]], every: float = 0.5) -> T:
        while True:
            value, seen = probe()
            if value is not None:
                return value
            if not self.remaining():
                raise InstallerError("wait", f"{what}: {seen}")
            time.sleep(min(every, 0.5) / 50)

    def check_stop(self) -> None:
        return

    def publish(self, topic: str, data: dict[str, Any]) -> None:
        return


@dataclass
class Rehearsal:
    """One cluster's rehearsal. `run` opens the platform again, as each run of an engine does."""

    plan: InstallPlan
    topology: Topology = field(init=False)
    world: World = field(init=False)

    def __post_init__(self) -> None:
        self.topology = topology(self.plan)
        self.open()

    @property
    def platform(self) -> RehearsalPlatform:
        platform = self.world.platform
        assert isinstance(platform, RehearsalPlatform)
        return platform

    @property
    def client(self) -> SiteClient:
        return SiteClient(self.plan.name)

    def open(self, *faults: str, speed: float = SPEED) -> None:
        """A new run with these faults."""
        if hasattr(self, "world"):
            self.world.close()
        directory = ClusterDirectory.of(self.plan.name)
        platform = RehearsalPlatform(self.plan, RunOptions(speed=speed, faults=faults))
        self.world = World(self.plan, self.topology, directory, platform, SSHConnections(platform.endpoint, directory))

    def steps(self) -> tuple[Step, ...]:
        return ordered(
            (
                *platform_steps(self.plan, self.topology),
                *node_steps.steps(self.plan, self.topology),
                *cluster_steps.steps(self.plan, self.topology),
            )
        )

    def context(self, deadline: float = PATIENCE) -> StepContext:
        return StepContext(self.world, deadline)

    def run(self, *prefixes: str, deadline: float = PATIENCE) -> list[str]:
        """Run the steps whose ids start with one of `prefixes`, or all; return the ids of those applied."""
        applied = []
        for step in self.steps():
            if prefixes and not step.id.startswith(prefixes):
                continue
            context: Context = self.context(deadline)
            if not step.action.observe(context).holds:
                step.action.apply(context)
                applied.append(step.id)
        return applied

    def begin(self, *prefixes: str) -> None:
        """As `run` where nothing was made yet: what the first test of this process makes, the others get a copy of."""
        key = (self.plan, prefixes)
        if key not in _begun:
            self.run(*prefixes)
            _begun[key] = Path(_KEPT.name) / str(len(_begun))
            shutil.copytree(home(), _begun[key], ignore=_OF_PROCESSES)
            return
        shutil.copytree(_begun[key], home(), dirs_exist_ok=True)
        self.platform.site()

    def undo(self) -> None:
        for step in reversed(self.steps()):
            step.action.undo(self.context())

    def found(self, platform: Platform | None = None) -> list[Resource]:
        return (platform or self.platform).find(self.world.connections)

    def connect(self, machine: str, deadline: float = PATIENCE) -> Any:
        return self.world.connect(f"{self.plan.name}-{machine}", deadline)

    def close(self) -> None:
        self.world.close()
        self.client.stop()


def processes_of(directory: Path) -> list[int]:
    """Processes that have `directory` on their command line."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if str(directory) in (entry / "cmdline").read_text():
                found.append(int(entry.name))
        except OSError:
            continue
    return found
