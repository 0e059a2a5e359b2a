"""The command `craton` as a user runs it: a process of its own, an empty home, nothing inherited.

What `start` starts, Python starts from nothing. What `run` runs is a fork (`tests/doubles/forks.py`), with its engine.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal
from unittest.mock import patch

from typer.testing import CliRunner

from installer.cli.app import app
from installer.engine.holder import Holder
from installer.platforms.rehearsal.client import LOCK
from tests.doubles import forks
from tests.patience import eventually

ROOT = Path(__file__).parent.parent
SIGNALLED = ROOT / "tests" / "doubles" / "signalled"


@dataclass(frozen=True)
class Craton:
    """A user with a home directory of their own."""

    directory: Path
    namespace: str = ""
    """Of `ip netns`, in which the user is."""
    engine_signal: str = ""
    """What `tests/doubles/signalled` is told."""

    @property
    def home(self) -> Path:
        return self.directory / "craton"

    @property
    def environment(self) -> dict[str, str]:
        signalled = {"PYTHONPATH": str(SIGNALLED), "ENGINE_SIGNAL": self.engine_signal} if self.engine_signal else {}
        return signalled | {
            "PATH": os.environ["PATH"],
            "HOME": str(self.directory / "home"),
            "CRATON_HOME": str(self.home),
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
        }

    def signalled(
        self, number: int, record: int | Literal["failed"], when: Literal["before", "after"] = "after"
    ) -> Craton:
        """The same user, whose engines send themselves a signal before or after they write a record.

        `record` is a step's failure, or counted from 1: two for each step that a run applies, its begin and its end.
        A signal that comes from outside may find that the engine has come to its end meanwhile; this one cannot.
        """
        return replace(self, engine_signal=f"{int(number)} {when} {record}")

    def stopped_engine(self) -> int:
        """The pid of the one engine, once it has stopped itself as told (SIGSTOP)."""
        eventually(lambda: [state(pid) for pid in self.engines()] == ["T"], "the engine's stop amid its work")
        return self.engines()[0]

    def argv(self, *arguments: str) -> list[str]:
        inside = ["ip", "netns", "exec", self.namespace] if self.namespace else []
        return [*inside, sys.executable, "-m", "installer", *arguments]

    def run(
        self, *arguments: str, expect: int | None = 0, stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run one command to its end; `expect` is the exit code that it must have, None for any."""
        done = self._run(arguments, stdin)
        assert "Traceback" not in done.stderr, done.stderr
        if expect is not None:
            assert done.returncode == expect, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def _run(self, arguments: tuple[str, ...], stdin: str | None) -> subprocess.CompletedProcess[str]:
        return forks.run(arguments, self.environment, self.directory, stdin, self.namespace)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start one command in a session of its own, as a terminal would."""
        return subprocess.Popen(
            self.argv(*arguments),
            cwd=self.directory,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def json(self, *arguments: str, expect: int | None = 0) -> Any:
        return json.loads(self.run(*arguments, "--json", expect=expect).stdout)

    def events(self, *arguments: str, expect: int | None = 0) -> list[dict[str, Any]]:
        """The events of a command that prints one JSON document a line."""
        return [json.loads(line) for line in self.run(*arguments, "--json", expect=expect).stdout.splitlines()]

    def plan(self, name: str = "demo", *flags: str, masters: int = 3, workers: int = 2) -> Path:
        """A plan file made by `craton new`."""
        path = self.directory / f"{name}.yaml"
        self.printed(
            "new", "--yes", "--name", name, "--subdomain", "example.test", "--platform", "rehearsal",
            "--masters", str(masters), "--workers", str(workers), *(flags or ("--ingress", "infra", "--infra", "1")),
            "-o", str(path),
        )  # fmt: skip
        return path

    def cluster(self, name: str = "demo") -> dict[str, Any]:
        """What `craton list` says of one cluster."""
        found: list[dict[str, Any]] = json.loads(self.printed("list", "--json"))
        return next(one for one in found if one["name"] == name)

    def printed(self, *arguments: str) -> str:
        """What a command prints that starts nothing, in the test's own process: another takes its time to begin."""
        if self.namespace:
            return self.run(*arguments).stdout
        with patch.dict(os.environ, self.environment, clear=True):
            done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 0, f"{done.output}\n{done.exception!r}"
        return done.stdout

    def end_everything(self) -> None:
        """Kill the engines and rehearsal sites that this home's commands started."""
        for pid in {*self.engines(), *self._sites()}:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue

    def engines(self) -> list[int]:
        """Pids of the engines at work, read from their locks: starting a command to ask would take its time."""
        holders = [Holder.read(path) for path in self.home.glob("clusters/*/lock")]
        return [holder.pid for holder in holders if holder and (holder.runs_here or self._started(holder.pid))]

    def _sites(self) -> list[int]:
        written = [path for path in self.home.glob("rehearsal/*/site.json") if is_locked(path.with_name(LOCK))]
        return [json.loads(path.read_text())["pid"] for path in written]

    def _started(self, pid: int) -> bool:
        """Whether this home's commands started the process: its pid may be another's by now."""
        try:
            environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        except OSError:
            return False
        return f"CRATON_HOME={self.home}".encode() in environment


def is_locked(path: Path) -> bool:
    """Whether a process that lives has locked the file, as a site does as long as it lives."""
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return state(pid) != "Z"


def state(pid: int) -> str:
    """One letter, as `ps` has it: T is stopped, Z has ended; empty if there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""
