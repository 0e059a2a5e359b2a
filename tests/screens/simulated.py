"""Runs that never happened: the real steps of a plan, timed by a fixed rule, written through the engine's Journal."""

from __future__ import annotations

import heapq
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from installer.common.errors import ExitCode, InstallerError
from installer.common.paths import ClusterDirectory
from installer.engine.events import EventType, Outcome, RunKind, StepState
from installer.engine.journal import Journal
from installer.operations import pipeline
from installer.plan.model import InstallPlan
from installer.plan.planfile import save
from installer.steps.step import Phase, Step

PACE = 2.5
"""Seconds that a step of weight 1 takes, more or less."""
AT_ONCE = 20
"""Steps that run side by side."""

PREPARING = (
    ("kernel modules", ("modprobe overlay", "modprobe br_netfilter", "modprobe vxlan")),
    ("kernel settings", ("net.ipv4.ip_forward = 1", "net.bridge.bridge-nf-call-iptables = 1")),
    ("swap off", ("swapoff -a", "/etc/fstab: swap commented out")),
    ("containerd", ("fetched containerd 2.2.1", "sha256 matches", "containerd.service: active")),
    ("runc", ("fetched runc 1.4.0", "sha256 matches")),
    ("CNI plugins", ("fetched CNI plugins 1.9.0", "sha256 matches", "unpacked to /opt/cni/bin")),
    ("crictl", ("fetched crictl", "sha256 matches")),
    ("kubeadm and kubelet", ("fetched kubeadm v1.36.2", "fetched kubelet v1.36.2", "sha256 matches")),
    ("kubelet service", ("kubelet.service: enabled, waits for kubeadm",)),
)
STARTING = tuple(
    (title, (f"[{title}] done",))
    for title in ("preflight", "certificates", "kubeconfig files", "etcd", "control plane", "configuration", "taints")
)
STAGES = {Phase.PREPARE: PREPARING, Phase.CONTROL_PLANE: STARTING}
DIFFERS = InstallerError(
    "install kubelet",
    "sha256 differs: expected 3f9a1c04, got 71c0ee52",
    hint="Usually a proxy that rewrites downloads, or a mirror that was updated after the review.",
)


class Clock:
    """Stands in for `time.time`."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Turn:
    """When a step runs, in seconds from the start of its run."""

    step: Step
    start: float
    end: float


def schedule(steps: tuple[Step, ...]) -> list[Turn]:
    """Every step as early as its needs and AT_ONCE allow; how long each takes depends on nothing but its id."""
    turns: list[Turn] = []
    ended: dict[str, float] = {}
    running: list[float] = []
    for step in sorted(steps, key=lambda step: list(Phase).index(step.phase)):
        start = max((ended[need] for need in step.needs), default=0.0)
        if len(running) == AT_ONCE:
            start = max(start, heapq.heappop(running))
        end = start + step.weight * PACE * (0.75 + zlib.crc32(step.id.encode()) % 512 / 1024)
        heapq.heappush(running, end)
        ended[step.id] = end
        turns.append(Turn(step, start, end))
    return turns


Write = Callable[[], object]


class Simulation:
    """One run of `plan` from `start` on (Unix seconds), as far as `until` seconds after it; `clock` is moved along.

    `fail` is the id of a step that fails in the middle of its time; what needs it never runs.
    """

    def __init__(self, directory: ClusterDirectory, plan: InstallPlan, clock: Clock, start: float) -> None:
        save(directory.plan, plan)
        self.directory, self.plan, self.clock, self.start = directory, plan, clock, start
        self.steps = pipeline.install_steps(plan)

    def write(self, until: float = 1e9, fail: str = "", outcome: Outcome | None = None, wait: str = "") -> None:
        """Write the journal; a run that is to end does so with `outcome`. `wait` is a step that waits at the end."""
        turns = schedule(self.steps)
        self.clock.now = self.start
        with Journal(self.directory.journal) as journal:
            journal.begin(RunKind.INSTALL, self.steps, {"speed": 1.0, "seed": 0})
            last = 0.0
            for at, _, write in sorted(self._writes(journal, turns, fail), key=lambda each: each[:2]):
                if at > until:
                    break
                self.clock.now, last = self.start + at, at
                write()
            if wait:
                step = next(step for step in self.steps if step.id == wait)
                until_when = self.clock.now + 46
                journal.record(EventType.WAIT, step, what="containerd.sock", seen="unit activating", until=until_when)
            if outcome is not None:
                self.clock.now = self.start + last + 1
                journal.end(outcome, ExitCode.DONE if outcome is Outcome.DONE else ExitCode.MACHINES)

    def _writes(self, journal: Journal, turns: list[Turn], fail: str) -> Iterator[tuple[float, int, Write]]:
        """(Seconds from the start, a number that keeps the order, what to write then)."""
        number = 0
        failed = [turn.step for turn in turns if turn.step.id == fail]
        because = "".join(f"{step.machine}: {step.title} failed" for step in failed)
        blocked = {step.id for step in failed}
        for turn in turns:
            if not blocked.isdisjoint(turn.step.needs):
                blocked.add(turn.step.id)
                writes = [(self._failing(turns, fail), _block(journal, turn.step, because))]
            else:
                writes = list(_writes_of(journal, turn, failing=turn.step.id == fail))
            for at, write in writes:
                yield at, number, write
                number += 1

    @staticmethod
    def _failing(turns: list[Turn], fail: str) -> float:
        return next((turn.start + turn.end) / 2 for turn in turns if turn.step.id == fail)


def _writes_of(journal: Journal, turn: Turn, *, failing: bool) -> Iterator[tuple[float, Write]]:
    step, took = turn.step, turn.end - turn.start
    yield turn.start, lambda: journal.transition(step, StepState.APPLYING, durable=False)
    middle = (turn.start + turn.end) / 2
    for at, write in _work(journal, turn):
        if not failing or at < middle:
            yield at, write
    if failing:
        error = {**DIFFERS.as_dict(), "machine": step.machine}
        yield middle, lambda: journal.transition(step, StepState.FAILED, durable=False, error=error)
    else:
        yield turn.start + took, lambda: journal.transition(step, StepState.DONE, durable=False, how="applied")


def _work(journal: Journal, turn: Turn) -> Iterator[tuple[float, Write]]:
    """The stages of a step and the lines of its log."""
    step, stages = turn.step, STAGES.get(turn.step.phase, ())
    pause = (turn.end - turn.start) / (len(stages) + 1)
    for number, (title, lines) in enumerate(stages, 1):
        at = turn.start + pause * number * 0.98
        yield at, _stage(journal, step, number, len(stages), title)
        for line_number, line in enumerate(lines, 1):
            yield at + pause * line_number / (len(lines) + 1), _log(journal, step, line)


def _stage(journal: Journal, step: Step, number: int, of: int, title: str) -> Write:
    return lambda: journal.record(EventType.STAGE, step, number=number, of=of, title=title)


def _log(journal: Journal, step: Step, line: str) -> Write:
    return lambda: journal.log(step, line)


def _block(journal: Journal, step: Step, because: str) -> Write:
    return lambda: journal.transition(step, StepState.BLOCKED, durable=False, because=because)
