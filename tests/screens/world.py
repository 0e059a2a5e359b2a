"""A world that stands still: a fixed time, homes with clusters in known states, and a lifecycle that starts nothing."""

from __future__ import annotations

import locale
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from installer.common.errors import ExitCode
from installer.common.paths import ClusterDirectory
from installer.engine import clock, process
from installer.engine.events import EventType, Outcome, RunKind, StepState
from installer.engine.journal import Journal, Reader
from installer.health.check import Finding, Verdict
from installer.health.reach.pairs import Pair, Reached, coverage, targets
from installer.health.report.model import Report, RuleStatus, save_report
from installer.operations import destroy as operations_destroy
from installer.operations import health as operations_health
from installer.operations import pipeline, runs, shell, support_bundle
from installer.operations.review import rulings
from installer.plan.decisions import State
from installer.plan.model import InstallPlan
from installer.plan.questions import draft
from installer.plan.rules import Level
from installer.plan.sections import Ingress
from installer.plan.topology import Machine, topology
from installer.steps.platform import Resource
from screens.models import feed
from screens.models.replay import ReplayFeed
from screens.pages import run
from tests.accounts import live_in
from tests.screens.simulated import Clock, Simulation, schedule

START = 1_767_873_600.0
"""When every run began: 2026-01-08 12:00:00 UTC."""
PID = 4711
LOOKS = {"dark": {"CRATON_THEME": "dark"}, "light": {"CRATON_THEME": "light"}, "plain": {"NO_COLOR": "1"}}
PRIVATE = ("CRATON_DEBUG", "CRATON_THEME", "COLORFGBG", "NO_COLOR", "TEXTUAL", "TEXTUAL_THEME")
"""Variables of the environment that change what a screen looks like."""

SEEN = {
    "ssh": "answered in 0.1 s",
    "host-key": "ssh-ed25519, as pinned",
    "clock": "0.0 s ahead of the median of 6 machines",
    "hostname": "as planned",
    "memory": "3.8 GiB",
    "disk": "/ has 85% free, 33.2 GiB",
    "swap": "off",
    "kernel": "overlay, br_netfilter, vxlan loaded; forwarding on",
    "containerd": "active",
    "kubelet": "healthy",
    "etcd": "healthy, 3 of 3 members started",
    "api": "ready",
    "node": "Ready, v1.36.2",
    "labels": "as planned",
    "taints": "as planned",
    "ports": "22 of 22 reached",
    "names": "both names resolve as planned",
}
AHEAD = Finding(
    "clock",
    "demo-master-2",
    Verdict.WARN,
    "2.4 s ahead of the median of 6 machines (warns over 1 s, fails over 30 s); certificates and logs do not line up",
    "timedatectl set-ntp true, or check udp 123 (N9)",
)
BLOCKED = Finding(
    "ports",
    "demo-worker-1",
    Verdict.FAIL,
    "22 of 23 reached; udp 4789 of demo-master-3 is filtered (M2)",
    "compare the firewall of demo-master-3 with rule M2: craton review demo",
)


def plan(*, masters: int = 3, infra: int = 1, workers: int = 2) -> InstallPlan:
    """The cluster of most scenes: six machines."""
    ingress = Ingress(kind="infra", infra=infra)
    networks = {"pods": "10.128.0.0/10"} if workers > 200 else {}
    given = {"name": "demo", "subdomain": "example.test", "masters": masters, "workers": workers}
    return InstallPlan.model_validate({**given, "ingress": ingress, "networks": networks})


def health(at: float, *, failing: bool = False) -> Report:
    """What a check of six machines finds: a clock that is ahead and, if `failing`, a port that is filtered."""
    shape = topology(plan())
    odd = {(found.machine, found.check): found for found in ((AHEAD, BLOCKED) if failing else (AHEAD,))}
    findings = [
        odd.get((machine.name, check)) or _finding(machine, check, seen)
        for machine in shape.machines
        for check, seen in SEEN.items()
    ]
    pairs = [
        Pair(machine.name, target.machine, target.rule, target.protocol, target.port, Reached.OPEN)
        for machine in shape.machines
        for target in targets(machine, shape)
    ]
    if failing:
        pairs = [_filtered(pair) for pair in pairs]
    rules = tuple(_rule(ruling.id, failing=failing) for ruling in rulings(plan()))
    return Report("demo", at, 3.1, tuple(findings), tuple(pairs), rules, *coverage(shape))


