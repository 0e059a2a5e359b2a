"""The engine's own process: started detached, it reports once that it has begun, and outlives who started it."""

from __future__ import annotations

import json
import logging
import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, BinaryIO

from installer.common.console import notify
from installer.common.errors import ExitCode, InstallerError
from installer.common.paths import ClusterDirectory, private_directory
from installer.common.scrub import safe
from installer.engine import ending
from installer.engine.context import Stop
from installer.engine.lock import hold_lock, request_stop, running_pid, writing

__all__ = ["HANDSHAKE", "handed_secrets", "hold_lock", "launch", "request_stop", "running_pid", "serve"]

HANDSHAKE = "CRATON_HANDSHAKE"
"""Environment variable with the descriptor on which the engine reports that it has begun, or why it has not."""

START_SECONDS = 60.0

_START = "start the engine"


def launch(
    argv: Sequence[str],
    directory: ClusterDirectory,
    *,
    secrets: Mapping[str, str] | None = None,
    deadline: float = START_SECONDS,
) -> int:
    """Start `argv`, which calls `serve`, as a process of its own session; return its pid once its run has begun.

    It finds `secrets` with `handed_secrets`: they go through a pipe, never a file, argument or variable.
    Its output is appended to the cluster's engine log. Raises InstallerError: the one that the engine reports, or
    that it ended or said nothing within `deadline` seconds; then it is not running.
    """
    readable, writable = os.pipe()
    with os.fdopen(readable, "rb", buffering=0) as answer:
        try:
            process = _spawn(argv, directory, writable)
        finally:
            os.close(writable)
        _hand_over(process, secrets or {})
        ending.launched[process.pid] = process
        # Reaps the engine if it ends before this process does.
        threading.Thread(target=process.wait, name="engine", daemon=True).start()
        line = _read_line(answer, deadline)
    if line is None:
        process.terminate()
        raise InstallerError(_START, f"it hasn't started after {deadline:.0f} s", hint=_see_log(directory))
    if not line:
        raise InstallerError(
            _START, f"it ended before it started, with status {process.wait()}", hint=_see_log(directory)
        )
    report = json.loads(line)
    if "error" in report:
        raise _error(report["error"])
    return int(report["pid"])


def handed_secrets() -> dict[str, str]:
    """The secrets that the process which launched this one gave it; read once, then stdin is empty."""
    if HANDSHAKE not in os.environ:
        return {}
    with os.fdopen(os.dup(0), "rb") as pipe:
        text = pipe.read()
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return {str(name): str(secret) for name, secret in json.loads(text or b"{}").items()}


Work = Callable[[Stop, Callable[[], None], Callable[[], None]], ExitCode]


def serve(directory: ClusterDirectory, work: Work) -> ExitCode:
    """Be the engine: hold the lock, mind the signals, and call `work(stop, begun, guard)`; return its exit status.

    `work` calls `begun` once its run is recorded; until then whoever launched this process waits. `guard` raises
    JournalError once the lock may be another's. SIGINT and SIGTERM request a stop, SIGHUP changes nothing. Raises
    whatever `work` raises, after it was reported.
    """
    handshake = _Handshake()
    stop = Stop()
    if handshake.is_awaited:
        with suppress(OSError):  # a full disk is told over the handshake, by what can't do without it
            notify(ending.first_line())
    try:
        with _logging(), _signals(stop), hold_lock(directory) as lock:
            return work(stop, handshake.begun, lock.check)
    except InstallerError as error:
        handshake.failed(error)
        raise
    except Exception as error:
        handshake.failed(InstallerError(_START, f"internal error: {type(error).__name__}", hint=_see_log(directory)))
        raise
    finally:
        handshake.close()


class _Handshake:
    """The one line that the engine says to whoever launched it; nobody listens if it was not launched."""

    def __init__(self) -> None:
        given = os.environ.pop(HANDSHAKE, None)
        self._descriptor = int(given) if given else None
        if self._descriptor is not None:
            os.set_inheritable(self._descriptor, False)

    @property
    def is_awaited(self) -> bool:
        return self._descriptor is not None

    def begun(self) -> None:
        self._say({"pid": os.getpid()})

    def failed(self, error: InstallerError) -> None:
        self._say({"error": error.as_dict()})

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _say(self, report: Mapping[str, Any]) -> None:
        if self._descriptor is None:
            return
        try:
            os.write(self._descriptor, json.dumps(report).encode() + b"\n")
        except BrokenPipeError:
            pass  # whoever launched the engine is gone; the install goes on
        finally:
            self.close()


def _spawn(argv: Sequence[str], directory: ClusterDirectory, handshake: int) -> subprocess.Popen[bytes]:
    with writing(directory, directory.engine_log):
        private_directory(directory.path)
        log = os.open(directory.engine_log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        return subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,
            pass_fds=(handshake,),
            env={**os.environ, HANDSHAKE: str(handshake)},
        )
    except OSError as error:
        raise InstallerError(_START, f"{argv[0]}: {error.strerror}", hint="Install Craton again.") from error
    finally:
        os.close(log)


def _hand_over(process: subprocess.Popen[bytes], secrets: Mapping[str, str]) -> None:
    assert process.stdin is not None
    try:
        with process.stdin as pipe:
            pipe.write(json.dumps(dict(secrets)).encode())
    except BrokenPipeError:
        pass  # it ended at once, which is seen where its report is waited for


def _read_line(source: BinaryIO, deadline: float) -> bytes | None:
    """The bytes up to a newline or the end; None if neither came within `deadline` seconds."""
    until = time.monotonic() + deadline
    line = b""
    with selectors.DefaultSelector() as selector:
        selector.register(source, selectors.EVENT_READ)
        while selector.select(max(0.0, until - time.monotonic())):
            chunk = os.read(source.fileno(), 65536)
            line += chunk
            if not chunk or line.endswith(b"\n"):
                return line
    return None


@contextmanager
def _signals(stop: Stop) -> Iterator[None]:
    def request(_signal: int, _frame: FrameType | None) -> None:
        # On a thread: the handler may have interrupted this very thread while it holds the lock inside `stop`.
        threading.Thread(target=stop.request, name="stop", daemon=True).start()

    handlers: dict[int, Any] = {signal.SIGINT: request, signal.SIGTERM: request, signal.SIGHUP: signal.SIG_IGN}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Formatter(logging.Formatter):
    """Log records without escapes and secrets, tracebacks included."""

    def format(self, record: logging.LogRecord) -> str:
        return safe(super().format(record))


@contextmanager
def _logging() -> Iterator[None]:
    """Warnings and worse go to standard error, which is the engine log."""
    handler = logging.StreamHandler()
    handler.setLevel(logging.WARNING)
    handler.setFormatter(_Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)


def _error(data: Mapping[str, Any]) -> InstallerError:
    """The InstallerError of which `data` is the `as_dict`."""
    code = data["exit_code"]
    return InstallerError(
        data["operation"],
        data["observed"],
        hint=data["hint"],
        machine=data["machine"],
        exit_code=None if code is None else ExitCode(code),
    )


def _see_log(directory: ClusterDirectory) -> str:
    return f"See {directory.engine_log}."
