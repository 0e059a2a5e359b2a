"""Interrupted anywhere: an engine is killed (-9) at every point, run again, and nothing is made twice, left or lost.

A point is just before or just after a write of the journal, an SSH command, or a call that changes something of the
platform, told apart by its step. A story installs a small cluster, lets a machine join, upgrades it, has the machine
leave, and destroys it; local machines, whose Kubernetes programs are stand-ins, are installed and destroyed. Whatever
runs is killed at the first point that no engine of the story was killed at before, and run again as a person would,
until it comes to its end without meeting a new point. A restore of etcd is interrupted at each of its commands.

A twin is a machine made twice, or a step applied again after the journal had it as done; an orphan is whatever is left
once a destroy has succeeded; lost is a machine or a node that is gone, or another, although it was done.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast
from unittest.mock import patch

from installer.common.errors import ExitCode
from installer.common.paths import ClusterDirectory
from installer.engine.events import EventType, StepState
from installer.engine.journal import Reader
from installer.operations import lookup, runs
from installer.plan import planfile
from installer.plan.fields import Part
from installer.plan.model import InstallPlan
from installer.plan.platforms import PLATFORMS
from installer.plan.registration import Registration
from installer.plan.topology import topology
from installer.platforms.local import machine
from installer.platforms.rehearsal.client import SiteClient
from installer.steps.platform import RunOptions
from installer.steps.step import Phase
from tests.bench.crash_clouds import every_fault_of_aws, every_fault_of_gcp
from tests.bench.crash_restore import every_point
from tests.doubles.fake_cloud import platform as cloud_platform
from tests.doubles.fake_cloud import steps as cloud_steps
from tests.doubles.fake_cloud.platform import ACCOUNTS, NAME, TRAITS
from tests.doubles.fake_cloud.served import served_cloud
from tests.doubles.kill_points import Points, engine
from tests.doubles.local import bridge_mirror, local_plan, traces
from tests.doubles.machines import CACHE, machine_image, the_engine

OPTIONS = RunOptions(speed=1000.0)
OLD, NEW = "v1.35.6", "v1.36.2"
_KINDS = ("machine", "load-balancer", "dns", "volume", "firewall", "network")
ENDLESS = 5000
"""Engines that are killed before a story counts as one that never ends."""
Begin = Callable[[], object]
Place = Callable[[Path, int, int], "AbstractContextManager[World]"]


@dataclass
class World:
    """Where a story plays. `remains` says what is left of the cluster outside of Craton's own directory."""

    name: str
    plan: InstallPlan
    remains: Callable[[], list[str]]
    ends: ExitCode = ExitCode.DONE
    """How an install ends that nobody kills. The cluster is changed only if that is done."""
    options: RunOptions = OPTIONS
    found: Callable[[], dict[str, str]] | None = None
    """As `machines`, where they are no stand-ins."""

    @property
    def directory(self) -> ClusterDirectory:
        return ClusterDirectory.of(self.plan.name)

    def machines(self) -> dict[str, str]:
        """Each machine that exists, and what tells it from one that replaced it."""
        if self.found:
            return self.found()
        client = SiteClient(self.plan.name)
        return {one.name: one.host_key for one in client.machines()} if client.exists() and client.alive() else {}


