"""Clusters in the double of a cloud: the real engine and platform, and stand-ins behind SSH as machines."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Protocol

from installer.common.errors import ExitCode
from installer.common.paths import ClusterDirectory
from installer.engine.context import Stop, Timing
from installer.engine.events import Event, RunKind
from installer.engine.journal import Journal, Reader
from installer.engine.runner import run
from installer.operations import pipeline
from installer.plan.model import InstallPlan
from installer.plan.topology import topology
from installer.platforms import open_platform
from installer.ssh.connections import SSHConnections
from installer.ssh.keys.cluster_key import ensure_key
from installer.steps.step import Step
from installer.steps.world import World
from tests.patience import PATIENCE

_SHORT = ("check/account", "network/", "machines/", "connect/", "dns/")
TIMING = Timing(min_deadline=PATIENCE, first_wait=0.01, longest_wait=0.01)
SPEED = 1000.0


@dataclass(frozen=True)
class Tempo:
    """How fast an engine waits: for machines that take their time, looking every few milliseconds makes them slower."""

    pace: float = SPEED
    timing: Timing = TIMING


UNHURRIED = Tempo(50.0, Timing(min_deadline=PATIENCE, first_wait=0.05, longest_wait=0.2))
"""For machines that run programs of their own meanwhile."""
IN_VAIN = 30.0
"""Seconds that a step may take at least in runs that fail and are repeated: a step that waits for what the failed call
would have made takes them all, and one that a slow computer cuts short has the next run."""
BOOTING = Tempo(10.0, Timing(min_deadline=PATIENCE, first_wait=0.5, longest_wait=2.0))
"""For machines that really boot."""


class Account(Protocol):
    """What the double of any cloud counts: `calls` by name, and `changed`, those that changed something, in order."""

    calls: Counter[str]
    changed: list[str]

    def counted(self) -> int: ...

    @property
    def pending_faults(self) -> object: ...


class Behind(Protocol):
    """The machines behind a cloud's instances, by whatever they are known."""

    @property
    def names(self) -> list[str]: ...


@dataclass
class CloudCluster:
    """One cluster's runs, each as a process of its own would make it."""

    account: Account
    stand_ins: Behind
    events: list[Event] = field(default_factory=list)
    tempo: Tempo = field(default_factory=Tempo)

    def run(self, plan: InstallPlan, steps: tuple[Step, ...], kind: RunKind = RunKind.INSTALL) -> ExitCode:
        before = sum(1 for _ in self.recorded())
        self.account.calls.clear()
        self.account.changed.clear()
        try:
            return carry_out(plan, steps, kind, self.tempo)
        finally:
            self.events = self.recorded()[before:]

    def install(self, plan: InstallPlan) -> ExitCode:
        return self.run(plan, pipeline.install_steps(plan))

    def destroy(self, plan: InstallPlan) -> ExitCode:
        return self.run(plan, pipeline.destroy_steps(plan), RunKind.DESTROY)

    def recorded(self) -> list[Event]:
        journal = ClusterDirectory.of("demo").journal
        if not journal.exists():
            return []
        with Reader(journal) as reader:
            return list(reader.events())

    def twins(self) -> list[str]:
        """Names that more than one living thing of the account has."""
        raise NotImplementedError

    def remains(self) -> list[str]:
        """What is left in the account that was not there before."""
        raise NotImplementedError

    @property
    def failures(self) -> str:
        return "\n".join(str((event.step, event.data)) for event in self.events if event.data.get("state") == "failed")


def carry_out(
    plan: InstallPlan, steps: tuple[Step, ...], kind: RunKind = RunKind.INSTALL, tempo: Tempo = Tempo()
) -> ExitCode:
    """One run of the real engine, with a platform and connections of its own."""
    directory = ClusterDirectory.of(plan.name)
    ensure_key(directory)
    platform = open_platform(plan)
    world = World(plan, topology(plan), directory, platform, SSHConnections(platform.endpoint, directory))
    try:
        with Journal(directory.journal) as journal:
            limits = platform.limits()
            return asyncio.run(
                run(steps, world, journal, kind=kind, pace=tempo.pace, limits=limits, timing=tempo.timing, stop=Stop())
            )
    finally:
        world.close()


def short(plan: InstallPlan) -> tuple[Step, ...]:
    """The steps that ask something of AWS, and those until every machine answers, without the others between them."""
    steps = [step for step in pipeline.install_steps(plan) if step.id.startswith(_SHORT)]
    ids = {step.id for step in steps}
    return tuple(replace(step, needs=tuple(need for need in step.needs if need in ids)) for step in steps)


def provided(plan: InstallPlan) -> dict[str, str]:
    """The provider ids of the machines of a plan, as the cloud lists them."""
    platform = open_platform(plan)
    try:
        return {one.name: one.provider_id for one in platform.located(topology(plan)).machines}
    finally:
        platform.close()


def machines(plan: InstallPlan) -> list[str]:
    return sorted(machine.name for machine in topology(plan).machines)


def endure(cluster: CloudCluster, wanted: InstallPlan, calls: Iterable[str], fail: Callable[[str], None]) -> int:
    """The first request of each changing call fails, in an install and in a destroy: nothing is twice, nothing left.

    Runs are repeated as a person repeats them who sees an error. `fail` has the next call of a name fail. Return how
    many calls failed.
    """
    names = tuple(calls)
    for name in names:
        fail(name)
    cluster.tempo = replace(cluster.tempo, timing=replace(cluster.tempo.timing, min_deadline=IN_VAIN))
    until_done(cluster, lambda: cluster.run(wanted, short(wanted)), len(names))
    assert cluster.stand_ins.names == machines(wanted), f"machines: {cluster.stand_ins.names}"
    assert cluster.twins() == [], f"twins: {cluster.twins()}"
    until_done(cluster, lambda: cluster.destroy(wanted), len(names))
    assert cluster.remains() == [], f"left: {cluster.remains()}"
    assert cluster.account.pending_faults == {}, f"never met: {cluster.account.pending_faults}"
    return len(names)


def until_done(cluster: CloudCluster, attempt: Callable[[], ExitCode], most: int) -> None:
    """Run as a person would who sees an error and goes on: at most once for each call that fails, and once more."""
    for _ in range(most + 1):
        if attempt() is ExitCode.DONE:
            return
    raise AssertionError(cluster.failures)
