"""The machines of a run as its events come in: what changed is looked at again, nothing else is."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from installer.engine.events import Event, EventType, StepRecord, StepState
from installer.engine.progress import ACTIVE, FINISHED, Progress, StepView, summary
from installer.steps.step import Phase
from screens import theme
from screens.theme import Mark

CLUSTER = ""
"""Used instead of a machine's name for the steps that belong to no machine."""

POOL = "pool"
"""The role of all machines of a worker pool, which are one line."""

_ROLE = re.compile(r"-(master|infra|worker)-\d+$")
_POOLED = re.compile(r"-(master|infra|worker)$")
WORDS = {theme.FAILED: "failed", theme.RUNNING: "running", theme.WAITING: "waiting", theme.DONE: "done"}
ORDER = (theme.FAILED, theme.RUNNING, theme.WAITING, theme.DONE)


def role_of(machine: str) -> str:
    """The role in a machine's name (`demo-worker-3`), "pool" for a worker pool (`demo-worker`), "" for the cluster."""
    if found := _ROLE.search(machine):
        return found[1]
    return POOL if _POOLED.search(machine) else ""


@dataclass(slots=True)
class MachineView:
    """One machine's current state. `current` is the step worth telling of: failed, else running, else the next one."""

    name: str
    short: str
    """Without the cluster's name; "cluster" for the steps of no machine."""
    role: str
    steps: list[StepView]
    weight: float = 0.0
    mark: Mark = theme.WAITING
    fraction: float = 0.0
    current: StepView | None = None

    def look(self) -> None:
        """Take in the steps' current states."""
        states = [view.state for view in self.steps]
        self.weight = sum(view.record.weight for view in self.steps)
        done = sum(view.record.weight * view.fraction for view in self.steps)
        self.fraction = done / self.weight if self.weight else 0.0
        self.mark, wanted = _mark(states)
        self.current = next((view for view in self.steps if view.state in wanted), None)

    @property
    def state(self) -> str:
        return WORDS[self.mark]

    @property
    def is_one(self) -> bool:
        """Whether it is a machine, and neither the cluster nor a pool."""
        return self.name != CLUSTER and self.role != POOL

    @property
    def census(self) -> str:
        """Of a pool: how many of its machines are asked for, running, joined and Ready, as far as is known."""
        last = self.steps[-1]
        return (last.wait.seen if last.wait else last.seen) if self.role == POOL else ""

    def duration(self, now: float) -> float:
        """Seconds that its steps took, those that run now included."""
        return sum(view.duration(now) for view in self.steps)

    def matches(self, tokens: list[str]) -> bool:
        """Whether every token is part of the name, the role or the state's word."""
        text = f"{self.short} {self.role} {self.state}"
        return all(token in text for token in tokens)


def _mark(states: list[StepState]) -> tuple[Mark, tuple[StepState, ...]]:
    """How a machine's state looks, and the states of the step to tell of."""
    if StepState.FAILED in states:
        return theme.FAILED, (StepState.FAILED,)
    if any(state in ACTIVE for state in states):
        return theme.RUNNING, ACTIVE
    if all(state in FINISHED for state in states):
        return theme.DONE, ()
    return theme.WAITING, (StepState.WAITING, StepState.BLOCKED)


