"""The journal: the one writer that records a run durably, and the readers from which everything is drawn."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from installer.common.errors import InstallerError
from installer.common.scrub import LineScrubber, safe, safe_data
from installer.engine.clock import RunClock
from installer.engine.events import EventType, Outcome, RunKind, StepState
from installer.engine.reader import Reader
from installer.engine.store import open_writer
from installer.steps.step import Step

__all__ = ["Journal", "JournalError", "Reader"]

BATCH_SECONDS = 0.1
"""How long what need not be durable waits for more of its kind."""

CROWDED_SECONDS = 0.025
"""How long after a commit the next one waits, while several steps at once wait for theirs: they share one fsync."""

PENDING_LINES = 50_000
"""Log lines held in memory; whoever logs beyond that waits for the disk."""

LINES_PER_MACHINE = 20_000

KEPT_EVENTS = 20_000
"""Events of former runs that are kept, run by run; what each run came to is kept for good."""

_ADD_EVENTS = "INSERT INTO events (seq, at, run, type, step, machine, data) VALUES (?, ?, ?, ?, ?, ?, ?)"
_ADD_STEP = "INSERT INTO steps VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_ADD_LINES = "INSERT INTO logs (seq, at, run, machine, step, text) VALUES (?, ?, ?, ?, ?, ?)"
_TRIM = """
DELETE FROM logs WHERE machine IS :machine AND seq <= (
    SELECT seq FROM logs WHERE machine IS :machine ORDER BY seq DESC LIMIT 1 OFFSET :keep)
