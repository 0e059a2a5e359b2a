"""Downloading a file that is root's: resumed after a dropped connection, checked, put in place in one step."""

from __future__ import annotations

import base64
import hashlib
import os
import shlex
import tempfile
from pathlib import Path
from typing import BinaryIO

from installer.common.errors import ExitCode, InstallerError
from installer.common.paths import private_directory
from installer.ssh.connection import as_root
from installer.steps.step import Context

CHUNK = 2 * 1024 * 1024
"""Bytes per command: in base64 they stay below what is kept of a command's output."""
_LINE = 3996
"""Characters to a line of base64, which is no line that is cut."""
_SEND = f"""\
[ -f "$1" ] || {{ echo "$1: No such file" >&2; exit 1; }}
tail -c "+$(($2 + 1))" <"$1" | head -c "$3" | base64 -w {_LINE}"""
_STALLED = 5
"""Connections in a row that may drop before a byte more arrived."""
_STEP = 8 * 1024 * 1024
"""Bytes between two words about how far a download is."""


def download(ctx: Context, machine: str, source: str, target: Path, *, sha256: str) -> int:
    """Bring the file `source` of `machine` to `target` (mode 0600), until the step's deadline; return its size.

    `sha256` is the sum that it has to have. How far it is goes to the log. Whatever goes wrong, nothing partial stays
    at `target`. Raises InstallerError.
    """
    try:
        private_directory(target.parent)
        descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        part = Path(temporary)
        try:
            with os.fdopen(descriptor, "wb") as file:
                size = _Download(ctx, machine, source).run(file, sha256)
                os.fsync(file.fileno())
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise InstallerError(
            f"download {source}",
            f"{error.filename or target}: {error.strerror or error}",
            hint="free space on this computer, or give another place with --output",
            exit_code=ExitCode.USAGE,
        ) from None
    return size


class _Download:
    def __init__(self, ctx: Context, machine: str, source: str) -> None:
        self._ctx = ctx
        self._machine = machine
        self._source = source
        self._name = source.rpartition("/")[2]

    def run(self, file: BinaryIO, sha256: str) -> int:
        for _ in range(2):  # what was damaged on its way is fetched once more
            file.seek(0)
            file.truncate()
            if self._fetch(file) == sha256:
                file.flush()
                return file.tell()
            self._ctx.log(f"{self._name}: the transfer was damaged; starting it again")
        raise self._failure("the download was damaged twice: its SHA-256 sum is wrong", "check the machine's disk")

    def _fetch(self, file: BinaryIO) -> str:
        """Write the whole file, over as many connections as it takes; return its sum."""
        found, at, reported, stalled = hashlib.sha256(), 0, 0, 0
        while True:
            self._ctx.check_stop()
            try:
                data = self._chunk(at)
            except InstallerError as error:
                stalled += 1
                if not error.retryable or stalled > _STALLED or not self._ctx.remaining():
                    raise
                self._ctx.log(f"{self._name}: {error.observed}; going on where it stopped")
                continue
            stalled = 0
            file.write(data)
            found.update(data)
            at += len(data)
            if at - reported >= _STEP:
                reported = at
                self._ctx.log(f"{self._name}: {at // 1_000_000} MB so far")
            if len(data) < CHUNK:
                return found.hexdigest()

    def _chunk(self, at: int) -> bytes:
        """The bytes from offset `at`; fewer than a chunk at the end."""
        connection = self._ctx.world.connect(self._machine, min(30.0, self._ctx.remaining()))
        command = shlex.join(["sh", "-c", _SEND, "sh", self._source, str(at), str(CHUNK)])
        result = connection.run(as_root(connection, command), deadline=self._ctx.remaining())
        if result.status != 0:
            reason = next((line for line in reversed(result.stderr.splitlines()) if line.strip()), "no message")
            raise self._failure(
                f"exit status {result.status}: {reason}",
                "the machine's user needs sudo without a password (sudo -n true)",
            )
        try:
            return base64.b64decode(result.stdout.replace("\n", ""), validate=True)
        except ValueError:
            raise self._failure("the machine's answer isn't base64", "look at the machine with craton ssh") from None

    def _failure(self, observed: str, hint: str) -> InstallerError:
        return InstallerError(f"download {self._source}", observed, machine=self._machine, hint=hint)
