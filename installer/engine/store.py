"""The journal's SQLite file: its tables, and how it is made and opened."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from installer.common.errors import InstallerError
from installer.common.paths import private_directory

VERSION = 1
BUSY_SECONDS = 10.0
WAL_BYTES = 16 * 1024 * 1024
"""What a checkpoint leaves of the write-ahead log on disk."""

SCHEMA = f"""
BEGIN;
CREATE TABLE runs (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, pid INTEGER NOT NULL, started REAL NOT NULL,
    ended REAL, outcome TEXT, exit_code INTEGER, options TEXT NOT NULL
);
CREATE TABLE steps (
    position INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, title TEXT NOT NULL, phase TEXT NOT NULL, machine TEXT,
    needs TEXT NOT NULL, weight REAL NOT NULL, deadline REAL NOT NULL, state TEXT NOT NULL
);
CREATE TABLE events (
    seq INTEGER PRIMARY KEY, at REAL NOT NULL, run INTEGER NOT NULL, type TEXT NOT NULL,
    step TEXT, machine TEXT, data TEXT NOT NULL
);
CREATE INDEX results ON events (json_extract(data, '$.topic'), seq) WHERE type = 'result';
CREATE TABLE logs (
    seq INTEGER PRIMARY KEY, at REAL NOT NULL, run INTEGER NOT NULL, machine TEXT, step TEXT NOT NULL,
    text TEXT NOT NULL
);
CREATE INDEX logs_of_machine ON logs (machine, seq);
PRAGMA user_version = {VERSION};
COMMIT;
"""

REQUESTS = "CREATE TABLE IF NOT EXISTS requests (step TEXT PRIMARY KEY, at REAL NOT NULL)"
"""Failed steps that somebody asks for once more. Made when the writer opens a journal, which may be older than it."""


def open_writer(path: Path) -> sqlite3.Connection:
    """Open the journal for its one writer, making it if it is not there.

    Raises InstallerError if it can't be read or was written by a newer Craton.
    """
    try:
        private_directory(path.parent).chmod(0o700)
        if not path.exists():
            _create(path)
        connection = open_beside(path)
        connection.execute(REQUESTS)
        connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")
    except (sqlite3.Error, OSError) as error:
        raise _unusable(path, error) from error
    return connection


def open_beside(path: Path) -> sqlite3.Connection:
    """Open a journal that is there, to write into it for a moment beside its one writer.

    Raises InstallerError as `open_writer`, and if there is none.
    """
    try:
        return _connect(f"{path.absolute().as_uri()}?mode=rw", path)
    except sqlite3.Error as error:
        raise _unusable(path, error) from error


def open_reader(path: Path) -> sqlite3.Connection | None:
    """Open the journal for reading, or return None if there is none. Raises InstallerError as `open_writer`."""
    try:
        return _connect(f"{path.absolute().as_uri()}?mode=ro", path)
    except sqlite3.Error as error:
        if not path.exists():
            return None
        raise _unusable(path, error) from error


def _connect(uri: str, path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=BUSY_SECONDS)
    try:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version != VERSION:
            raise _wrong_version(path, version)
    except BaseException:
        connection.close()
        raise
    return connection


def _create(path: Path) -> None:
    """Make the journal under another name and rename it, so that no reader ever opens half a journal."""
    new = path.with_name(f".{path.name}.new")
    for suffix in ("", "-wal", "-shm"):
        Path(f"{new}{suffix}").unlink(missing_ok=True)
    os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    connection = sqlite3.connect(new, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(SCHEMA)
    finally:
        connection.close()
    new.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _wrong_version(path: Path, version: int) -> InstallerError:
    if version > VERSION:
        observed = f"{path} has format {version}; this Craton reads format {VERSION}"
        return InstallerError("open the journal", observed, hint="Use the newer Craton that wrote it.")
    return InstallerError("open the journal", f"{path} is no journal of Craton's", hint="Move it away and try again.")


def _unusable(path: Path, error: Exception) -> InstallerError:
    hint = f"See that {path.parent} is yours, is writable and has space; the journal can be moved away to start anew."
    return InstallerError("open the journal", f"{path}: {error}", hint=hint)