class Fleet:
    """A fold in addition to Progress that keeps, by machine and by phase, what drawing many machines needs at once."""

    def __init__(self, cluster: str) -> None:
        self.cluster = cluster
        self.progress = Progress({})
        self.machines: dict[str, MachineView] = {}
        self.version = 0
        """Grows with every change: what was drawn from the same version need not be drawn again."""
        self._phases: dict[str, Counter[StepState]] = {}
        self._waiting: dict[str, None] = {}
        self._failed: dict[str, None] = {}
        self._weight = 0.0

    def load(self, records: Iterable[StepRecord]) -> None:
        """Start over with a run's steps."""
        last = self.progress
        self.progress = Progress.of(records)
        self.progress.run, self.progress.kind, self.progress.last_seq = last.run, last.kind, last.last_seq
        self._index()

    def extend(self, events: Iterable[Event]) -> None:
        """Take in new events, in order."""
        changed: set[str] = set()
        for event in events:
            view = self.progress.steps.get(event.step) if event.step else None
            before = view.state if view else None
            self.progress.extend((event,))
            if event.type is EventType.RUN_STARTED:
                self._index()
                changed.clear()
            elif view is not None and before is not None:
                self._count(view, before)
                changed.add(view.record.machine or CLUSTER)
            self.version += 1
        for name in changed:
            self.machines[name].look()

    def abandon(self, now: float) -> None:
        """The engine died at `now` or before: what it was at waits for the next run."""
        for view in self.progress.steps.values():
            if view.state in ACTIVE:
                before, view.state, view.wait, view.ended = view.state, StepState.WAITING, None, now
                self._count(view, before)
        for machine in self.machines.values():
            machine.look()
        self.version += 1

    def _index(self) -> None:
        self.machines, self._phases, self._waiting, self._failed = {}, {}, {}, {}
        for view in self.progress.steps.values():
            name = view.record.machine or CLUSTER
            if name not in self.machines:
                short = name.removeprefix(f"{self.cluster}-") if name else "cluster"
                self.machines[name] = MachineView(name, short, role_of(name), [])
            self.machines[name].steps.append(view)
            self._phases.setdefault(view.record.phase, Counter())[view.state] += 1
        for machine in self.machines.values():
            machine.look()
        self._weight = sum(machine.weight for machine in self.machines.values())
        self.version += 1

    def _count(self, view: StepView, before: StepState) -> None:
        if view.state is not before:
            counts = self._phases[view.record.phase]
            counts[before] -= 1
            counts[view.state] += 1
        if view.state is StepState.FAILED:
            self._failed[view.record.id] = None
        else:
            self._failed.pop(view.record.id, None)
        if view.wait:
            self._waiting[view.record.id] = None
        else:
            self._waiting.pop(view.record.id, None)

    @property
    def fraction(self) -> float:
        """How much of all work is done, 0 to 1."""
        if not self._weight:
            return 0.0
        return sum(machine.fraction * machine.weight for machine in self.machines.values()) / self._weight

    def phases(self) -> list[tuple[Phase, StepState]]:
        """As Progress.phases, from counts."""
        present = [(Phase(name), [state for state, n in counts.items() if n]) for name, counts in self._phases.items()]
        return sorted(
            ((phase, summary(states)) for phase, states in present), key=lambda pair: list(Phase).index(pair[0])
        )

    @property
    def waits(self) -> list[StepView]:
        """Steps that wait for something, the nearest deadline first."""
        views = [self.progress.steps[id] for id in self._waiting]
        return sorted((view for view in views if view.wait), key=lambda view: view.wait.until if view.wait else 0.0)

    @property
    def failures(self) -> list[StepView]:
        """As Progress.failures, the first to fail first."""
        return [self.progress.steps[id] for id in self._failed]

    @property
    def size(self) -> int:
        """Number of machines, without those of a pool."""
        return sum(machine.is_one for machine in self.machines.values())

    @property
    def has_pool(self) -> bool:
        return any(machine.role == POOL for machine in self.machines.values())

    def names(self, wanted: str = "") -> list[str]:
        """Machines with every word of `wanted` in name, role or state: failed ones first, then the cluster."""
        tokens = wanted.lower().split()
        found = [machine for machine in self.machines.values() if machine.matches(tokens)]
        return [machine.name for machine in sorted(found, key=_rank)]

    def tally(self) -> list[tuple[Mark, int]]:
        """How many machines are in each state, without the cluster's own steps and a pool's."""
        counts = Counter(machine.mark for machine in self.machines.values() if machine.is_one)
        return [(mark, counts[mark]) for mark in ORDER if counts[mark]]

    def awaited(self, view: StepView) -> StepView | None:
        """The first step that `view` needs and that is not done."""
        needs = (self.progress.steps.get(need) for need in view.record.needs)
        return next((need for need in needs if need is not None and need.state not in FINISHED), None)


def _rank(machine: MachineView) -> int:
    if machine.mark is theme.FAILED:
        return 0
    return 1 if machine.name == CLUSTER else 2
