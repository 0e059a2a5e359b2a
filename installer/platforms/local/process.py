"""Programs that run here: to their end or their deadline, with nothing of them left behind."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from installer.common.errors import InstallerError
from installer.common.sanitise import clean

_GRACE = 10.0
"""Seconds in which a program that is asked to end may do so."""


@dataclass(frozen=True, slots=True)
class Done:
    """What a program left: its exit status and its output, unsanitised."""

    status: int
    stdout: str
    stderr: str

    @property
    def reason(self) -> str:
        """What stderr says of the failure, sanitised: its first line that says Error, else its last one."""
        lines = [line.strip() for line in clean(self.stderr).splitlines() if line.strip()]
        chosen = next((line for line in lines if line.startswith("Error")), lines[-1] if lines else "")
        for prefix in ("Error response from daemon: ", "Error: "):
            chosen = chosen.removeprefix(prefix)
        return chosen or f"exit status {self.status} without a message"


def run(argv: Sequence[str], *, stdin: bytes = b"", deadline: float) -> Done:
    """Run `argv` to its end. Raises InstallerError if it is not installed, or still runs after `deadline` seconds."""
    process = _start(argv, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        out, err = process.communicate(stdin, timeout=max(deadline, 0.1))
    except subprocess.TimeoutExpired:
        raise _late(argv, deadline) from None
    finally:
        _end(process)
    return Done(process.returncode, out.decode("utf-8", "replace"), err.decode("utf-8", "replace"))


def follow(
    argv: Sequence[str],
    *,
    deadline: float,
    on_line: Callable[[str], None],
    tick: Callable[[], None],
    directory: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> int:
    """Run `argv`, give each line of its output to `on_line` as it comes, and return the exit status.

    `tick` is called at least every half second; if it raises, the program is ended. Raises InstallerError as `run`.
    """
    process = _start(argv, stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT, cwd=directory, environment=environment)
    until = time.monotonic() + deadline
    try:
        assert process.stdout is not None
        pending = b""
        while chunk := _next(process.stdout.fileno(), until, tick):
            *lines, pending = (pending + chunk).split(b"\n")
            for line in lines:
                on_line(clean(line.decode("utf-8", "replace")))
        if chunk is None:
            raise _late(argv, deadline)
        return process.wait(max(0.1, until - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise _late(argv, deadline) from None
    finally:
        _end(process)


def _next(descriptor: int, until: float, tick: Callable[[], None]) -> bytes | None:
    """What the program says next; empty at its end, None if it says nothing until then."""
    while (left := until - time.monotonic()) > 0:
        tick()
        if select.select([descriptor], [], [], min(left, 0.5))[0]:
            return os.read(descriptor, 65536)
    return None


def _start(
    argv: Sequence[str],
    *,
    stdin: int,
    stderr: int,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start `argv` in a process group of its own, so that a ctrl+c is not meant for it."""
    try:
        return subprocess.Popen(
            argv,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=stderr,
            cwd=cwd,
            env={**os.environ, "LC_ALL": "C", **(environment or {})},
            start_new_session=True,
        )
    except OSError as error:
        raise InstallerError(f"run {argv[0]}", error.strerror or str(error), hint=f"install {argv[0]}") from None


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process group if it still runs, gently first: engines and mmdebstrap then leave nothing half done."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_GRACE)
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()


def _late(argv: Sequence[str], deadline: float) -> InstallerError:
    return InstallerError(
        " ".join(argv[:2]),
        f"did not end within {deadline:.0f} s",
        hint="this computer may be overloaded: look at it, then resume",
    )