@dataclass
class Story:
    """What became of a world in which engines are killed."""

    world: World
    points: Points
    kills: int = 0
    twins: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    @property
    def faults(self) -> list[str]:
        return [*self.twins, *self.orphans, *self.lost]

    def play(self) -> None:
        world, name, path = self.world, self.world.plan.name, self.world.directory.path.parent.parent / "plan.yaml"
        planfile.save(path, world.plan)
        self._chapter(lambda: runs.start_install(path, world.options), ends=world.ends)
        if world.ends is ExitCode.DONE:
            self._change(name)
        self._chapter(self._destroy, self._destroy)
        self.orphans += [*world.remains(), *map(str, world.directory.path.parent.glob("*"))]

    def _change(self, name: str) -> None:
        worker = f"{name}-worker-{self.world.plan.workers + 1}"
        self._chapter(lambda: runs.start_changed(_grown(name), OPTIONS))
        self._chapter(lambda: runs.start_upgrade(name, NEW, OPTIONS))
        self._chapter(lambda: runs.start_removal(name, [worker], OPTIONS), going={worker})

    def _chapter(
        self, begin: Begin, again: Begin | None = None, going: Collection[str] = (), ends: ExitCode = ExitCode.DONE
    ) -> None:
        """Begin something, and have its engines killed at one point after the other until it comes to its end."""
        before = self._last_run()
        known: dict[str, str] = {}
        while (code := engine(self.points, begin)) == -9:
            self.kills += 1
            assert self.kills < ENDLESS, "the story comes to no end"
            known |= {name: key for name, key in self._made().items() if name not in going}
            self._look(known)
            begin = again or self._again(begin)
        assert code == ends, f"{self.world.name}: exit {code}, see {self.world.directory.path.parent.parent}"
        self.twins += self._done_twice(before)
        if self.world.directory.plan.exists():
            planned = [one.name for one in topology(lookup.load(self.world.plan.name)).machines]
            there = self.world.machines()
            self._look(known)
            self.lost += [f"{name} was never made" for name in planned if name not in there]
            self.twins += [f"{name} is in no plan" for name in there if name not in planned]

    def _again(self, begin: Begin) -> Begin:
        """What a person does after a crash: resume, if there is a cluster and anything of the change was recorded."""
        last = self._last_run()
        with Reader(self.world.directory.journal) as reader:
            ended = last and reader.runs()[-1].outcome is not None
        if not self.world.directory.plan.exists() or ended:
            return begin
        return lambda: runs.start_resume(self.world.plan.name, self.world.options)

    def _destroy(self) -> object:
        """Destroy what is left; an engine that was killed at the very end has left nothing to name."""
        if not self.world.directory.plan.exists():
            return int(ExitCode.DONE)
        return runs.start_destroy(self.world.plan.name, self.world.options)

    def _look(self, known: dict[str, str]) -> None:
        there = self.world.machines()
        self.lost += [f"{name} is gone or another" for name, key in known.items() if key != there.get(name)]

    def _made(self) -> dict[str, str]:
        """Machines that the journal of an install has as made."""
        there = self.world.machines()
        with Reader(self.world.directory.journal) as reader:
            recorded = reader.runs()
            if not recorded or recorded[-1].kind.undoes:
                return {}
            steps = [step for step in reader.steps() if step.phase == Phase.MACHINES and step.state is StepState.DONE]
        return {step.machine: there.get(step.machine, "none") for step in steps if step.machine}

    def _last_run(self) -> int:
        if not self.world.directory.journal.exists():
            return 0
        with Reader(self.world.directory.journal) as reader:
            return max((run.id for run in reader.runs()), default=0)

    def _done_twice(self, before: int) -> list[str]:
        """Steps that were applied again after they were done, in runs after that."""
        if not self.world.directory.journal.exists():
            return []
        done: set[str] = set()
        twice: list[str] = []
        with Reader(self.world.directory.journal) as reader:
            # `kubeadm upgrade` and a drain make nothing: they are run again until their machine is through.
            making = {step.id for step in reader.steps() if step.phase not in (Phase.UPGRADE, Phase.LEAVE)}
            for event in reader.events():
                if event.type is EventType.STEP and event.step in making and event.run > before:
                    state = event.data["state"]
                    done |= {event.step} if state == "done" else set()
                    twice += [event.step] if state == "applying" and event.step in done else []
        return [f"{step} was done, and applied again" for step in twice]


def _grown(name: str) -> InstallPlan:
    plan = lookup.load(name)
    return plan.model_copy(update={"workers": plan.workers + 1})


def _plan(platform: str, masters: int, workers: int) -> InstallPlan:
    fields = {"name": "demo", "subdomain": "example.test", "platform": platform, "kubernetes": OLD}
    numbers = {"masters": masters, "workers": workers, "ingress": {"kind": "infra", "infra": 1}}
    return InstallPlan.model_validate({**fields, **numbers})


@contextmanager
def rehearsal(home: Path, masters: int = 1, workers: int = 1) -> Iterator[World]:
    """Stand-ins of a rehearsal."""
    plan = _plan("rehearsal", masters, workers)
    with patch.dict(os.environ, CRATON_HOME=str(home)):
        try:
            yield World("rehearsal", plan, lambda: [str(path) for path in (home / "rehearsal").glob("*")])
        finally:
            SiteClient(plan.name).stop()


