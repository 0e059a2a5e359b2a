"""An engine that sends itself a signal at a chosen record of its journal, however fast the computer is.

Python imports this module first of all in every process whose PYTHONPATH has this folder (`Craton.signalled`).
Only the engine's own process heeds it: at the record that ENGINE_SIGNAL names, as `NUMBER WHEN RECORD`, it gets the
signal NUMBER. WHEN is `before` (what the record says has happened, and nobody knows of it) or `after` it is written.
RECORD is `failed`, the first step that fails, or counted from 1: two for each step that the run applies, its begin and
its end.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

SIGNAL = "ENGINE_SIGNAL"
WORKER = "installer.operations.worker"


def arm(number: int, when: str, record: str) -> None:
    from installer.engine.journal import Journal

    commit = Journal._commit
    begun: set[str] = set()
    seen: list[str] = []

    def note(event: tuple[Any, ...]) -> None:
        _seq, _at, _run, type, step, _machine, data = event
        state = json.loads(data).get("state") if type == "step" else None
        if (state == "applying" and step not in begun) or (state == "done" and step in begun):
            begun.add(step)
            seen.append(str(len(seen) + 1))
        elif state == record:
            seen.append(record)

    def signalling(journal: Journal, batch: Any) -> None:
        known = record in seen
        for event in batch.events:
            note(event)
        reached = record in seen and not known
        if reached and when == "before":
            os.kill(os.getpid(), number)
        commit(journal, batch)
        if reached and when == "after":
            os.kill(os.getpid(), number)

    Journal._commit = signalling  # type: ignore[assignment, method-assign]


if SIGNAL in os.environ and WORKER in sys.orig_argv:
    _number, _when, _record = os.environ[SIGNAL].split()
    arm(int(_number), _when, _record)
