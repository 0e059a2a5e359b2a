"""Twins, orphans and losses: the engine is killed (-9) at random moments of installs and destroys, and run again.

A twin is a machine made twice, or a step applied again after it was done; an orphan is whatever is left once a destroy
has succeeded; lost is a machine that is gone, or another, although its step was done. Local machines are real, and
their Kubernetes programs are stand-ins: an install has come to its end where kubeadm says so.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

from installer.common.errors import ExitCode
from installer.common.paths import ClusterDirectory
from installer.engine.events import EventType, RunKind, StepState
from installer.engine.journal import Reader
from installer.plan import planfile
from installer.plan.model import InstallPlan
from installer.plan.topology import topology
from installer.platforms.local import machine
from installer.platforms.rehearsal.client import SiteClient
from installer.steps.step import Phase
from tests.craton import Craton, alive
from tests.doubles.local import bridge_mirror, local_plan, traces
from tests.doubles.machines import CACHE, machine_image, the_engine
from tests.patience import PATIENCE, eventually

SECONDS = 300.0
"""How long stories are begun; the last one comes to its end."""
KILLS = 5
_END = PATIENCE


@dataclass(frozen=True)
class Stage:
    """Where a story plays. `machines` says which exist: name, and what tells one that was made anew from it."""

    user: Craton
    plan: InstallPlan
    ends: ExitCode
    """How an install ends that nobody kills."""
    span: float
    """Seconds within which a run is killed."""
    flags: tuple[str, ...]
    machines: Callable[[], Mapping[str, str]]
    remains: Callable[[], list[str]]

    @property
    def directory(self) -> ClusterDirectory:
        return ClusterDirectory(self.user.home / "clusters" / self.plan.name)


@dataclass
class Toll:
    kills: int = 0
    twins: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    @property
    def value(self) -> int:
        return len(self.twins) + len(self.orphans) + len(self.lost)


def story(stage: Stage, chance: random.Random, kills: int) -> Toll:
    """Install with so many kills until an install comes to its end, then destroy with one kill until it does."""
    toll, name = Toll(), stage.plan.name
    path = stage.user.directory / f"{name}.yaml"
    planfile.save(path, stage.plan)
    known: dict[str, str] = {}
    command = ["apply", str(path), "--yes"]
    for _ in range(kills):
        toll.kills += _killed(stage, chance, *command)
        toll.lost += _losses(stage, known)
        known |= _made(stage)
        command = ["resume", name] if stage.directory.plan.exists() else command
    _ended(stage, stage.ends, *command)
    toll.lost += _losses(stage, known)
    there = stage.machines()
    toll.lost += [f"{one.name} was never made" for one in topology(stage.plan).machines if one.name not in there]
    toll.twins += _twins(stage, there)
    toll.kills += _killed(stage, chance, "destroy", name, "--yes")
    if stage.directory.path.exists():
        _ended(stage, ExitCode.DONE, "destroy", name, "--yes")
    toll.orphans += stage.remains() + _processes(stage.user)
    return toll


def _killed(stage: Stage, chance: random.Random, *command: str) -> int:
    """Run a command and kill its engine at a random moment; 0 if the engine ended before, else 1."""
    lock, delay = stage.directory.path / "lock", chance.uniform(0.0, stage.span)
    with stage.user.start(*command, "--plain", *stage.flags) as watching:
        try:
            pid = eventually(lambda: _engine(lock) or (watching.poll() is not None and -1), "an engine", _END)
            until = time.monotonic() + delay
            while pid > 0 and alive(pid) and time.monotonic() < until:
                time.sleep(0.005)
            if pid < 0 or not alive(pid):
                return 0
            os.kill(pid, signal.SIGKILL)
            eventually(lambda: not alive(pid), "the end of the engine", _END)
            return 1
        finally:
            watching.kill()
            watching.communicate()


def _engine(lock: Path) -> int:
    """The pid of the engine at work, or 0."""
    try:
        text = lock.read_text().strip()
    except OSError:
        return 0
    return int(text) if text.isdigit() and alive(int(text)) else 0


def _ended(stage: Stage, code: ExitCode, *command: str) -> None:
    """Run a command that has to come to its end."""
    with stage.user.start(*command, "--plain", *stage.flags) as process:
        out, err = process.communicate(timeout=_END)
    assert process.returncode == code, f"{command} ended with {process.returncode}\n{out}\n{err}"


def _made(stage: Stage) -> dict[str, str]:
    """Machines that the journal has as made."""
    if not stage.directory.journal.exists():
        return {}
    with Reader(stage.directory.journal) as reader:
        done = {
            step.machine for step in reader.steps() if step.phase == Phase.MACHINES and step.state is StepState.DONE
        }
    return {name: tells for name, tells in stage.machines().items() if name in done}


def _losses(stage: Stage, known: Mapping[str, str]) -> list[str]:
    there = stage.machines()
    return [f"{name} was {tells}, is {there.get(name)}" for name, tells in known.items() if there.get(name) != tells]


def _twins(stage: Stage, there: Mapping[str, str]) -> list[str]:
    planned = {one.name for one in topology(stage.plan).machines}
    return [f"{name} is not in the plan" for name in there if name not in planned] + _done_twice(stage)


def _done_twice(stage: Stage) -> list[str]:
    done: set[str] = set()
    twice: Counter[str] = Counter()
    with Reader(stage.directory.journal) as reader:
        installs = {run.id for run in reader.runs() if run.kind is RunKind.INSTALL}
        for event in reader.events():
            if event.type is EventType.STEP and event.step and event.run in installs:
                state = event.data["state"]
                done |= {event.step} if state == "done" else set()
                twice[event.step] += state == "applying" and event.step in done
    return [f"{step} was done, and applied again" for step in twice.elements()]


def _processes(user: Craton) -> list[str]:
    """Processes of this user's that still run; those that are just ending get a moment."""
    mark = f"CRATON_HOME={user.home}".encode()

    def running() -> list[str]:
        found = []
        for directory in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (directory / "environ").read_bytes().split(b"\0") and alive(int(directory.name)):
                    found.append((directory / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
            except (OSError, ValueError):
                continue
        return found

    until = time.monotonic() + 10
    while (left := running()) and time.monotonic() < until:
        time.sleep(0.05)
    return left


@contextmanager
def local(directory: Path, **fields: object) -> Iterator[Stage]:
    """Real machines on this computer, of the image that all tests share."""
    user = _user(directory)
    (user.home / "local").symlink_to(CACHE)
    machine_image()
    with bridge_mirror(local_plan(masters=1, workers=1, **fields)) as (_, plan):
        name = plan.name

        def machines() -> dict[str, str]:
            return {one.name: one.host_key for one in machine.find_all(the_engine(), name)}

        yield Stage(user, plan, ExitCode.CLUSTER, 2.5, (), machines, lambda: traces(name))


@contextmanager
def rehearsal(directory: Path) -> Iterator[Stage]:
    """Stand-ins of a rehearsal."""
    user = _user(directory)
    plan = InstallPlan(name="demo", subdomain="example.test", masters=3, workers=2)

    def machines() -> dict[str, str]:
        if not (user.home / "rehearsal" / plan.name).exists():
            return {}
        with patch.dict(os.environ, CRATON_HOME=str(user.home)):
            return {one.name: f"made {one.creations} times" for one in SiteClient(plan.name).machines()}

    def remains() -> list[str]:
        return [str(path) for path in (user.home / "rehearsal").glob(f"*{plan.name}*")]

    yield Stage(user, plan, ExitCode.DONE, 2.0, ("--speed", "10"), machines, remains)


def _user(directory: Path) -> Craton:
    user = Craton(directory)
    (directory / "home").mkdir(parents=True)
    user.home.mkdir(mode=0o700)
    return user


def main(seconds: float = SECONDS) -> int:
    until = time.monotonic() + seconds
    total, kills, stories, slowest = 0, 0, 0, 0.0
    while time.monotonic() + slowest < until:
        for play in (rehearsal, local):
            began = time.monotonic()
            with tempfile.TemporaryDirectory() as temporary, play(Path(temporary) / "user") as stage:
                toll = story(stage, random.Random(stories), KILLS)
            total, kills, stories = total + toll.value, kills + toll.kills, stories + 1
            slowest = max(slowest, time.monotonic() - began)
            words = "; ".join((*toll.twins, *toll.orphans, *toll.lost)) or "nothing made twice, left or lost"
            print(f"{play.__name__}, seed {stories - 1}: {toll.kills} engines killed; {words}", flush=True)
    print(f"{kills} engines killed in {stories} stories")
    print(json.dumps({"name": "crash", "value": total, "unit": "twins + orphans + lost", "goal": 0}))
    return 0 if total == 0 else 1


if __name__ == "__main__":
    sys.exit(main(*(float(word) for word in sys.argv[1:2])))
