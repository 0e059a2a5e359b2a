"""How far a run has come: a fold over the journal's events, from which every screen and every plain line is drawn."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from installer.engine import clock
from installer.engine.events import Event, EventType, Outcome, RunKind, StepRecord, StepState
from installer.steps.step import Phase

FINISHED = (StepState.DONE, StepState.UNDONE)
ENDED = (*FINISHED, StepState.FAILED, StepState.BLOCKED)
ACTIVE = (StepState.OBSERVING, StepState.APPLYING, StepState.UNDOING)


@dataclass(slots=True)
class Wait:
    """What a step waits for, what it saw last, and until when (Unix seconds)."""

    what: str
    seen: str
    until: float


@dataclass(slots=True)
class StepView:
    """One step's current state. Times are Unix seconds."""

    record: StepRecord
    state: StepState = StepState.WAITING
    how: str = ""
    """ "applied" or "observed" once done."""
    seen: str = ""
    started: float | None = None
    ended: float | None = None
    stage: tuple[int, int, str] | None = None
    wait: Wait | None = None
    retry: Mapping[str, Any] | None = None
    error: Mapping[str, Any] | None = None
    """Shape of InstallerError.as_dict()."""
    because: str = ""
    """Why a blocked step did not run."""

    @property
    def fraction(self) -> float:
        """How much of the step is done, 0 to 1, by its stages."""
        if self.state in FINISHED:
            return 1.0
        if self.state in ACTIVE and self.stage:
            return (self.stage[0] - 1) / self.stage[1]
        return 0.0

    @property
    def weight_done(self) -> float:
        """What of its weight is done."""
        return self.record.weight * self.fraction

    def duration(self, now: float) -> float:
        """Seconds it took, or has taken until `now`, which is the run's own time (`Progress.now`)."""
        if self.started is None:
            return 0.0
        return max(0.0, (self.ended if self.ended is not None else now) - self.started)


