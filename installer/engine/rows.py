"""Rows of the journal as values. What a damaged file or another program left there is a ValueError."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from installer.common import json_reader
from installer.common.shape import LATEST, NUMBER, shaped
from installer.engine.events import Event, EventType, Outcome, RunKind, RunRecord, StepRecord, StepState
from installer.steps.step import Phase

_ERROR = {"operation": str, "observed": str, "hint": str}
_NEEDED: Mapping[EventType, dict[str, Any]] = {
    EventType.RUN_STARTED: {"kind": str, "pid": int, "steps": [str]},
    EventType.RUN_ENDED: {"outcome": str, "exit_code": int},
    EventType.STEP: {"state": str},
    EventType.STAGE: {"number": int, "of": int, "title": str},
    EventType.WAIT: {"what": str, "seen": str, "until": NUMBER},
    EventType.RETRY: {"attempt": int, "in": NUMBER, "error": _ERROR},
    EventType.STOPPING: {},
    EventType.RESULT: {"topic": str},
}
"""What the data of an event has, by its type (installer.engine.events)."""
_OF_RUN = {
    "speed": NUMBER,
    "seed": int,
    "faults": [str],
    "artifacts": str,
    "machines": [str],
    "force": bool,
    "upgrade_from": str,
    "upgrade_to": str,
}
"""What a resume takes from a run's options (installer.operations.pending)."""
_LEFT = {"kind": str, "name": str, "detail": str}
_RECEIPT = {"left": [_LEFT]}
_UNDONE = {"machine": str, "removed": [str], "left": [str]}
"""Results that are read again: of topic `receipt`, and of those that say what was removed from a machine."""
_OPTIONAL: Mapping[EventType, dict[str, Any]] = {
    EventType.RUN_STARTED: {"ticks": NUMBER},
    EventType.STEP: {"how": str, "seen": str, "error": _ERROR, "because": str},
    EventType.RETRY: {"until": NUMBER},
}


def event(row: Sequence[Any]) -> Event:
    seq, at, run, name, step, machine, text = row
    type = EventType(name)
    data = _data(text, _NEEDED[type] | _OPTIONAL.get(type, {}))
    _require(data, _NEEDED[type], f"an event {type}")
    _check(type, data)
    if type is EventType.RESULT:
        data = _checked_result(data)
    return Event(seq, at, run, type, step, machine, data)


def _require(data: Mapping[str, Any], keys: Iterable[str], what: str) -> None:
    if missing := [key for key in keys if key not in data]:
        raise ValueError(f"{what} without {', '.join(missing)}")


def _check(type: EventType, data: Mapping[str, Any]) -> None:
    """Raise ValueError for a word that this field cannot have, and for a number that means nothing."""
    if type is EventType.RUN_STARTED:
        RunKind(data["kind"])
    elif type is EventType.RUN_ENDED:
        Outcome(data["outcome"])
    elif type is EventType.STEP:
        StepState(data["state"])
        if "error" in data:
            _require(data["error"], ("operation", "observed"), "a step's error")
    elif type is EventType.RETRY:
        _require(data["error"], ("observed",), "a retry's error")
    if type in (EventType.WAIT, EventType.RETRY) and not 0 <= data.get("until", 0) < LATEST:
        raise ValueError(f"{type} until {data['until']}")
    if type is EventType.RUN_STARTED and data.get("ticks", 0) < 0:
        raise ValueError(f"a run that began at {data['ticks']} ticks")
    if type is EventType.STAGE and not 0 < data["number"] <= data["of"] < 10_000:
        raise ValueError(f"stage {data['number']} of {data['of']}")


def _checked_result(data: Mapping[str, Any]) -> Mapping[str, Any]:
    if data["topic"] == "receipt":
        data = shaped(data, _RECEIPT)
        for left in data.get("left", ()):
            _require(left, _LEFT, "what is left")
    elif "removed" in data:
        data = shaped(data, _UNDONE)
        _require(data, _UNDONE, "what was removed")
    return data


def step(row: Sequence[Any]) -> StepRecord:
    id, title, phase, machine, needs, weight, deadline, state = row
    found = tuple(shaped(json_reader.parse(needs), [str]))
    return StepRecord(id, title, phase, machine, found, weight, deadline, StepState(state))


def tally(row: Sequence[Any]) -> tuple[Phase, StepState, float]:
    phase, state, weight = row
    return Phase(phase), StepState(state), shaped(weight, NUMBER)


def run(row: Sequence[Any]) -> RunRecord:
    id, kind, pid, started, ended, outcome, exit_code, options = row
    ending = Outcome(outcome) if outcome else None
    return RunRecord(
        id, RunKind(kind), pid, started, ended, ending, exit_code, shaped(json_reader.parse(options), _OF_RUN)
    )


def result(text: str) -> Mapping[str, Any]:
    return _data(text, {})


def _data(text: str, shape: Mapping[str, Any]) -> Mapping[str, Any]:
    data: Mapping[str, Any] = shaped(json_reader.parse(text), shape)
    return data
