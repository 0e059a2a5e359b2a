"""Reading a journal while the engine writes it, before it exists, and after it is gone."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

from installer.common.errors import InstallerError
from installer.engine import rows
from installer.engine.events import Event, LogLine, RunRecord, StepRecord, StepState
from installer.engine.store import open_reader, unusable
from installer.steps.step import Phase

T = TypeVar("T")

_STEPS = "SELECT id, title, phase, machine, needs, weight, deadline, state FROM steps ORDER BY position"
_RUNS = "SELECT id, kind, pid, started, ended, outcome, exit_code, options FROM runs ORDER BY id"
_EVENTS = "SELECT seq, at, run, type, step, machine, data FROM events WHERE seq > ? ORDER BY seq"
_EVENTS_OF_RUN = "SELECT seq, at, run, type, step, machine, data FROM events WHERE run = ? AND seq > ? ORDER BY seq"
_LINES = "SELECT seq, at, run, machine, step, text FROM logs WHERE seq > ? ORDER BY seq DESC LIMIT ?"
_LINES_OF = "SELECT seq, at, run, machine, step, text FROM logs WHERE machine = ? AND seq > ? ORDER BY seq DESC LIMIT ?"
_LINES_OF_RUN = "SELECT seq, at, run, machine, step, text FROM logs WHERE run = ? AND seq > ? ORDER BY seq LIMIT ?"
_TALLY = "SELECT phase, state, sum(weight) FROM steps GROUP BY phase, state"
_LAST_HEARD = """
SELECT max(at) FROM (
    SELECT at FROM events WHERE run = ?1 UNION ALL SELECT at FROM logs WHERE run = ?1
)
"""
_REQUESTS = "SELECT step FROM requests ORDER BY at"
_RESULT = """
SELECT data FROM events WHERE type = 'result' AND json_extract(data, '$.topic') = ? ORDER BY seq DESC LIMIT 1
"""


class Reader:
    """One reader of a journal, of any number; never blocks the writer. Safe to use from any thread.

    A journal that is not there yet reads as an empty one; one that was removed since it was first read is still read.
    Every method raises InstallerError if the journal can't be read or was written by a newer Craton.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._opened: tuple[int, int] | None = None

    def steps(self) -> list[StepRecord]:
        """The newest run's steps, each after those that it needs."""
        return self._read(rows.step, _STEPS)

    def tally(self) -> list[tuple[Phase, StepState, float]]:
        """The weight of the newest run's steps, by phase and newest state."""
        return self._read(rows.tally, _TALLY)

    def runs(self) -> list[RunRecord]:
        """Every run, oldest first."""
        return self._read(rows.run, _RUNS)

    def last_heard(self, run: int) -> float | None:
        """When a run last recorded anything: the end of one whose engine died. None if nothing is left of it."""
        found: list[float | None] = self._read(lambda row: row[0], _LAST_HEARD, run)
        return found[0] if found else None

    def events(self, after: int = 0) -> list[Event]:
        """Events with a `seq` above `after`, in order."""
        return self._read(rows.event, _EVENTS, after)

    def logs(self, after: int = 0, machine: str | None = None, limit: int = 1000) -> list[LogLine]:
        """The newest `limit` lines with a `seq` above `after`, oldest first; of every machine if none is given."""
        query, values = (_LINES, (after, limit)) if machine is None else (_LINES_OF, (machine, after, limit))
        return [LogLine(*row) for row in reversed(self._query(query, *values))]

    def news(self, run: int, event: int, line: int, limit: int = 1000) -> list[Event | LogLine]:
        """What a run's journal has after those two `seq`, in order: at most `limit` lines, and no event beyond them.

        Whoever goes on asking with the last of what came misses nothing.
        """
        found = self._query_all((_EVENTS_OF_RUN, (run, event)), (_LINES_OF_RUN, (run, line, limit)))
        events, lines = self._made(rows.event, found[0]), [LogLine(*row) for row in found[1]]
        if len(lines) == limit:
            events = [one for one in events if one.seq < lines[-1].seq]
        return sorted([*events, *lines], key=lambda one: one.seq)

    def tail(self, machine: str | None, limit: int) -> list[LogLine]:
        """The newest `limit` lines of a machine, or of all, oldest first."""
        return self.logs(machine=machine, limit=limit)

    def requests(self) -> list[str]:
        """Ids of failed steps that were asked for once more and that the engine has not taken up yet."""
        return [step for (step,) in self._query(_REQUESTS)]

    def result(self, topic: str) -> Mapping[str, Any] | None:
        """The newest published result of `topic`, of whichever run, or None."""
        found = self._read(lambda row: rows.result(row[0]), _RESULT, topic)
        return found[0] if found else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        with self._lock:
            self._disconnect()

    def _read(self, make: Callable[[Sequence[Any]], T], sql: str, *values: object) -> list[T]:
        return self._made(make, self._query(sql, *values))

    def _made(self, make: Callable[[Sequence[Any]], T], found: Sequence[Sequence[Any]]) -> list[T]:
        try:
            return [make(row) for row in found]
        except ValueError as error:
            raise InstallerError(
                "read the journal",
                f"{self._path}: a record in it is damaged: {error}",
                hint="Restore the file, or remove it: `craton resume` then finds out again what is done.",
            ) from None

    def _query(self, sql: str, *values: object) -> Sequence[tuple[Any, ...]]:
        return self._query_all((sql, values))[0]

    def _query_all(self, *queries: tuple[str, Sequence[object]]) -> list[Sequence[tuple[Any, ...]]]:
        """The rows of each query, all as the journal was at one moment."""
        with self._lock:
            try:
                connection = self._connect()
                if connection is None:
                    return [[] for _ in queries]
                connection.execute("BEGIN")
                try:
                    return [connection.execute(sql, values).fetchall() for sql, values in queries]
                finally:
                    connection.rollback()
            except (
                sqlite3.Error,
                UnicodeDecodeError,
            ) as error:  # the latter from words of SQLite's about a damaged file
                self._disconnect()
                if not self._path.exists():
                    return [[] for _ in queries]
                raise unusable(self._path, error, "read the journal") from error

    def _connect(self) -> sqlite3.Connection | None:
        """The connection to the file that is at the path now, which may be another than a moment ago.

        A file that was removed while open is still read: it holds the end of a destroy.
        """
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return self._connection
        if (status.st_dev, status.st_ino) != self._opened:
            self._disconnect()
            self._connection = open_reader(self._path)
            self._opened = (status.st_dev, status.st_ino)
        return self._connection

    def _disconnect(self) -> None:
        if self._connection:
            self._connection.close()
        self._connection = self._opened = None
