"""What the journal records, and what every screen, line and JSON document is drawn from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any


def document(item: Event | LogLine) -> dict[str, Any]:
    """The JSON shape of one line of `--json`: `type`, `at` (RFC 3339, UTC), and what belongs to the type."""
    at = datetime.fromtimestamp(item.at, UTC).isoformat(timespec="milliseconds")
    if isinstance(item, LogLine):
        return {"type": "log", "at": at, "run": item.run, "step": item.step, "machine": item.machine, "text": item.text}
    shape = {"type": str(item.type), "seq": item.seq, "at": at, "run": item.run}
    where = {key: value for key, value in (("step", item.step), ("machine", item.machine)) if value is not None}
    return {**shape, **where, **item.data}


class StepState(StrEnum):
    WAITING = "waiting"
    OBSERVING = "observing"
    APPLYING = "applying"
    DONE = "done"
    FAILED = "failed"
    BLOCKED = "blocked"
    UNDOING = "undoing"
    UNDONE = "undone"


class RunKind(StrEnum):
    INSTALL = "install"
    UPGRADE = "upgrade"
    """A new Kubernetes release, machine by machine."""
    REMOVE = "remove"
    """Machines leave, and the cluster without them is installed."""
    RENEW = "renew"
    """Certificates are renewed, machine by machine."""
    DESTROY = "destroy"

    @property
    def undoes(self) -> bool:
        """Whether its steps are undone, in reverse order."""
        return self is RunKind.DESTROY

    @property
    def noun(self) -> str:
        """What such a run is called: the upgrade of a cluster."""
        return _WORDS[self][0]

    @property
    def at_work(self) -> str:
        """What a cluster is said to be while such a run goes on."""
        return _WORDS[self][1]

    @property
    def achieved(self) -> str:
        """What a cluster is said to be when such a run is done."""
        return _WORDS[self][2]


_WORDS = {
    RunKind.INSTALL: ("install", "installing", "installed"),
    RunKind.UPGRADE: ("upgrade", "upgrading", "upgraded"),
    RunKind.REMOVE: ("removal", "removing", "installed"),
    RunKind.RENEW: ("renewal", "renewing", "installed"),
    RunKind.DESTROY: ("destroy", "destroying", "destroyed"),
}


class Outcome(StrEnum):
    """How a run ended. A run that has no outcome is running, or its engine died."""

    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"


class EventType(StrEnum):
    RUN_STARTED = "run-started"
    """data: kind, pid, steps (ids in order), ticks (of installer.engine.clock, as it began)"""
    RUN_ENDED = "run-ended"
    """data: outcome, exit_code"""
    STEP = "step"
    """data: state; how ("applied" or "observed") and seen when done; error when failed; because when blocked"""
    STAGE = "stage"
    """data: number, of, title"""
    WAIT = "wait"
    """data: what, seen, until (Unix seconds)"""
    RETRY = "retry"
    """data: attempt, in (seconds), until (Unix seconds at which the last one follows), error"""
    STOPPING = "stopping"
    """The engine was asked to stop and waits for safe points. data: empty"""
    RESULT = "result"
    """data: topic ("health", ...), and whatever the topic defines"""


@dataclass(frozen=True, slots=True)
class Event:
    """One durable event. `seq` grows within a journal, over events and log lines alike; `at` is Unix seconds.

    The times of one run never go back, whatever becomes of this computer's clock.
    """

    seq: int
    at: float
    run: int
    type: EventType
    step: str | None = None
    machine: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LogLine:
    """One sanitised line of a machine's log; `seq` and `at` are an event's."""

    seq: int
    at: float
    run: int
    machine: str | None
    step: str
    text: str


@dataclass(frozen=True, slots=True)
class StepRecord:
    """A step as the journal knows it: what is needed to draw it, and its state."""

    id: str
    title: str
    phase: str
    machine: str | None
    needs: tuple[str, ...]
    weight: float
    deadline: float
    state: StepState = StepState.WAITING


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run of the engine. `started` and `ended` are Unix seconds."""

    id: int
    kind: RunKind
    pid: int
    started: float
    ended: float | None
    outcome: Outcome | None
    exit_code: int | None
    options: Mapping[str, Any]
