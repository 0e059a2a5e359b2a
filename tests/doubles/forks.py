"""Programs of Craton by forks of one process that has imported what they need, which takes Python a second each time.

A fork gets what a new process would get: arguments, environment, directory, descriptors, network, and a session of its
own if that is asked for. Engines and rehearsal sites that it starts are forks of the same process, not of the fork.

    python -m tests.doubles.forks SOCKET

serves at SOCKET until its stdin ends. Each connection starts one program, and is told its pid, then its exit status.
"""

from __future__ import annotations

import atexit
import ctypes
import fcntl
import gc
import importlib
import importlib.util
import json
import os
import random
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any, NoReturn

from tests.patience import PATIENCE

CRATON, ENGINE, SITE = "installer", "installer.operations.worker", "installer.platforms.rehearsal.simulator"
FILE_ENGINE = "tests.doubles.file_engine"
PROGRAMS = {CRATON: "installer.__main__", ENGINE: ENGINE, SITE: f"{SITE}.__main__", FILE_ENGINE: FILE_ENGINE}
"""What `python -m` calls them, and the modules whose `main` they are."""
_OWN_NETWORK = Path("/proc/self/ns/net")
_CLONE_NEWNET = 0x40000000
_MESSAGE = 256 * 1024
"""Bytes of a message at most."""
_ABOVE = 100
"""Descriptors from here on are nobody's standard stream, and no handshake."""


class Forked:
    """A program that was started, with what Craton and its tests ask of a `subprocess.Popen`."""

    def __init__(
        self,
        program: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        descriptors: Mapping[int, int],
        directory: Path | None = None,
        *,
        session: bool = False,
        network: Path = _OWN_NETWORK,
    ) -> None:
        """`descriptors` says which of this process's become which of the program's; `network` is a namespace."""
        told = {
            "program": program, "arguments": list(arguments), "environment": dict(environment),
            "descriptors": list(descriptors), "directory": str(directory or Path.cwd()), "session": session,
        }  # fmt: skip
        self._connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._connection.connect(str(_server()))
        with network.open("rb") as around:
            given = [around.fileno(), *descriptors.values()]
            socket.send_fds(self._connection, [json.dumps(told).encode()], given)
        self.pid = int(self._connection.recv(64))
        self.stdin: IO[bytes] | None = None
        self._status: int | None = None
        self._ended = threading.Event()
        threading.Thread(target=self._await_end, daemon=True).start()

    def _await_end(self) -> None:
        with self._connection:
            self._status = int(self._connection.recv(64) or -signal.SIGKILL)
        self._ended.set()

    def wait(self, timeout: float | None = None) -> int:
        if not self._ended.wait(timeout):
            raise subprocess.TimeoutExpired("a fork", timeout or 0)
        assert self._status is not None
        return self._status

    def terminate(self) -> None:
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        if not self._ended.is_set():
            os.kill(self.pid, number)