@dataclass(slots=True)
class Progress:
    """The fold's state. Call `extend` with new events in order; ask the properties whenever something is drawn."""

    steps: dict[str, StepView]
    """The steps of the newest run, by id, each after those that it needs."""
    run: int = 0
    kind: RunKind = RunKind.INSTALL
    pid: int = 0
    started: float | None = None
    ended: float | None = None
    outcome: Outcome | None = None
    exit_code: int | None = None
    stopping: bool = False
    results: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """The newest published result of each topic."""
    last_seq: int = 0
    ticks: float | None = None
    """What installer.engine.clock returned when the run began."""
    records: dict[str, StepRecord] = field(init=False)
    """Every step that it was made with, whichever run it belongs to."""
    _all: float = field(init=False)
    """The weight of all steps, and of it what is done: kept up to date, since each event of a step asks for it."""
    _done: float = field(init=False)

    def __post_init__(self) -> None:
        self.records = {id: view.record for id, view in self.steps.items()}
        self._weigh()

    @classmethod
    def of(cls, records: Iterable[StepRecord]) -> Progress:
        return cls({record.id: StepView(record) for record in records})

    def extend(self, events: Iterable[Event]) -> None:
        for event in events:
            self._apply(event)
            self.last_seq = event.seq

    def _apply(self, event: Event) -> None:
        if event.type is EventType.RUN_STARTED:
            self._start(event)
        elif event.type is EventType.RUN_ENDED:
            self.ended, self.exit_code = event.at, event.data["exit_code"]
            self.outcome = Outcome(event.data["outcome"])
        elif event.type is EventType.STOPPING:
            self.stopping = True
        elif event.type is EventType.RESULT:
            self.results[event.data["topic"]] = event.data
        elif event.step in self.steps:
            view = self.steps[event.step]
            before = view.weight_done
            _apply_to_step(view, event)
            self._done += view.weight_done - before

    def _start(self, event: Event) -> None:
        self.run, self.kind, self.pid = event.run, RunKind(event.data["kind"]), event.data["pid"]
        self.started, self.ended, self.outcome, self.exit_code = event.at, None, None, None
        self.stopping, self.ticks = False, event.data.get("ticks")
        self.steps = {id: StepView(self.records[id]) for id in event.data["steps"] if id in self.records}
        self._weigh()

    def _weigh(self) -> None:
        self._all = sum(view.record.weight for view in self.steps.values())
        self._done = sum(view.weight_done for view in self.steps.values())

    def now(self) -> float:
        """The run's own time, in Unix seconds, which stops at its end: no change of this computer's clock moves it."""
        if self.ended is not None:
            return self.ended
        if self.started is None or self.ticks is None:
            return time.time()
        return self.started + max(0.0, clock.ticks() - self.ticks)

    @property
    def running(self) -> bool:
        return self.started is not None and self.outcome is None

    @property
    def fraction(self) -> float:
        """How much of all work is done, 0 to 1, by weight."""
        # Rounded, because sums of many small numbers drift, and all of the work is 1.
        return round(self._done / self._all, 9) if self._all else 0.0

    @property
    def failures(self) -> list[StepView]:
        return [view for view in self.steps.values() if view.state is StepState.FAILED]

    @property
    def waits(self) -> list[StepView]:
        return [view for view in self.steps.values() if view.wait and view.state in ACTIVE]

    def of_machine(self, machine: str | None) -> list[StepView]:
        return [view for view in self.steps.values() if view.record.machine == machine]

    @property
    def machines(self) -> list[str]:
        """Names of machines in the order of their steps."""
        return list(dict.fromkeys(view.record.machine for view in self.steps.values() if view.record.machine))

    def phases(self) -> list[tuple[Phase, StepState]]:
        """Each phase that has steps, with its state: failed, active, done or waiting, in that order of rank."""
        states: dict[Phase, list[StepState]] = {}
        for view in self.steps.values():
            states.setdefault(Phase(view.record.phase), []).append(view.state)
        order = list(Phase)
        return [(phase, summary(states[phase])) for phase in sorted(states, key=order.index)]

    def remaining(self, now: float) -> float | None:
        """Seconds left: the longest chain of unfinished steps, corrected by how long finished ones took.

        None until a step was applied, and when nothing runs.
        """
        measured = [
            (view.record.weight, view.duration(now))
            for view in self.steps.values()
            if view.state in FINISHED and view.how == "applied" and view.ended is not None
        ]
        expected = sum(weight for weight, _ in measured)
        if not self.running or not expected:
            return None
        pace = sum(seconds for _, seconds in measured) / expected
        left: dict[str, float] = {}
        for view in self.steps.values():  # recorded in an order in which needs come first
            own = 0.0 if view.state in ENDED else view.record.weight * pace * (1 - view.fraction)
            if view.state in ACTIVE and not view.stage:
                own = max(0.0, own - view.duration(now))
            left[view.record.id] = own + max((left.get(need, 0.0) for need in view.record.needs), default=0.0)
        return max(left.values(), default=0.0)


def summary(states: Sequence[StepState]) -> StepState:
    """One state for several: failed before active before done before waiting."""
    for state in (StepState.FAILED, *ACTIVE, StepState.BLOCKED):
        if state in states:
            return state
    if all(state in FINISHED for state in states):
        return StepState.DONE
    return StepState.APPLYING if any(state in FINISHED for state in states) else StepState.WAITING


def _apply_to_step(view: StepView, event: Event) -> None:
    data = event.data
    if event.type is EventType.STAGE:
        view.stage = (data["number"], data["of"], data["title"])
    elif event.type is EventType.WAIT:
        view.wait = Wait(data["what"], data["seen"], data["until"])
    elif event.type is EventType.RETRY:
        view.retry, view.wait = data, None
    elif event.type is EventType.STEP:
        before, view.state = view.state, StepState(data["state"])
        view.wait = None
        if before is StepState.FAILED:  # it was asked for once more: nothing of the last time counts
            view.started = view.ended = view.stage = view.retry = None
        if view.state is StepState.OBSERVING:  # for the first time, or once more from the start
            view.stage = None
        if view.state in ACTIVE and view.started is None:
            view.started = event.at
        if view.state not in ACTIVE:
            view.ended = event.at if view.started is not None else None
        view.how, view.seen = data.get("how", view.how), data.get("seen", view.seen)
        view.error, view.because = data.get("error"), data.get("because", "")
