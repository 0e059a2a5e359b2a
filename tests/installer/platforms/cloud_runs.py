"""Runs of the real engine and the real steps of a cloud, as far as machines exist: nobody logs in to them here."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from installer.common.errors import ExitCode
from installer.common.paths import ClusterDirectory
from installer.engine.context import Stop, Timing
from installer.engine.events import Event, EventType, RunKind
from installer.engine.journal import Journal, Reader
from installer.engine.runner import run
from installer.operations import pipeline
from installer.plan.model import InstallPlan
from installer.plan.topology import topology
from installer.platforms import open_platform, platform_steps
from installer.ssh.connections import SSHConnections
from installer.ssh.keys.cluster_key import ensure_key
from installer.steps.step import Phase, Step, ordered
from installer.steps.world import World
from tests.patience import PATIENCE

TIMING = Timing(min_deadline=PATIENCE, first_wait=0.01, longest_wait=0.5)
PACE = 1000.0


def steps(plan: InstallPlan, *phases: Phase) -> tuple[Step, ...]:
    """The platform's own steps of some phases, each with what it needs of them."""
    wanted = phases or (Phase.CHECK, Phase.NETWORK, Phase.MACHINES)
    return ordered(step for step in platform_steps(plan, topology(plan)) if step.phase in wanted)


@dataclass
class Cluster:
    """One cluster; each run opens platform and connections once more, as a process of its own does."""

    stop: Stop = field(default_factory=Stop)
    events: list[Event] = field(default_factory=list)
    requests: int = 0

    def run(self, plan: InstallPlan, steps: tuple[Step, ...], kind: RunKind = RunKind.INSTALL) -> ExitCode:
        directory = ClusterDirectory.of(plan.name)
        ensure_key(directory)
        platform = open_platform(plan)
        world = World(plan, topology(plan), directory, platform, SSHConnections(platform.endpoint, directory))
        before = len(self._recorded(directory))
        self.stop = Stop()
        try:
            with Journal(directory.journal) as journal:
                limits = platform.limits()
                return asyncio.run(
                    run(steps, world, journal, kind=kind, pace=PACE, limits=limits, timing=TIMING, stop=self.stop)
                )
        finally:
            self.requests = sum(platform.account.requests.values())  # type: ignore[attr-defined]
            world.close()
            self.events = self._recorded(directory)[before:]

    def make(self, plan: InstallPlan, *phases: Phase) -> ExitCode:
        return self.run(plan, steps(plan, *phases))

    def destroy(self, plan: InstallPlan) -> ExitCode:
        return self.run(plan, pipeline.destroy_steps(plan), RunKind.DESTROY)

    @property
    def applied(self) -> set[str]:
        """Ids of steps that the last run applied."""
        return {
            event.step
            for event in self.events
            if event.type is EventType.STEP and event.data["state"] == "applying" and event.step
        }

    @property
    def errors(self) -> list[str]:
        """What the last run's steps failed with."""
        found = [event.data.get("error") for event in self.events if event.type is EventType.STEP]
        return [f"{error['operation']}: {error['observed']} | {error['hint']}" for error in found if error]

    @staticmethod
    def _recorded(directory: ClusterDirectory) -> list[Event]:
        if not directory.journal.exists():
            return []
        with Reader(directory.journal) as reader:
            return list(reader.events())