@contextmanager
def cloud(home: Path, masters: int = 1, workers: int = 1) -> Iterator[World]:
    """The fake cloud, which lists new machines late and gives addresses later still."""
    modules = {f"installer.platforms.{NAME}.platform": cloud_platform, f"installer.platforms.{NAME}.steps": cloud_steps}
    registered = {NAME: Registration(TRAITS, lambda: Part)}
    with (
        patch.dict(os.environ, CRATON_HOME=str(home)),
        patch.dict(cast("dict[str, Registration]", PLATFORMS), registered),
        patch.dict(sys.modules, modules),
    ):
        plan = _plan(NAME, masters, workers)
        site = SiteClient(plan.name)
        site.start()
        site.call("options", speed=OPTIONS.speed, seed=0, faults=[])
        try:
            with (
                served_cloud(plan.name, home) as account,
                patch.dict(cast("dict[str, object]", ACCOUNTS), demo=account),
            ):

                def remains() -> list[str]:
                    return [f"{kind} {one.name}" for kind in _KINDS for one in account.exists(kind)]

                yield World(NAME, plan, remains)
        finally:
            site.stop()


@contextmanager
def local(home: Path, masters: int = 1, workers: int = 1) -> Iterator[World]:
    """Real machines on this computer, of the image that all tests share (root, podman)."""
    with patch.dict(os.environ, CRATON_HOME=str(home)):
        (home / "local").symlink_to(CACHE)
        machine_image()
        with bridge_mirror(local_plan(masters=masters, workers=workers)) as (_, plan):
            name = plan.name

            def found() -> dict[str, str]:
                return {one.name: one.host_key for one in machine.find_all(the_engine(), name)}

            yield World("local", plan, lambda: traces(name), ExitCode.CLUSTER, RunOptions(), found)


def notify(world: Place, share: float, seed: int, masters: int = 1, workers: int = 1) -> tuple[Story, int]:
    """Play one story; it, and the number of points that were tried."""
    with tempfile.TemporaryDirectory(prefix="craton-crash-") as room:
        home = Path(room) / "home"
        home.mkdir(mode=0o700)
        points = Points(Path(room) / "points", share, seed)
        with world(home, masters, workers) as place:
            story = Story(place, points)
            story.play()
        return story, len(points.tried())


STORIES: tuple[tuple[Place, float, int, int], ...] = (
    (rehearsal, 1.0, 1, 1), (cloud, 1.0, 1, 1), (local, 1.0, 1, 0), (rehearsal, 0.1, 3, 4),
)  # fmt: skip
"""World, share of points, masters, workers: every point of small clusters, and a sample of a larger one's."""


def main(share: float = 1.0, seed: float = 0) -> int:
    points = twins = orphans = lost = 0
    for world, part, masters, workers in STORIES:
        began = time.monotonic()
        story, tried = notify(world, part * share, int(seed), masters, workers)
        points, twins = points + tried, twins + len(story.twins)
        orphans, lost = orphans + len(story.orphans), lost + len(story.lost)
        words = "; ".join(story.faults) or "nothing made twice, left or lost"
        told = f"{world.__name__}, {masters} + 1 + {workers}: {tried} points, {story.kills} engines killed"
        print(f"{told} in {time.monotonic() - began:.0f} s; {words}", flush=True)
    interruptions, wrong = every_point()
    print(f"etcd restore: {interruptions} points; {'; '.join(wrong) or 'nothing lost'}")
    points, lost = points + interruptions, lost + len(wrong)
    for cloud, every_fault in (("AWS", every_fault_of_aws), ("Google Cloud", every_fault_of_gcp)):
        stories, failed = every_fault()
        told = "; ".join(failed) or "no twin, nothing left"
        print(f"{cloud}: {stories} stories in which every changing call fails; {told}")
        lost += len(failed)
    print(f"points {points}, twins {twins}, orphans {orphans}, lost {lost}")
    total = twins + orphans + lost
    print(json.dumps({"name": "crash", "value": total, "unit": "twins + orphans + lost", "goal": 0}))
    return 0 if total == 0 else 1


if __name__ == "__main__":
    sys.exit(main(*(float(word) for word in sys.argv[1:3])))
