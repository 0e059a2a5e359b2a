"""One engine per cluster: the lock that it holds, who holds it, and how to ask that one to stop."""

from __future__ import annotations

import fcntl
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from installer.common.errors import ExitCode, InstallerError
from installer.common.paths import ClusterDirectory, private_directory

PATIENCE = 1.0
"""Seconds for which a taken lock is tried again: who asks whether an engine runs holds it for an instant."""

PAUSE = 0.01


@contextmanager
def hold_lock(directory: ClusterDirectory) -> Iterator[None]:
    """Hold the cluster's lock, with this process's pid in it; the kernel frees it however the process ends.

    Raises InstallerError (LOCKED) naming the pid of the engine that holds it.
    """
    private_directory(directory.path)
    descriptor = _acquire(directory)
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        with suppress(OSError):
            os.ftruncate(descriptor, 0)
        os.close(descriptor)


def running_pid(directory: ClusterDirectory) -> int | None:
    """The pid of the engine that works on this cluster now, or None."""
    until = time.monotonic() + PATIENCE
    while _held(directory):
        pid = _written_pid(directory)
        if pid and _alive(pid):
            return pid
        # The holder has the lock and has not written its pid yet, or has just ended, or is another probe.
        if time.monotonic() > until:
            return pid
        time.sleep(PAUSE)
    return None


def request_stop(directory: ClusterDirectory) -> int | None:
    """Ask the cluster's engine to stop at a safe point; return its pid, or None if none runs."""
    pid = running_pid(directory)
    if pid is not None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    return pid


def _acquire(directory: ClusterDirectory) -> int:
    until = time.monotonic() + PATIENCE
    while True:
        descriptor = os.open(directory.lock, os.O_RDWR | os.O_CREAT, 0o600)
        if _lock(descriptor, fcntl.LOCK_EX) and _is_at(descriptor, directory):
            return descriptor
        os.close(descriptor)
        if time.monotonic() > until:
            raise _locked(directory)
        time.sleep(PAUSE)


def _lock(descriptor: int, mode: int) -> bool:
    try:
        fcntl.flock(descriptor, mode | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_at(descriptor: int, directory: ClusterDirectory) -> bool:
    """Whether the file that was locked is the one at the path still: a destroy removes it."""
    try:
        return os.path.samestat(os.fstat(descriptor), directory.lock.stat())
    except FileNotFoundError:
        return False


def _held(directory: ClusterDirectory) -> bool:
    try:
        descriptor = os.open(directory.lock, os.O_RDONLY)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        # Shared, so that two probes never see each other.
        return not _lock(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def _written_pid(directory: ClusterDirectory) -> int | None:
    try:
        return int(directory.lock.read_text())
    except (OSError, ValueError):
        return None


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _locked(directory: ClusterDirectory) -> InstallerError:
    pid = _written_pid(directory)
    name = directory.cluster
    holder = f"process {pid}" if pid else "another process"
    stop = f", or kill {pid} to stop it at a safe point" if pid else ""
    return InstallerError(
        "lock the cluster",
        f"{holder} is at work on {name}",
        hint=f"craton watch {name} shows it{stop}.",
        exit_code=ExitCode.LOCKED,
    )