def _finding(machine: Machine, check: str, seen: str) -> Finding:
    if check in ("etcd", "api") and machine.role != "master":
        return Finding(check, machine.name, Verdict.NOT_APPLICABLE, f"not for {machine.role} machines")
    return Finding(check, machine.name, Verdict.PASS, seen)


def _filtered(pair: Pair) -> Pair:
    hit = (pair.source, pair.target, pair.port) == ("demo-worker-1", "demo-master-3", 4789)
    return replace(pair, result=Reached.FILTERED) if hit else pair


def _rule(id: str, *, failing: bool) -> RuleStatus:
    ruling = next(ruling for ruling in rulings(plan()) if ruling.id == id)
    subject = "; ".join(ruling.traffic) or ruling.value or ruling.purpose
    state = State(ruling.state)
    verdict = Verdict.PASS if state is State.ON else Verdict.NOT_APPLICABLE
    detail = ruling.reason if state is not State.ON else "as planned"
    observed = Verdict.FAIL if failing and id == "M2" else verdict
    detail = "11 of 12 pairs" if observed is Verdict.FAIL else detail
    return RuleStatus(id, Level(ruling.level), subject, ruling.purpose, state, verdict, observed, detail)


RESOURCES = [
    *(Resource("machine", machine.name, f"running, {machine.address}") for machine in topology(plan()).machines),
    *(Resource("firewall group", f"demo-{role}", "12 rules") for role in ("master", "infra", "worker")),
    Resource("A record", "demo-k8s.example.test", "10.10.0.11, 10.10.0.12, 10.10.0.13"),
    Resource("A record", "demo.example.test", "10.10.0.21"),
]


@dataclass
class World:
    """Where a scene plays: its home directory and the time. What is asked of the lifecycle stands in `calls`."""

    home: Path
    clock: Clock
    calls: list[str] = field(default_factory=list)
    failing: bool = False
    """Whether a check finds a failure."""
    quiet: int = 0
    """How often in a row a feed has looked at its journal and found nothing."""

    @property
    def directory(self) -> ClusterDirectory:
        return ClusterDirectory(self.home / "clusters" / "demo")


def _running(world: World, *, share: float = 0.36, fail: str = "", **size: int) -> Simulation:
    shape = plan(**size)
    simulation = Simulation(world.directory, shape, world.clock, START)
    long = max(turn.end for turn in schedule(simulation.steps))
    ended = Outcome.FAILED if fail else None
    wait = "" if fail or size else "prepare/demo-worker-2"
    simulation.write(long * share, fail, ended, wait)
    world.clock.now += 3
    return simulation


def _installed(world: World) -> None:
    simulation = Simulation(world.directory, plan(), world.clock, START)
    simulation.write(outcome=Outcome.DONE)
    world.clock.now += 480
    save_report(world.directory, health(world.clock.now - 240))


def _drafted(world: World) -> None:
    draft.save_draft({"name": "prod", "masters": 5}, "Workers")


HOMES: dict[str, Callable[[World], object]] = {
    "empty": lambda world: None,
    "draft": _drafted,
    "running": _running,
    "failed": lambda world: _running(world, share=1.0, fail="prepare/demo-worker-1"),
    "sixty": lambda world: _running(world, masters=5, infra=5, workers=50),
    "thousand": lambda world: _running(world, masters=5, infra=10, workers=985, share=0.5),
    "installed": _installed,
}


@lru_cache
def _built(name: str, scratch: Path) -> float:
    """Build a home once for all scenes of this process; returns the time at which it stands."""
    root = scratch / name
    root.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        world = World(root / CRATON_HOME, Clock(START + 300))
        _stand_still(patch, root, world)
        HOMES[name](world)
    return world.clock.now


CRATON_HOME = Path(".local/share/craton")


@lru_cache
def _scratch() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="craton-scenes-")


