"""The journal's SQLite file: its tables, and how it is made and opened."""

from __future__ import annotations

import errno
import itertools
import os
import sqlite3
from contextlib import suppress
from pathlib import Path

from installer.common.errors import InstallerError, file_errors
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
        try:
            _check(connection)
            connection.execute(REQUESTS)
            connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")
        except BaseException:
            connection.close()
            raise
    except (sqlite3.Error, OSError) as error:
        raise unusable(path, error) from error
    return connection


def _check(connection: sqlite3.Connection) -> None:
    """Raises sqlite3.DatabaseError for a file of which a part is lost: it may be found only once that part is read."""
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise sqlite3.DatabaseError(found.replace("\n", ": "))


def open_beside(path: Path) -> sqlite3.Connection:
    """Open a journal that is there, to write into it briefly although another process writes it.

    Raises InstallerError as `open_writer`, and if there is none.
    """
    try:
        return _connect(f"{path.absolute().as_uri()}?mode=rw", path)
    except sqlite3.Error as error:
        raise unusable(path, error) from error


def open_reader(path: Path) -> sqlite3.Connection | None:
    """Open the journal for reading, or return None if there is none. Raises InstallerError as `open_writer`."""
    uri = f"{path.absolute().as_uri()}?mode=ro"
    try:
        return _connect(uri, path)
    except sqlite3.Error as error:
        if not path.exists():
            return None
        # SQLite wants to make files next to a journal to read it. Where it can't (a full disk, a file system that is
        # read-only), nobody writes the journal either.
        with suppress(sqlite3.Error):
            return _connect(f"{uri}&immutable=1", path)
        raise unusable(path, error) from error


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


def set_aside(path: Path) -> Path | None:
    """Rename a journal and what SQLite keeps of it, so that another can begin; where it is now. Raises FileError."""
    with file_errors(path):
        if not path.exists():
            return None
        number = next(n for n in itertools.count(1) if not path.with_name(f"{path.name}.broken-{n}").exists())
        for suffix in ("-wal", "-shm"):
            with suppress(FileNotFoundError):
                Path(f"{path}{suffix}").rename(f"{path}.broken-{number}{suffix}")
        return path.rename(f"{path}.broken-{number}")


def _wrong_version(path: Path, version: int) -> InstallerError:
    if version > VERSION:
        return InstallerError(
            "open the journal",
            f"{path} has format {version}; this Craton reads format {VERSION}",
            hint=f"Use the newer Craton that wrote it. {_without(path)}",
        )
    return _damaged(path, "it isn't a Craton journal", "open the journal")


def unusable(path: Path, error: Exception, operation: str = "open the journal") -> InstallerError:
    """What is wrong with a journal, and what can be done with its cluster all the same."""
    name = getattr(error, "sqlite_errorname", "")
    number = getattr(error, "errno", None)
    damaged = isinstance(error, sqlite3.DatabaseError | UnicodeDecodeError)
    if damaged and not isinstance(error, sqlite3.OperationalError):
        return _damaged(path, str(error), operation)
    if name == "SQLITE_FULL" or number in (errno.ENOSPC, errno.EDQUOT):
        hint = "Free space on its file system, then run the command again."
    elif name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN")) or number in (errno.EROFS, errno.EACCES, errno.EPERM):
        hint = f"See that {path.parent} is yours and can be written, then run the command again."
    else:
        hint = f"See that {path.parent} is yours, can be written and has space, then run the command again."
    return InstallerError(operation, f"{path}: {error}", hint=f"{hint} `craton check` works meanwhile.")


def _damaged(path: Path, observed: str, operation: str) -> InstallerError:
    resume = f"Move {path.name} to another name, then `craton resume {path.parent.name}` looks at what is there."
    return InstallerError(operation, f"{path} is damaged: {observed}", hint=f"{resume} {_without(path)}")


def _without(path: Path) -> str:
    return f"`craton check` and `craton destroy {path.parent.name}` work without the journal."
