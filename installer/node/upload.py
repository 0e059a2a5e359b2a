"""Uploading a file to a place that is root's: resumed after a dropped connection, checked, put in place in one step."""

from __future__ import annotations

import hashlib
import io
import os
import shlex
from collections.abc import Callable
from functools import cache
from importlib import resources
from pathlib import Path
from typing import BinaryIO

from installer.common.errors import InstallerError
from installer.common.text import whole_number
from installer.ssh.connection import Result, as_root
from installer.steps.step import Context

_ASK = 60.0
"""Seconds in which a machine has to say how much of a file it has."""
_STALLED = 5
"""Connections in a row that may drop before a byte more arrived."""
_CHUNK = 256 * 1024
_STEP = 8 * 1024 * 1024
"""Bytes between two words about how far an upload is."""


@cache
def _receive() -> str:
    return (resources.files("assets") / "node" / "receive.sh").read_text(encoding="utf-8")


def upload(
    ctx: Context, machine: str, source: Path | bytes, target: str, *, mode: int = 0o644, sha256: str | None = None
) -> None:
    """Bring `source` to the path `target` of `machine`, until the step's deadline. Nothing is sent that is there.

    `sha256` is the sum that the file has to have; by default the one it has here. How far it is goes to the log.
    Raises InstallerError.
    """
    with _opened(source) as file:
        found = _sum(file)
        if sha256 is not None and found != sha256:
            raise _changed(source, found, sha256)
        _Upload(ctx, machine, target, found, mode).run(file)


_sums: dict[tuple[int, int, int, int], str] = {}
"""SHA-256 sums by device, inode, size and time of the last change: of many machines, each gets the same files."""


def _sum(file: io.BytesIO | io.BufferedReader) -> str:
    if isinstance(file, io.BytesIO):
        return hashlib.sha256(file.getbuffer()).hexdigest()
    stat = os.fstat(file.fileno())
    key = (stat.st_dev, stat.st_ino, stat.st_size, stat.st_ctime_ns)
    if key not in _sums:
        _sums[key] = hashlib.file_digest(file, "sha256").hexdigest()
    return _sums[key]


def _opened(source: Path | bytes) -> io.BytesIO | io.BufferedReader:
    if isinstance(source, bytes):
        return io.BytesIO(source)
    try:
        return source.open("rb")
    except OSError as error:
        raise InstallerError("upload", f"{source} cannot be read: {error.strerror or error}") from None


def _changed(source: Path | bytes, found: str, expected: str) -> InstallerError:
    return InstallerError(
        "upload",
        f"{source if isinstance(source, Path) else 'the file'} has the SHA-256 sum {found}, expected {expected}",
        hint="the file changed after the review: get it again, or `craton review PLAN --refresh`",
    )


class _Upload:
    def __init__(self, ctx: Context, machine: str, target: str, sha256: str, mode: int) -> None:
        self._ctx = ctx
        self._machine = machine
        self._target = target
        directory, _, self._name = target.rpartition("/")
        # Next to the target, so that the last step is a rename.
        self._part = f"{directory}/.craton-part.{sha256}"
        self._arguments = (target, sha256, f"{mode:o}", self._part)

    def run(self, file: BinaryIO) -> None:
        size = file.seek(0, io.SEEK_END)
        for _ in range(2):  # what was damaged on its way is sent once more
            if self._send(file, size) or self._call("finish").stdout.strip() == "whole":
                return
            self._ctx.log(f"{self._name}: the transfer was damaged; starting it again")
        raise self._failure("the upload was damaged twice", "check the machine's disk and memory")

    def _send(self, file: BinaryIO, size: int) -> bool:
        """Send what is missing, over as many connections as it takes; whether the file was in place already."""
        furthest, stalled, sent = -1, 0, False
        while True:
            self._ctx.check_stop()
            try:
                there = self._call("size").stdout.strip()
                if there == "whole":
                    return True
                done = whole_number(there) or 0
                if done >= size:
                    return False
                stalled = 0 if done > furthest else stalled + sent
                if stalled > _STALLED:
                    raise self._failure("the machine accepted the file but doesn't have it", "check the machine's disk")
                furthest, sent = max(furthest, done), False
                file.seek(done)
                reported = _Reported(file, done, lambda at: self._progress(at, size))
                self._call("append", io.BufferedReader(reported, _CHUNK))
                sent = True
            except InstallerError as error:
                stalled += 1
                if not error.retryable or stalled > _STALLED or not self._ctx.remaining():
                    raise
                self._ctx.log(f"{self._name}: {error.observed}; going on where it stopped")

    def _progress(self, at: int, size: int) -> None:
        self._ctx.log(f"{self._name}: {at // 1_000_000} of {size // 1_000_000} MB sent")

    def _call(self, verb: str, stdin: str | BinaryIO = "") -> Result:
        remaining = self._ctx.remaining()
        connection = self._ctx.world.connect(self._machine, min(30.0, remaining))
        command = as_root(connection, shlex.join(["sh", "-c", _receive(), "sh", verb, *self._arguments]))
        deadline = remaining if verb == "append" else min(_ASK, remaining)
        result = connection.run(command, stdin=stdin, deadline=deadline)
        if result.status != 0:
            raise self._refused(result)
        return result

    def _refused(self, result: Result) -> InstallerError:
        reason = next((line for line in reversed(result.stderr.splitlines()) if line.strip()), "no message")
        if "No space left" in result.stderr:
            return self._failure(reason, "free space on the machine's disk (df -h), then resume")
        if "Read-only file system" in result.stderr:
            return self._failure(reason, "mount the machine's file system writable, then resume")
        return self._failure(
            f"exit status {result.status}: {reason}", "the machine's user needs sudo without a password (sudo -n true)"
        )

    def _failure(self, observed: str, hint: str) -> InstallerError:
        return InstallerError(f"upload {self._target}", observed, machine=self._machine, hint=hint)


class _Reported(io.RawIOBase):
    """A file that says how far it was read, every few megabytes."""

    def __init__(self, file: BinaryIO, at: int, say: Callable[[int], None]) -> None:
        self._file = file
        self._at = at
        self._reported = at
        self._say = say

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # typeshed's buffer is wider
        data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        self._at += len(data)
        if self._at - self._reported >= _STEP:
            self._reported = self._at
            self._say(self._at)
        return len(data)