@contextmanager
def world(name: str, look: str = "dark") -> Iterator[World]:
    """Play in a copy of the home called `name`; when the world opens it is a few seconds before the home's time."""
    scratch = Path(_scratch().name)
    now = _built(name, scratch)
    with tempfile.TemporaryDirectory(prefix="craton-scene-") as folder, pytest.MonkeyPatch.context() as patch:
        root = Path(folder) / "home"
        shutil.copytree(scratch / name, root)
        found = World(root / CRATON_HOME, Clock(now))
        _stand_still(patch, root, found)
        _start_nothing(patch, found)
        _listen(patch, found)
        for variable, value in LOOKS[look].items():
            patch.setenv(variable, value)
        yield found


def _stand_still(patch: pytest.MonkeyPatch, root: Path, world: World) -> None:
    """Fix the time, the zone, the process id, the home directory and everything that the environment says of looks."""
    patch.setattr(time, "time", world.clock)
    patch.setattr(clock, "ticks", world.clock)
    patch.setattr(os, "getpid", lambda: PID)
    patch.setattr(locale, "getpreferredencoding", lambda *_: "utf-8")
    for variable in PRIVATE:
        patch.delenv(variable, raising=False)
    environment: Mapping[str, str] = {
        "CRATON_HOME": str(root / CRATON_HOME),
        "TERM": "xterm-256color",
        "USER": "ada",
        "LOGNAME": "ada",
    }
    for variable, value in environment.items():
        patch.setenv(variable, value)
    live_in(root, patch)
    patch.setattr(time, "localtime", time.gmtime)
    patch.chdir(root)


def _start_nothing(patch: pytest.MonkeyPatch, world: World) -> None:
    """Have the lifecycle answer at once; what would start an engine writes what its engine would have written."""

    def answers(module: ModuleType, name: str, answer: Callable[..., Any]) -> None:
        def call(*given: Any, **named: Any) -> Any:
            world.calls.append(name)
            return answer(*given, **named)

        patch.setattr(module, name, call)

    answers(operations_health, "check", lambda *_, **__: health(world.clock.now, failing=world.failing))
    answers(operations_destroy, "resources", lambda _cluster: RESOURCES)
    answers(runs, "start_resume", lambda *_: world.directory)
    answers(runs, "start_install", lambda *_: world.directory)
    answers(runs, "retry", lambda *_, **__: world.directory)
    answers(runs, "stop", lambda _cluster: None)
    answers(support_bundle, "gather", lambda _cluster, output: output)
    answers(shell, "ssh_command", lambda _cluster, machine: ["ssh", machine])
    answers(runs, "start_destroy", lambda *_: undo(world))
    patch.setattr(process, "running_pid", lambda _directory: PID)


def _listen(patch: pytest.MonkeyPatch, world: World) -> None:
    """Count the looks of feeds, and have them look often."""
    patch.setattr(feed, "INTERVAL", 0.01)
    patch.setattr(run, "FRAMES", 0.03)
    for kind in (feed.JournalFeed, ReplayFeed):
        patch.setattr(kind, "next_batch", _counting(kind.next_batch, world))


def _counting(original: Callable[..., feed.Batch], world: World) -> Callable[..., feed.Batch]:
    def next_batch(self: feed.Feed, reader: Reader, machine: str) -> feed.Batch:
        batch = original(self, reader, machine)
        world.quiet = 0 if batch else world.quiet + 1
        return batch

    return next_batch


def undo(world: World, *, share: float = 0.55) -> None:
    """Begin to destroy the cluster: that share of the steps is taken back."""
    steps = pipeline.destroy_steps(plan())
    with Journal(world.directory.journal) as journal:
        journal.begin(RunKind.DESTROY, steps, {"speed": 1.0, "seed": 0})
        for step in list(reversed(steps))[: int(len(steps) * share)]:
            journal.transition(step, StepState.UNDOING, durable=False)
            world.clock.now += 0.5
            journal.transition(step, StepState.UNDONE, durable=False, how="applied")
        if share == 1:
            journal.record(EventType.RESULT, steps[0], topic="receipt", left=[])
            journal.end(Outcome.DONE, ExitCode.DONE)
        else:
            step = list(reversed(steps))[int(len(steps) * share)]
            journal.transition(step, StepState.UNDOING, durable=False)
