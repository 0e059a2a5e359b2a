"""What Craton has stored, which another version, a full disk or another person may have written: journals, records."""

from __future__ import annotations

import dataclasses
import io
import json
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from installer.common.errors import InstallerError
from installer.common.paths import ClusterDirectory
from installer.engine.events import EventType, Outcome, RunKind, StepState, document
from installer.engine.holder import Holder
from installer.engine.journal import Journal, Reader
from installer.engine.progress import Progress
from installer.health.report.model import last_report
from installer.operations import backup, outcome, pending
from installer.operations.follow import PlainLines
from installer.platforms.rehearsal.client import ADDRESS, SiteClient
from installer.platforms.rehearsal.records import SiteRecord, _load
from tests.bench.parsers.parser import Feed, Parser, answering, encoded, of_file
from tests.installer.health import healthy
from tests.screens.journals import plan, steps_of

_TABLES = {"events": "data", "steps": "needs", "runs": "options"}


def _journal(path: Path) -> None:
    steps = steps_of(plan())[:4]
    with Journal(path) as journal:
        journal.begin(RunKind.INSTALL, steps, {"speed": 1.0, "seed": 7, "faults": ["a:b:c"]})
        journal.log(steps[0], "a line")
        journal.record(EventType.STAGE, steps[2], number=1, of=3, title="kernel modules")
        journal.record(EventType.WAIT, steps[2], what="ssh", seen="refused", until=1.5)
        journal.record(EventType.RETRY, steps[2], attempt=1, of=4, error={"observed": "x"}, **{"in": 1.0})
        journal.record(EventType.RESULT, topic="health", report={"a": 1})
        journal.record(EventType.RESULT, topic="undo/m1", machine="m1", removed=["file /x"], left=["package y"])
        journal.record(EventType.RESULT, topic="receipt", left=[{"kind": "machine", "name": "m", "detail": "off"}])
        journal.transition(steps[0], StepState.DONE, how="applied", seen="made")
        journal.transition(steps[1], StepState.FAILED, error=InstallerError("a", "b").as_dict())
        journal.record(EventType.STOPPING)
        journal.end(Outcome.FAILED, 5)


def _read_journal(path: Path) -> object:
    """As `craton watch` and the screens read it."""
    with Reader(path) as reader:
        runs, events, _lines = reader.runs(), reader.events(), reader.logs()
        reader.result("health")
        progress = Progress.of(reader.steps())
        follower = PlainLines(io.StringIO())
        for event in events:
            progress.extend([event])
            follower.event(event, progress)
            json.dumps(document(event))
        progress.phases()
        outcome.destroyed_lines("demo", progress)
        json.dumps(outcome.receipt("demo", progress))
        return [pending.recorded(run.options) for run in runs], progress.fraction, progress.remaining(0.0)


@contextmanager
def _rows() -> Iterator[Feed]:
    """A journal in which one row's JSON is what the fuzzer wants."""
    with tempfile.TemporaryDirectory(prefix="craton-fuzz-") as room:
        path = Path(room) / "journal.db"
        _journal(path)
        with sqlite3.connect(path) as connection:
            rows = [(table, column, rowid) for table, column in _TABLES.items()
                    for (rowid,) in connection.execute(f"SELECT rowid FROM {table}")]  # fmt: skip
        turn = iter(range(10**9))

        def feed(data: bytes) -> object:
            table, column, rowid = rows[next(turn) % len(rows)]
            text = data.decode("utf-8", "replace")
            connection = sqlite3.connect(path, isolation_level=None)
            try:
                (before,) = connection.execute(f"SELECT {column} FROM {table} WHERE rowid = ?", (rowid,)).fetchone()
                try:
                    connection.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (text, rowid))
                except sqlite3.Error:  # an index keeps what is no JSON out
                    return None
                try:
                    return _read_journal(path)
                finally:
                    connection.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (before, rowid))
            finally:
                connection.close()

        yield feed