def run(
    arguments: Sequence[str], environment: Mapping[str, str], directory: Path, given: str | None, namespace: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run `craton` to its end, and nobody has its output open; in a namespace of `ip netns`, if one is named."""
    network = Path("/run/netns", namespace) if namespace else _OWN_NETWORK
    (output, stdout), (errors, stderr) = os.pipe(), os.pipe()
    with tempfile.TemporaryFile() as stdin:
        stdin.write((given or "").encode())
        stdin.seek(0)
        descriptors = {0: stdin.fileno(), 1: stdout, 2: stderr}
        program = Forked(CRATON, arguments, environment, descriptors, directory, network=network)
    os.close(stdout)
    os.close(stderr)
    read: dict[int, str] = {}
    readers = [threading.Thread(target=_read, args=(end, read), daemon=True) for end in (output, errors)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join(PATIENCE)
    if len(read) < len(readers):
        program.terminate()
        raise subprocess.TimeoutExpired(["craton", *arguments], PATIENCE)
    return subprocess.CompletedProcess(["craton", *arguments], program.wait(PATIENCE), read[output], read[errors])


def _read(descriptor: int, read: dict[int, str]) -> None:
    with os.fdopen(descriptor, encoding="utf-8") as file:
        read[descriptor] = file.read()


def launch_site(directory: Path, output: IO[bytes]) -> int:
    """What replaces `installer.platforms.rehearsal.client.launch`."""
    with Path(os.devnull).open("rb") as nothing:
        descriptors = {0: nothing.fileno(), 1: output.fileno(), 2: output.fileno()}
        return Forked(SITE, [str(directory)], os.environ, descriptors).wait(PATIENCE)


def _engine(
    argv: Sequence[str], *, stdin: int, stdout: int, stderr: int, start_new_session: bool, pass_fds: Sequence[int],
    env: Mapping[str, str],
) -> Forked:  # fmt: skip
    """What replaces `subprocess.Popen` where an engine is started."""
    assert (argv[-2], stdin) == (ENGINE, subprocess.PIPE)
    source, given = os.pipe()
    descriptors = {0: source, 1: stdout, 2: stderr, **{each: each for each in pass_fds}}
    engine = Forked(ENGINE, argv[-1:], env, descriptors, session=start_new_session)
    os.close(source)
    engine.stdin = os.fdopen(given, "wb")
    return engine


@lru_cache
def _server() -> Path:
    """Where the process listens whose forks are meant: started once for all that is forked."""
    directory = tempfile.TemporaryDirectory(prefix="craton-forks-")
    path = Path(directory.name) / "socket"
    process = subprocess.Popen(
        [sys.executable, "-m", __name__, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin
    assert process.stdout
    assert process.stdout.readline(), "the process of all forks has ended"

    def end() -> None:
        process.communicate(timeout=PATIENCE)
        directory.cleanup()

    atexit.register(end)
    return path


def main(path: Path) -> None:
    """Serve; in a fork, be the program instead."""
    from installer.engine import process
    from installer.platforms.rehearsal import client

    importlib.import_module("tests.doubles.warmed")
    for module in (*PROGRAMS.values(), "installer.cli.app"):
        importlib.import_module(module)
    vars(process)["subprocess"] = SimpleNamespace(**{**vars(subprocess), "Popen": _engine})
    client.launch = launch_site
    globals()["_server"] = lambda: path  # of the engines and sites that forks start
    gc.freeze()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener, selectors.DefaultSelector() as selector:
        listener.bind(str(path))
        listener.listen(100)
        selector.register(0, selectors.EVENT_READ)
        selector.register(listener, selectors.EVENT_READ)
        print("ready", flush=True)
        while True:
            for key, _ in selector.select():
                if key.fd == 0:
                    return
                if key.fileobj is listener:
                    _start(listener.accept()[0], selector)
                else:
                    selector.unregister(key.fd)
                    _tell_end(key.fd, *key.data)


def _start(connection: socket.socket, selector: selectors.BaseSelector) -> None:
    message, received, _flags, _address = socket.recv_fds(connection, _MESSAGE, _ABOVE)
    pid = os.fork()
    if pid == 0:
        _become(json.loads(message), received)
    for descriptor in received:
        os.close(descriptor)
    connection.send(str(pid).encode())
    selector.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, connection))


def _tell_end(descriptor: int, pid: int, connection: socket.socket) -> None:
    os.close(descriptor)
    _, status = os.waitpid(pid, 0)
    with connection, suppress(BrokenPipeError):  # whoever started it may have ended
        connection.send(str(os.waitstatus_to_exitcode(status)).encode())


def _become(told: Mapping[str, Any], received: Sequence[int]) -> NoReturn:
    """Be the program, and end as it does."""
    _enter(received[0])
    _take(told["descriptors"], received[1:])
    if told["session"]:
        os.setsid()
    os.chdir(told["directory"])
    os.environ.clear()
    os.environ.update(told["environment"])
    random.seed()
    program = sys.modules["__main__"] = sys.modules[PROGRAMS[told["program"]]]
    sys.argv = [str(program.__file__), *told["arguments"]]
    sys.orig_argv = [sys.executable, "-m", told["program"], *told["arguments"]]
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)
    status = 1
    try:
        _customize()
        status = _status_of(program.main(sys.argv[1:]) if told["program"] == ENGINE else program.main())
    except SystemExit as ended:
        status = _status_of(ended.code)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(status)


def _enter(network: int) -> None:
    """Be in that namespace, which takes rights unless it is the one that this process is in already."""
    if os.fstat(network).st_ino != _OWN_NETWORK.stat().st_ino:
        libc = ctypes.CDLL(None, use_errno=True)
        assert libc.setns(network, _CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())


def _take(targets: Sequence[int], received: Sequence[int]) -> None:
    """Have these descriptors, by these numbers, and no others."""
    aside = [fcntl.fcntl(descriptor, fcntl.F_DUPFD, _ABOVE) for descriptor in received]
    for target, descriptor in zip(targets, aside, strict=True):
        os.dup2(descriptor, target)
    for number in {int(entry.name) for entry in Path("/proc/self/fd").iterdir()} - set(targets):
        with suppress(OSError):  # the listing's own
            os.close(number)


def _customize() -> None:
    """What Python does first of all where PYTHONPATH has a `sitecustomize`."""
    for folder in os.environ.get("PYTHONPATH", "").split(os.pathsep):
        path = Path(folder) / "sitecustomize.py"
        if folder and path.exists():
            spec = importlib.util.spec_from_file_location("sitecustomize", path)
            assert spec
            assert spec.loader
            spec.loader.exec_module(importlib.util.module_from_spec(spec))


def _status_of(code: object) -> int:
    if code is None or isinstance(code, int):
        return code or 0
    print(code, file=sys.stderr)
    return 1


if __name__ == "__main__":
    main(Path(sys.argv[1]))
