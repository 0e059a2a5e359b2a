"""podman or docker behind one small class: its command line, every call with a deadline, every failure in words."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from installer.common import json_reader
from installer.common.errors import ExitCode, InstallerError
from installer.platforms.local import process
from installer.platforms.local.process import Done

CAP_SYS_RESOURCE = 24
"""Bit of a capability set (capabilities(7)): raising limits, without which `--privileged` is refused by docker."""


@dataclass(frozen=True, slots=True)
class Engine:
    """`runtime` is the OCI runtime to ask for, None for the usual one; `confined`: no limit can be raised here."""

    name: Literal["podman", "docker"]
    runtime: str | None = None
    confined: bool = False

    def attempt(self, *arguments: str, stdin: bytes = b"", deadline: float = 60.0) -> Done:
        """Run one command of the engine, whatever its exit status. Raises InstallerError at the deadline."""
        return process.run([*self._command(), *arguments], stdin=stdin, deadline=deadline)

    def call(self, *arguments: str, stdin: bytes = b"", deadline: float = 60.0, machine: str | None = None) -> str:
        """Run one command of the engine and return its stdout. Raises InstallerError if it fails."""
        done = self.attempt(*arguments, stdin=stdin, deadline=deadline)
        if done.status != 0:
            raise InstallerError(f"{self.name} {arguments[0]}", done.reason, machine=machine)
        return done.stdout

    def follow(
        self, *arguments: str, deadline: float, on_line: Callable[[str], None], tick: Callable[[], None]
    ) -> None:
        """Run a command that takes long; see `process.follow`. Raises InstallerError if it fails."""
        last = ""

        def remember(line: str) -> None:
            nonlocal last
            last = line.strip() or last
            on_line(line)

        status = process.follow([*self._command(), *arguments], deadline=deadline, on_line=remember, tick=tick)
        if status != 0:
            raise InstallerError(f"{self.name} {arguments[0]}", last or f"exit status {status} without a message")

    def inspect(self, kind: Literal["container", "network", "volume", "image"], *names: str) -> list[dict[str, Any]]:
        """What the engine knows of these; those that do not exist are left out."""
        if not names:
            return []
        found = self.attempt(kind, "inspect", *names)
        try:
            documents = json_reader.parse(found.stdout or "[]")
        except ValueError:
            raise self.unreadable(kind, f"it is no JSON: {found.reason}") from None
        if not isinstance(documents, list) or not all(isinstance(document, dict) for document in documents):
            raise self.unreadable(kind, "it is no list of documents")
        return documents

    def unreadable(self, kind: str, observed: str) -> InstallerError:
        """The error for an answer that is not what the engine prints."""
        return InstallerError(
            f"read what {self.name} says of a {kind}", observed, hint=f"try {self.name} {kind} inspect"
        )

    def exists(self, kind: Literal["container", "network", "volume", "image"], name: str) -> bool:
        return self.attempt(kind, "inspect", name).status == 0

    def _command(self) -> list[str]:
        return [self.name, *(("--runtime", self.runtime) if self.runtime and self.name == "podman" else ())]


def open_engine(choice: Literal["auto", "podman", "docker"]) -> Engine:
    """The engine that a plan asks for, or with `auto` the one that works here, podman first.

    Raises InstallerError saying what is wrong with each, and the command that fixes it.
    """
    candidates: dict[Literal["podman", "docker"], Callable[[], tuple[str, str]]] = {
        "podman": _podman_problem,
        "docker": _docker_problem,
    }
    problems = []
    for name, problem_of in candidates.items():
        if choice not in ("auto", name):
            continue
        problem, remedy = problem_of()
        if not problem:
            return Engine(name, _runtime() if name == "podman" else None, not _can_raise_limits())
        problems.append((problem, remedy))
    raise InstallerError(
        "find a container engine",
        "; ".join(problem for problem, _ in problems),
        hint=" -- or: ".join(remedy for _, remedy in problems),
        exit_code=ExitCode.PREFLIGHT,
    )


def cgroup_version() -> int | None:
    """1 (or hybrid), 2, or None where this computer has no cgroups of its own, as where docker runs in a VM."""
    root = Path("/sys/fs/cgroup")
    if not root.is_dir():
        return None
    return 2 if (root / "cgroup.controllers").exists() else 1


def _podman_problem() -> tuple[str, str]:
    if shutil.which("podman") is None:
        return (
            "podman is not installed",
            "sudo apt-get install podman, then run Craton as root",
        )
    if os.geteuid() != 0:
        return (
            "podman without root has no common bridge with fixed addresses that this computer reaches",
            "run Craton as root: sudo -E env PATH=$PATH craton ...",
        )
    return "", ""


def _docker_problem() -> tuple[str, str]:
    if shutil.which("docker") is None:
        return (
            "docker is not installed",
            "sudo apt-get install docker.io",
        )
    if "docker" not in process.run(["docker", "--version"], deadline=20.0).stdout.lower():
        return "`docker` here is another name of podman", "set local.engine: podman and run Craton as root"
    asked = process.run(["docker", "version", "--format", "{{.Server.Version}}"], deadline=20.0)
    if asked.status == 0:
        return "", ""
    if "permission denied" in asked.stderr.lower():
        return "this user may not talk to docker", "sudo usermod -aG docker $USER, then log in again"
    return "docker is installed and its daemon does not answer", "sudo systemctl start docker"


def _runtime() -> str | None:
    """crun refuses the mixed hierarchies of cgroup v1: runc there, where it is installed."""
    return "runc" if cgroup_version() == 1 and shutil.which("runc", path="/usr/sbin:/usr/bin:/sbin:/bin") else None


def _can_raise_limits() -> bool:
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return True
    sets = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    return bool(int(sets.get("CapBnd", "ffffffffffffffff"), 16) >> CAP_SYS_RESOURCE & 1)