@contextmanager
def _damaged() -> Iterator[Feed]:
    """A journal whose file is damaged."""
    with tempfile.TemporaryDirectory(prefix="craton-fuzz-") as room:
        path = Path(room) / "journal.db"

        def feed(data: bytes) -> object:
            path.write_bytes(data)
            return _read_journal(path)

        yield feed


def _whole_journal() -> bytes:
    with tempfile.TemporaryDirectory(prefix="craton-fuzz-") as room:
        path = Path(room) / "journal.db"
        _journal(path)
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.execute("PRAGMA journal_mode = DELETE")
        connection.close()
        return path.read_bytes()


def _rows_of_a_journal() -> tuple[bytes, ...]:
    with tempfile.TemporaryDirectory(prefix="craton-fuzz-") as room:
        path = Path(room) / "journal.db"
        _journal(path)
        with sqlite3.connect(path) as connection:
            found = [
                row[0]
                for table, column in _TABLES.items()
                for row in connection.execute(f"SELECT {column} FROM {table}")
            ]
        connection.close()
        return encoded(*found)


@contextmanager
def _reports() -> Iterator[Feed]:
    with tempfile.TemporaryDirectory(prefix="craton-fuzz-") as room:
        directory = ClusterDirectory(Path(room))

        def feed(data: bytes) -> object:
            directory.report.write_bytes(data)
            directory.lock.write_bytes(data)
            return last_report(directory), Holder.read(directory.lock)

        yield feed


@contextmanager
def _site() -> Iterator[Feed]:
    """A rehearsal's site whose file of its address, or whose answer, is what the fuzzer wants."""
    with tempfile.TemporaryDirectory(prefix="craton-fuzz-") as room, answering() as (port, answers):
        client = SiteClient("demo")
        client.directory = Path(room)
        true = json.dumps({"pid": 1, "port": port, "token": "t"}).encode()

        def feed(data: bytes) -> object:
            (Path(room) / ADDRESS).write_bytes(data)
            address = client._address()
            (Path(room) / ADDRESS).write_bytes(true)
            answers.append(data + b"\n")
            return address, client.machine("m"), client.machines()

        yield feed


_RECORD = {
    field.name: {"int": 3, "float": 1.5, "str": "a1" * 32}.get(str(field.type), "x")
    for field in dataclasses.fields(backup.Backup)
}


def _archive(record: bytes) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        for name, content in ((backup.RECORD, record), (backup.PLAN, b"craton: 1\n"), (backup.SNAPSHOT, b"snapshot")):
            header = tarfile.TarInfo(name)
            header.size = len(content)
            archive.addfile(header, io.BytesIO(content))
    return data.getvalue()


def _backup(path: Path) -> object:
    found = backup.read(path)
    backup.unpack(path, path.with_name("snapshot"))
    return found.clock


def _record(path: Path) -> object:
    """An archive whose record is what the fuzzer wants."""
    path.write_bytes(_archive(path.read_bytes()))
    return _backup(path)


PARSERS: tuple[Parser, ...] = (
    Parser("rows of a journal", _rows, _rows_of_a_journal()),
    Parser("a journal's file", _damaged, (_whole_journal(), b"", b"SQLite format 3\0")),
    Parser("report and lock", _reports, (json.dumps(healthy.report().as_dict()).encode(), b"4711")),
    of_file("backup", _backup, (_archive(json.dumps(_RECORD).encode()),)),
    of_file("record of a backup", _record, (json.dumps(_RECORD).encode(),)),
    Parser(
        "address and answer of a site",
        _site,
        encoded(
            '{"pid": 1, "port": 4711, "token": "t"}', '{"result": [{"name": "m"}]}', '{"refused": "no", "kind": "x"}'
        ),
    ),
    of_file("site of a rehearsal", _load, (SiteRecord().model_dump_json().encode(), b'{"machines": {"m": {}}}')),
)
