"""Masters without SSH: what `craton-node` says and does to etcd on them, for one that is down as well."""

from __future__ import annotations

import base64
import hashlib
import shlex
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import BinaryIO

from installer.common.errors import InstallerError
from installer.common.paths import ClusterDirectory, write_private
from installer.node.program import PATH
from installer.plan.model import InstallPlan
from installer.plan.topology import topology
from installer.ssh.connection import Result, Running
from installer.ssh.diagnosis import Diagnosis
from installer.steps.world import World
from tests.doubles.planned_platform import PLANNED


@dataclass
class Etcd:
    """One cluster of etcd: what it holds, and the masters that it takes for its members."""

    data: bytes
    members: set[str]
    revision: int = 7


@dataclass
class Master:
    name: str
    cluster: Masters
    etcd: Etcd | None
    member: str
    up: bool = True
    begun: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    user: str = "craton"
    host_key: str = "ssh-ed25519 AAAA"

    @property
    def api(self) -> str:
        """`ok` as long as most of the members that its etcd knows are up and know the same."""
        if self.etcd is None:
            return ""
        machines = self.cluster.machines
        alive = [name for name in self.etcd.members if machines[name].up and machines[name].etcd is self.etcd]
        return "ok" if 2 * len(alive) > len(self.etcd.members) else "etcd failed"

    def run(
        self,
        command: str,
        *,
        stdin: str | BinaryIO = "",
        deadline: float,
        on_line: Callable[[str], None] | None = None,
        secret: bool = False,
    ) -> Result:
        words = shlex.split(command.removeprefix("sudo -n "))
        data = stdin.encode() if isinstance(stdin, str) else stdin.read()
        if words[:2] == ["sh", "-c"]:
            return Result(0, self._transfer(words[4:], data), "")
        if words[0] == "rm":
            self.files.pop(words[-1], None)
            return Result(0, "", "")
        assert words[0] == PATH, words
        verb = " ".join(words[1:])
        self.cluster.meet(self, verb)
        out = self._verb(words[1:])
        for line in out.splitlines():
            if on_line:
                on_line(line)
        return Result(0, out, "")

    def _transfer(self, words: list[str], data: bytes) -> str:
        match words:
            case ["size", target, sum, *_]:
                return "whole" if hashlib.sha256(self.files.get(target, b"")).hexdigest() == sum else "0"
            case ["append", target, *_]:
                self.files[target] = data
                return ""
            case ["finish", *_]:
                return "whole"
            case [source, at, size]:
                return base64.b64encode(self.files[source][int(at) : int(at) + int(size)]).decode()
        raise AssertionError(words)

    def _verb(self, words: list[str]) -> str:
        match words:
            case ["status"]:
                return "program=built-in\n"
            case ["condition"]:
                running = "etcd" if self.etcd else ""
                return f"member={self.member}\nbegun={self.begun}\nkubelet=ok\napi={self.api}\nrunning={running}\n"
            case ["etcd", "snapshot", path]:
                assert self.etcd
                self.files[path] = self.etcd.data
                sum = hashlib.sha256(self.etcd.data).hexdigest()
                return f"stage 1 1 snapshot\n{path} {sum} {self.etcd.revision}\n"
            case ["etcd", "restore", path]:
                self.etcd = Etcd(self.files[path], {self.name})
                return "kept /var/lib/etcd.before-restore-1\n"
            case ["reset"]:
                if self.etcd and self.api == "ok":
                    self.etcd.members.discard(self.name)
                self.member, self.begun, self.etcd = "", "", None
                return ""
            case ["kubectl", "delete", "node", name, "--ignore-not-found"]:
                self.cluster.nodes.discard(name)
                return ""
        raise AssertionError(words)

    def start(self, command: str, *, stdin: str = "") -> AbstractContextManager[Running]:
        raise NotImplementedError

    def close(self) -> None:
        return


@dataclass
class Masters:
    """The masters of a plan, all well. Implements installer.node.connection.Connections."""

    plan: InstallPlan
    machines: dict[str, Master] = field(init=False)
    nodes: set[str] = field(init=False)
    said: list[str] = field(default_factory=list)
    """`NAME VERB` of every verb that changes something, in order."""
    breaks: str = ""
    """The beginning of a `NAME VERB` at which the connection drops, once."""

    def __post_init__(self) -> None:
        names = [f"{self.plan.name}-master-{number + 1}" for number in range(self.plan.masters)]
        etcd = Etcd(b"all objects", set(names))
        self.machines = {name: Master(name, self, etcd, self.plan.name) for name in names}
        self.nodes = set(names)

    @property
    def world(self) -> World:
        directory = ClusterDirectory.of(self.plan.name)
        write_private(directory.plan, f"craton: 1\nname: {self.plan.name}\n")
        return World(self.plan, topology(self.plan), directory, PLANNED, self)

    def master(self, number: int) -> Master:
        return self.machines[f"{self.plan.name}-master-{number}"]

    def meet(self, machine: Master, verb: str) -> None:
        line = f"{machine.name} {verb}"
        if self.breaks and line.startswith(self.breaks):
            self.breaks = ""
            raise InstallerError("run command", "the connection dropped", machine=machine.name, retryable=True)
        if verb not in ("status", "condition"):
            self.said.append(line)

    def get(self, machine: str, deadline: float) -> Master:
        found = self.machines[machine]
        if not found.up:
            raise InstallerError("connect", "no answer", machine=machine, retryable=True)
        return found

    def fresh(self, machine: str, deadline: float) -> Master:
        return self.get(machine, deadline)

    def diagnose(self, machine: str, deadline: float, *, errand: object = None) -> Diagnosis:
        raise NotImplementedError

    def close(self) -> None:
        return
