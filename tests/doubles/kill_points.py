"""Where an engine can be killed: before and after each write of the journal, each SSH command, each call of a platform
that changes something. An engine of a test runs in a forked process, which kills itself at the first point that was
never tried.
"""

from __future__ import annotations

import base64
import os
import random
import re
import signal
import sys
import threading
import traceback
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from installer.accounts.aws import account as aws
from installer.accounts.gcp import account as gcp
from installer.common.paths import ClusterDirectory
from installer.engine import process, runner
from installer.engine.context import Timing
from installer.engine.journal import Journal
from installer.operations import worker
from installer.operations.assignment import Assignment
from installer.platforms.local.engine import Engine as ContainerEngine
from installer.platforms.rehearsal.client import SiteClient
from installer.ssh.client import SSHConnection
from tests.doubles.fake_cloud.served import ServedCloud
from tests.patience import PATIENCE

_LOOKS = ("hello", "machines", "machine", "list", "get", "entries", "options")
"""Requests of a rehearsal's site that change nothing of a cluster."""
_ASKS = re.compile(r"(describe|get|list|batchGet|aggregatedList|test|wait|simulate)")
"""How calls of clouds begin that change nothing."""
_DIFFERENT = re.compile(r"""'(requestId|fingerprint|etag)': '[^']*'|"token": "[^"]+"|versions/[0-9]+|[0-9a-f]{8,}""")
"""What is another each time in calls that are the same."""
_CHANGES = ("create", "create_machines", "delete")
_TIMING = Timing(min_deadline=PATIENCE)
"""Of engines: what they wait for comes, however busy the computer is."""
_WORDS = 4
"""Words of a command that tell its point from others."""


class Points:
    """Points that were tried, in a file: the process that adds one is killed at once.

    Of those in whose words the pattern `about` is found, `share` are tried.
    """

    def __init__(self, path: Path, share: float = 1.0, seed: int = 0, about: str = "") -> None:
        self._path = path
        self._share, self._seed, self._about = share, seed, about
        self._lock = threading.Lock()
        self._tried = self.tried()

    def tried(self) -> set[str]:
        return set(self._path.read_text().splitlines()) if self._path.exists() else set()

    def read_again(self) -> None:
        """Know what other processes tried meanwhile."""
        self._tried = self.tried()

    def reach(self, *points: str) -> None:
        """Die here, unless each of the points was tried or is left out."""
        with self._lock:
            new = [point for point in points if point not in self._tried and self._is_chosen(point)]
            if not new:
                return
            with self._path.open("a") as file:
                file.write("".join(f"{point}\n" for point in new))
            os.kill(os.getpid(), signal.SIGKILL)

    def _is_chosen(self, point: str) -> bool:
        if not re.search(self._about, point):
            return False
        return random.Random(f"{self._seed} {point}").random() < self._share

    @contextmanager
    def around(self, *points: str) -> Iterator[None]:
        self.reach(*(f"before {point}" for point in points))
        yield
        self.reach(*(f"after {point}" for point in points))


def engine(points: Points, begin: Callable[[], object]) -> int:
    """Call `begin` in a process of its own, in which every engine that it launches runs; how that process ended.

    What it says goes where `CRATON_HOME` is, to `engine.log`. Negative is the signal that killed it.
    """
    points.read_again()
    pid = os.fork()
    if pid:
        _, status = os.waitpid(pid, 0)
        return os.waitstatus_to_exitcode(status)
    code = 70
    try:
        log = os.open(Path(os.environ["CRATON_HOME"]) / "engine.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(log, 1)
        os.dup2(log, 2)
        _arm(points)
        ended = begin()
        code = ended if isinstance(ended, int) else _exit_codes[-1] if _exit_codes else 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


_exit_codes: list[int] = []


def _launch(argv: Sequence[str], directory: ClusterDirectory, **_: object) -> int:
    """As `process.launch`, without a process of its own."""
    assignment = Assignment.from_json(argv[-1])
    _exit_codes.append(process.serve(directory, partial(worker.work, assignment, directory, {})))
    return os.getpid()


def _arm(points: Points) -> None:
    process.launch = _launch
    runner.run = partial(runner.run, timing=_TIMING)
    _wrap(Journal, "_commit", points, lambda _journal, batch: _writes(batch.events))
    _wrap(SSHConnection, "run", points, lambda connection, command, **_: [_command(connection._machine, command)])
    _wrap(SiteClient, "call", points, _site_call)
    for method in _CHANGES:
        _wrap(ServedCloud, method, points, lambda *given, method=method, **named: [_cloud_call(method, given, named)])
    _wrap(ContainerEngine, "attempt", points, _container_call)


def arm_calls_of_clouds(points: Points) -> None:
    """From now on this process dies at a new point before and after a call that changes something in AWS or Google."""
    _wrap(aws.Account, "ask", points, lambda _account, service, operation, **given: _call(service, operation, given))
    _wrap(gcp.Account, "_compute", points, lambda _account, *asked: _call(*asked))
    _wrap(gcp.Account, "_other", points, lambda _account, *asked: _call(*asked))


def _wrap(owner: type, name: str, points: Points, named: Callable[..., list[str]]) -> None:
    real = getattr(owner, name)

    def call(self: object, *given: Any, **keywords: Any) -> Any:
        found = named(self, *given, **keywords)
        if not found:
            return real(self, *given, **keywords)
        with points.around(*found):
            return real(self, *given, **keywords)

    setattr(owner, name, call)


def _writes(events: Sequence[tuple[Any, ...]]) -> list[str]:
    """A point for each event of a transaction but those that happen to come along with others."""
    found = []
    for _seq, _at, _run, type, step, _machine, data in events:
        state = re.search(r'"state": "([^"]+)"', data)
        if state or type in ("run-started", "run-ended"):
            found.append(f"journal: {type} {step or ''} {state.group(1) if state else ''}".strip())
    return found


def _step() -> str:
    return threading.current_thread().name  # the engine names a call's thread after its step


def _command(machine: str, command: str) -> str:
    words = [word for word in command.split() if not word.startswith("-") and word not in ("sudo", "sh")]
    told = " ".join(words[:_WORDS]) if len(command) < 2000 else f"a script of {words[0]} ... {words[-4:]}"
    return f"ssh: {_step()} {machine} {re.sub(r'[0-9a-f]{8,}', 'X', told)}".replace("\n", " ")[:200]


def _site_call(_client: object, method: str, **arguments: Any) -> list[str]:
    if method in _LOOKS:
        return []
    return [f"site: {_step()} {method} {arguments.get('kind', '')} {arguments.get('name', '')}"]


def _call(service: str, operation: str, *given: Any) -> list[str]:
    if _ASKS.match(operation.rpartition(".")[2]):
        return []
    readable = re.sub(r"'data': '([^']*)'", lambda found: base64.b64decode(found[1]).decode(), str(given))
    told = _DIFFERENT.sub("X", readable)
    return [f"cloud: {_step()} {service}.{operation} {zlib.crc32(told.encode()):x}"]


def _cloud_call(method: str, given: Sequence[Any], named: dict[str, Any]) -> str:
    words = [str(word) for word in (*given[1:3], *named.values()) if isinstance(word, str)]
    return f"cloud: {_step()} {method} {' '.join(words)}"


def _container_call(_engine: object, *arguments: str, **_: object) -> list[str]:
    if arguments[0] in ("ps", "info", "version") or "inspect" in arguments[:2] or "exists" in arguments[:2]:
        return []
    return [f"podman: {_step()} {' '.join(word for word in arguments[:3] if not word.startswith('-'))}"[:160]]