"""
_TRIM_EVENTS = """
DELETE FROM events WHERE run IN (
    SELECT run FROM (SELECT run, sum(count(*)) OVER (ORDER BY run DESC) AS so_far FROM events GROUP BY run)
    WHERE so_far > :keep AND run < (SELECT max(run) FROM events)
) AND seq NOT IN (SELECT max(seq) FROM events WHERE type = 'result' GROUP BY json_extract(data, '$.topic'))
"""
_LAST = "SELECT max(coalesce((SELECT max(seq) FROM events), 0), coalesce((SELECT max(seq) FROM logs), 0))"


class JournalError(InstallerError):
    """Nothing can be recorded any more, so nothing may be done any more."""


@dataclass
class _Batch:
    """What the next transaction writes."""

    statements: list[tuple[str, Sequence[Any] | Mapping[str, Any]]] = field(default_factory=list)
    events: list[tuple[Any, ...]] = field(default_factory=list)
    lines: list[tuple[Any, ...]] = field(default_factory=list)
    awaited: list[Future[None]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.statements or self.events or self.lines)


class Journal:
    """The single writer of a cluster's journal; the engine alone holds one. Safe to use from any thread.

    A thread of its own writes everything that came in since its last transaction in one transaction: at once and
    with an fsync when somebody waits for durability, else every BATCH_SECONDS and without.
    """

    def __init__(self, path: Path, *, lines_per_machine: int = LINES_PER_MACHINE) -> None:
        """Raises InstallerError if the journal can't be opened."""
        self._connection = open_writer(path)
        self._path = path
        self._reader = Reader(path)
        self._keep = lines_per_machine
        self._run: int = self._connection.execute("SELECT coalesce(max(id), 0) FROM runs").fetchone()[0]
        counts = self._connection.execute("SELECT machine, count(*) FROM logs GROUP BY machine")
        self._counts: Counter[str | None] = Counter(dict(counts.fetchall()))
        self._seq: int = self._connection.execute(_LAST).fetchone()[0]
        self._clock = RunClock()
        self._scrubber = LineScrubber()
        self._changed = threading.Condition()
        self._pending = _Batch()
        self._urgent = self._closing = False
        self._next = 0.0
        """When the next commit may begin, in monotonic seconds."""
        self._failure: JournalError | None = None
        self._writer = threading.Thread(target=self._write_all, name="journal", daemon=True)
        self._writer.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def now(self) -> float:
        """Unix seconds of the run's own clock, which never goes back."""
        return self._clock.now()

    def begin(self, kind: RunKind, steps: Sequence[Step], options: Mapping[str, Any]) -> int:
        """Record durably that a run of `steps` (in needs-first order) starts; return the run's id."""
        self._run += 1
        self._clock = RunClock()
        now, pid = self.now(), os.getpid()
        data = {"kind": kind, "pid": pid, "steps": [step.id for step in steps], "ticks": self._clock.ticks}
        self._submit(
            ("INSERT INTO runs (id, kind, pid, started, options) VALUES (?, ?, ?, ?, ?)",
             (self._run, kind, pid, now, json.dumps(safe_data(options)))),
            ("DELETE FROM steps", ()),
            ("DELETE FROM requests", ()),
            (_TRIM_EVENTS, {"keep": KEPT_EVENTS}),
            *((_ADD_STEP, _step_row(position, step)) for position, step in enumerate(steps)),
            event=(now, self._run, EventType.RUN_STARTED, None, None, json.dumps(data)),
            durable=True,
        ).result()  # fmt: skip
        return self._run

    def end(self, outcome: Outcome, exit_code: int) -> None:
        """Record durably how the run ended."""
        now = self.now()
        data = json.dumps({"outcome": outcome, "exit_code": int(exit_code)})
        ended = (now, outcome, int(exit_code), self._run)
        self._submit(
            ("UPDATE runs SET ended = ?, outcome = ?, exit_code = ? WHERE id = ?", ended),
            event=(now, self._run, EventType.RUN_ENDED, None, None, data),
            durable=True,
        ).result()

    def transition(self, step: Step, state: StepState, *, durable: bool = True, **data: Any) -> Future[None]:
        """Record a step's new state, which answers a request for it; the future is done once that is on disk."""
        return self._submit(
            ("UPDATE steps SET state = ? WHERE id = ?", (state, step.id)),
            ("DELETE FROM requests WHERE step = ?", (step.id,)),
            event=self._event(EventType.STEP, step, {"state": state, **data}),
            durable=durable,
        )

    def requested(self) -> list[str]:
        """Ids of failed steps that were asked for once more, until their next transition. Raises InstallerError."""
        return self._reader.requests()

    def record(self, type: EventType, step: Step | None = None, **data: Any) -> None:
        """Record any other event; it is written within BATCH_SECONDS, and before any transition that follows."""
        self._submit(event=self._event(type, step, data), durable=False)

    def log(self, step: Step, text: str) -> None:
        """Add the lines of `text` to the log of the step's machine. Waits while too much is pending."""
        now, lines = self.now(), self._scrubber.lines(step.id, text)
        with self._changed:
            while len(self._pending.lines) >= PENDING_LINES and not self._closed:
                self._urgent = True
                self._changed.notify_all()
                self._changed.wait()
            if not self._closed:
                first = not self._pending
                for line in lines:
                    self._seq += 1
                    self._pending.lines.append((self._seq, now, self._run, step.machine, step.id, line))
                if first:
                    self._changed.notify_all()

    def close(self) -> None:
        """Write what is pending and close. What is logged afterwards is dropped."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._writer.join()
        self._reader.close()
        with suppress(sqlite3.Error):  # into the journal itself: a reader that closes it last may not do it
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._connection.close()

    @property
    def _closed(self) -> bool:
        return self._closing or self._failure is not None

    def _event(self, type: EventType, step: Step | None, data: Mapping[str, Any]) -> tuple[Any, ...]:
        id, machine = (step.id, step.machine) if step else (None, None)
        return self.now(), self._run, type, id, machine, json.dumps(safe_data(data))

    def _submit(
        self,
        *statements: tuple[str, Sequence[Any] | Mapping[str, Any]],
        event: tuple[Any, ...],
        durable: bool,
    ) -> Future[None]:
        """Queue them for one transaction. Raises JournalError if nothing can be written any more."""
        future: Future[None] = Future()
        with self._changed:
            if self._closed:
                raise self._failure or JournalError("write the journal", "it is closed")
            first = not self._pending
            self._pending.statements += statements
            self._seq += 1
            self._pending.events.append((self._seq, *event))
            if durable:
                self._pending.awaited.append(future)
                self._urgent = True
            if first or durable:
                self._changed.notify_all()
        return future

    def _write_all(self) -> None:
        while True:
            batch = self._collect()
            if batch:
                self._write(batch)
            elif self._closing:
                return

    def _collect(self) -> _Batch:
        with self._changed:
            self._changed.wait_for(lambda: self._pending or self._closing)
            self._changed.wait_for(lambda: self._urgent or self._closing, BATCH_SECONDS)
        time.sleep(max(0.0, self._next - time.monotonic()))
        with self._changed:
            batch, self._pending, self._urgent = self._pending, _Batch(), False
            self._changed.notify_all()
        return batch

    def _write(self, batch: _Batch) -> None:
        try:
            self._commit(batch)
        except sqlite3.Error as error:
            self._fail(error, batch)
            return
        self._next = time.monotonic() + CROWDED_SECONDS if len(batch.awaited) > 1 else 0.0
        for future in batch.awaited:
            future.set_result(None)

    def _commit(self, batch: _Batch) -> None:
        # A commit with an fsync makes everything durable that was committed without one before it.
        self._connection.execute(f"PRAGMA synchronous = {'FULL' if batch.awaited else 'NORMAL'}")
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.executemany(_ADD_LINES, batch.lines)
        for sql, values in batch.statements:
            self._connection.execute(sql, values)
        self._connection.executemany(_ADD_EVENTS, batch.events)
        self._trim(batch)
        self._connection.execute("COMMIT")

    def _trim(self, batch: _Batch) -> None:
        """Drop the oldest lines of machines that have a tenth more than they may keep."""
        added = Counter(machine for _, _, _, machine, _, _ in batch.lines)
        self._counts.update(added)
        for machine in added:
            if self._counts[machine] > self._keep * 1.1:
                self._connection.execute(_TRIM, {"machine": machine, "keep": self._keep})
                self._counts[machine] = self._keep

    def _fail(self, error: sqlite3.Error, batch: _Batch) -> None:
        hint = f"Make space, or see why {self._path.parent} can't be written; then run the command again."
        failure = JournalError(
            "write the journal", f"{self._path}: {error}", hint=f"{hint} `craton check` works meanwhile."
        )
        if self._connection.in_transaction:
            self._connection.rollback()
        with self._changed:
            self._failure = failure
            awaited = batch.awaited + self._pending.awaited
            self._pending = _Batch()
            self._changed.notify_all()
        for future in awaited:
            future.set_exception(failure)


def _step_row(position: int, step: Step) -> tuple[Any, ...]:
    needs = json.dumps(step.needs)
    definition = (step.id, safe(step.title), step.phase, step.machine, needs, step.weight, step.deadline)
    return (position, *definition, StepState.WAITING)
