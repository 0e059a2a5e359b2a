"""The story of a cluster whose engines are killed (-9) at one point after the other, until each point had its engine.

A cluster is installed, a machine joins, it is upgraded, the machine leaves, and it is destroyed. Whatever runs is
killed at the first point that no engine of the story was killed at before, and run again as a person would, until it
comes to its end without meeting a new point.
"""

from __future__ import annotations

import importlib
import multiprocessing
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from installer.cluster import addons, manifests
from installer.common.errors import ExitCode
from installer.common.paths import ClusterDirectory
from installer.engine.events import EventType, StepState
from installer.engine.journal import Reader
from installer.operations import lookup, pipeline, runs
from installer.plan import planfile
from installer.plan.model import InstallPlan
from installer.plan.topology import topology
from installer.platforms.rehearsal.client import SiteClient
from installer.steps.platform import RunOptions
from installer.steps.step import Phase
from tests.doubles.kill_points import Points, engine

OPTIONS = RunOptions(speed=1000.0)
OLD, NEW = "v1.35.6", "v1.36.2"
ENDLESS = 5000
"""Engines that are killed before a story counts as one that never ends."""
SHOWN = 50
"""After so many kills a story says how far it is."""
Begin = Callable[[], object]
Place = Callable[[Path, int, int], "AbstractContextManager[World]"]


def tell(how_far: str) -> None:
    """Say how far the story is that this process is named after."""
    print(f"{time.strftime('%H:%M:%S')} {multiprocessing.current_process().name}: {how_far}", flush=True)


@dataclass
class Outcome:
    """What became of a story: how many points were tried, how many engines killed, and what went wrong."""

    points: int = 0
    kills: int = 0
    twins: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    def killed(self, going_on: object) -> None:
        """Count an engine, and now and then say what goes on. Raises AssertionError if the story never ends."""
        self.kills += 1
        assert self.kills < ENDLESS, "the story comes to no end"
        if self.kills % SHOWN == 0:
            tell(f"{self.kills} engines killed, {going_on}")

    @property
    def faults(self) -> list[str]:
        return [*self.twins, *self.orphans, *self.lost]


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
    made: Callable[[], list[str]] = list
    """Names of all that exists, where names needn't be unique."""

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
    """A world in which engines are killed, and what was found there."""

    world: World
    points: Points
    found: Outcome = field(default_factory=Outcome)

    def play(self) -> None:
        world, name, path = self.world, self.world.plan.name, self.world.directory.path.parent.parent / "plan.yaml"
        planfile.save(path, world.plan)
        _read_ahead(world.plan)
        self._chapter("install", lambda: runs.start_install(path, world.options), ends=world.ends)
        if world.ends is ExitCode.DONE:
            self._change(name)
        self._chapter("destroy", self._destroy, self._destroy)
        self.found.orphans += [*world.remains(), *map(str, world.directory.path.parent.glob("*"))]

    def _change(self, name: str) -> None:
        worker = f"{name}-worker-{self.world.plan.workers + 1}"
        self._chapter("nodes add", lambda: runs.start_changed(_grown(name), OPTIONS))
        self._chapter("upgrade", lambda: runs.start_upgrade(name, NEW, OPTIONS))
        self._chapter("nodes remove", lambda: runs.start_removal(name, [worker], OPTIONS), going={worker})

    def _chapter(
        self,
        title: str,
        begin: Begin,
        again: Begin | None = None,
        going: Collection[str] = (),
        ends: ExitCode = ExitCode.DONE,
    ) -> None:
        """Begin something, and have its engines killed at one point after the other until it comes to its end."""
        before = self._last_run()
        known: dict[str, str] = {}
        while (code := engine(self.points, begin)) == -9:
            self.found.killed(title)
            known |= {name: key for name, key in self._made().items() if name not in going}
            self._look(known)
            begin = again or self._again(begin)
        assert code == ends, f"{title}: exit {code}, see {self.world.directory.path.parent.parent}"
        self.found.twins += self._done_twice(before)
        if self.world.directory.plan.exists():
            planned = [one.name for one in topology(lookup.load(self.world.plan.name)).machines]
            there = self.world.machines()
            self._look(known)
            self.found.lost += [f"{name} was never made" for name in planned if name not in there]
            self.found.twins += [f"{name} is in no plan" for name in there if name not in planned]

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
        self.found.lost += [f"{name} is gone or another" for name, key in known.items() if key != there.get(name)]
        times = Counter(self.world.made())
        self.found.twins += [f"{name} exists {number} times" for name, number in times.items() if number > 1]

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


def _read_ahead(plan: InstallPlan) -> None:
    """Read what engines of the story would each read: the plan, and the objects of its addons."""
    assert planfile.loads(planfile.dump(plan)) == plan
    for step in pipeline.install_steps(plan):
        if isinstance(step.action, addons.Addon):
            addons.identities(manifests.addon(plan, step.action.name).text)


def _grown(name: str) -> InstallPlan:
    plan = lookup.load(name)
    return plan.model_copy(update={"workers": plan.workers + 1})


def play(world: Place, share: float, seed: int, masters: int = 1, workers: int = 1) -> Outcome:
    """Play one story with this share of all points. What is there is kept if anything went wrong."""
    importlib.import_module("tests.doubles.warmed")  # for engines, which are forked: other tests need nothing of it
    room = Path(tempfile.mkdtemp(prefix="craton-crash-"))
    home = room / "home"
    home.mkdir(mode=0o700)
    points = Points(room / "points", share, seed)
    with world(home, masters, workers) as place:
        story = Story(place, points)
        story.play()
    story.found.points = len(points.tried())
    if not story.found.faults:
        shutil.rmtree(room)
    return story.found
