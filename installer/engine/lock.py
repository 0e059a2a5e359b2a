"""One engine per cluster: the lock that it holds, who holds it, and how to ask that one to stop."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from installer.common.errors import ExitCode, FileError, InstallerError, file_errors
from installer.common.paths import ClusterDirectory, private_directory
from installer.engine.holder import Holder
from installer.engine.journal import JournalError

PATIENCE = 1.0
"""Seconds for which a taken lock is tried again: who asks whether an engine runs holds it for an instant."""

PAUSE = 0.01
_UNLOCKABLE = (errno.EBADF, errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL)
"""How file systems of a network say that they lock no directory."""


class Lock:
    """A lock that is held."""

    def __init__(self, directory: ClusterDirectory, descriptors: Mapping[Path, int]) -> None:
        self._directory = directory
        self._descriptors = descriptors

    def check(self) -> None:
        """Raises JournalError if another engine may hold the lock by now, as what was locked is not there any more."""
        held = self._directory.path if self._directory.path in self._descriptors else self._directory.lock
        if not _is_at(self._descriptors[held], held):
            raise JournalError(
                "go on",
                f"{held} was removed or replaced while this engine worked",
                hint=f"Find out what did that. Then `craton resume {self._directory.cluster}` looks at what is there.",
                exit_code=ExitCode.LOCKED,
            )


@contextmanager
def hold_lock(directory: ClusterDirectory) -> Iterator[Lock]:
    """Hold the cluster's lock, with this process's identity in it; the kernel frees it however the process ends.

    Locked are the lock file and the directory itself, which nobody deletes by mistake.
    Raises InstallerError (LOCKED) naming the pid of the engine that holds it.
    """
    with writing(directory, directory.path):
        private_directory(directory.path)
        descriptors = _acquire(directory)
    file = descriptors[directory.lock]
    try:
        with writing(directory, directory.lock):
            os.ftruncate(file, 0)
            os.pwrite(file, Holder.this().to_json().encode(), 0)
        yield Lock(directory, descriptors)
    finally:
        with suppress(OSError):
            os.ftruncate(file, 0)
        for descriptor in descriptors.values():
            os.close(descriptor)


@contextmanager
def writing(directory: ClusterDirectory, path: Path) -> Iterator[None]:
    """Turn an OSError about `path`, a file of a cluster, into a FileError; if the cluster exists, with what works."""
    try:
        with file_errors(path):
            yield
    except FileError as error:
        if directory.plan.exists():
            # Another place for Craton's files wouldn't have the cluster.
            advice = "Mount its file system writable." if error.errno == errno.EROFS else error.hint
            error.hint = f"{advice} `craton check` and `craton list` work meanwhile."
        raise


def running_pid(directory: ClusterDirectory) -> int | None:
    """The pid of the engine that works on this cluster now, 0 if it can't be known, or None if none does."""
    until = time.monotonic() + PATIENCE
    while _held(directory):
        holder = Holder.read(directory.lock)
        if holder and holder.runs_here:
            return holder.pid
        # The holder has the lock and has not written its pid yet, or has just ended, or is another probe, or elsewhere.
        if time.monotonic() > until:
            return holder.pid if holder else 0
        time.sleep(PAUSE)
    return None


def request_stop(directory: ClusterDirectory) -> int | None:
    """Ask the cluster's engine to stop at a safe point; return its pid, or None if none runs.

    Raises InstallerError if it runs where no signal reaches it: on another computer, or in another container.
    """
    pid = running_pid(directory)
    holder = Holder.read(directory.lock)
    if pid is None or (holder and holder.end()):
        return pid
    if running_pid(directory) is None:
        return None
    where = f"on {holder.host}, outside of what this process sees" if holder and holder.host else "at an unknown place"
    raise InstallerError(
        "stop the engine",
        f"it is process {pid or 'unknown'} {where}",
        hint=f"There, `kill {pid}` stops it at a safe point." if pid else "End it where it was started.",
        exit_code=ExitCode.LOCKED,
    )


def _acquire(directory: ClusterDirectory) -> dict[Path, int]:
    until = time.monotonic() + PATIENCE
    while True:
        if taken := _take(directory):
            return taken
        if time.monotonic() > until:
            raise _locked(directory)
        time.sleep(PAUSE)


def _take(directory: ClusterDirectory) -> dict[Path, int]:
    """Descriptors by what they lock; none if somebody else has the lock, or it was replaced just now."""
    taken: dict[Path, int] = {}
    with ExitStack() as stack:
        for path, flags in ((directory.path, os.O_RDONLY), (directory.lock, os.O_RDWR | os.O_CREAT)):
            descriptor = os.open(path, flags, 0o600)
            stack.callback(os.close, descriptor)
            try:
                if not _lock(descriptor, fcntl.LOCK_EX) or not _is_at(descriptor, path):
                    return {}
            except OSError as error:
                if path == directory.path and error.errno in _UNLOCKABLE:
                    continue
                raise
            taken[path] = descriptor
        return {path: os.dup(descriptor) for path, descriptor in taken.items()}


def _lock(descriptor: int, mode: int) -> bool:
    try:
        fcntl.flock(descriptor, mode | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_at(descriptor: int, path: Path) -> bool:
    """Whether what was locked is what is at the path still: a destroy removes it."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except (FileNotFoundError, NotADirectoryError):
        return False


def _held(directory: ClusterDirectory) -> bool:
    return any(_is_locked(path) for path in (directory.path, directory.lock))


def _is_locked(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        # Shared, so that two probes never see each other.
        return not _lock(descriptor, fcntl.LOCK_SH)
    except OSError as error:
        if error.errno in _UNLOCKABLE:
            return False
        raise
    finally:
        os.close(descriptor)


def _locked(directory: ClusterDirectory) -> InstallerError:
    holder, name = Holder.read(directory.lock), directory.cluster
    where = f" on {holder.host}" if holder and holder.host and not holder.is_near else ""
    who = f"process {holder.pid}{where}" if holder else "another process"
    stop = f", or kill {holder.pid}{where} to stop it at a safe point" if holder else ""
    return InstallerError(
        "lock the cluster",
        f"{who} is at work on {name}",
        hint=f"craton watch {name} shows it{stop}.",
        exit_code=ExitCode.LOCKED,
    )
