"""How an engine ended that recorded no end of its run, in words."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

from installer.common.paths import ClusterDirectory
from installer.common.scrub import safe
from installer.engine.holder import Holder

_BEGAN = "engine {pid} began"
_TAIL = 64 * 1024
"""Bytes of the engine's log that are looked through."""
_LITTLE = 64 * 1024
"""Bytes of free space with which nothing can be recorded."""
_REAPING = 5.0

launched: dict[int, subprocess.Popen[bytes]] = {}
"""The engines that this process started, by pid: it alone learns their exit status."""


def first_line() -> str:
    """What an engine says first in its log, so that its last words are told from those of others."""
    return _BEGAN.format(pid=os.getpid())


def how_it_ended(directory: ClusterDirectory, pid: int) -> str:
    """How the engine ended, as the end of a sentence: by which signal, or with what last error."""
    status = _status(pid)
    if status is not None and status < 0:
        return f"was killed by signal {-status} ({_name(-status)})"
    if words := _last_words(directory.engine_log, pid):
        return f"ended: {words}"
    if _is_full(directory.path):
        return f"ended: no space left on the file system of {directory.path}"
    if status is not None:
        return f"ended with exit status {status}, and its log {directory.engine_log} says nothing"
    holder = Holder.read(directory.lock)
    if holder and holder.pid == pid and holder.started and not holder.is_near:
        return f"is gone: {holder.host or 'its computer'} was started again, or it ran elsewhere"
    return "was killed, most likely by signal 9 (SIGKILL): its log says nothing"


def _status(pid: int) -> int | None:
    process = launched.get(pid)
    if process is None:
        return None
    with suppress(subprocess.TimeoutExpired):
        return process.wait(_REAPING)
    return None


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"


def _last_words(path: Path, pid: int) -> str:
    """The last line that this engine wrote into its log; empty if it wrote none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    began = _BEGAN.format(pid=pid)
    if began in lines:
        lines = lines[len(lines) - lines[::-1].index(began) :]
    elif any(line.startswith("engine ") and line.endswith(" began") for line in lines):
        return ""
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return safe(last)[:300]


def _is_full(directory: Path) -> bool:
    with suppress(OSError):
        return shutil.disk_usage(directory).free < _LITTLE
    return False
