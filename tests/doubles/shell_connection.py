"""A connection without SSH: commands run in a bare machine, and break off where a test says so."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from installer.common.errors import InstallerError
from installer.common.paths import ClusterDirectory
from installer.plan.model import InstallPlan
from installer.plan.topology import topology
from installer.ssh.connection import Result, Running
from installer.ssh.diagnosis import Diagnosis
from installer.steps.world import World
from tests.doubles.bare_machine import BareMachine
from tests.doubles.planned_platform import PLANNED
from tests.doubles.rehearsal import StepContext
from tests.patience import PATIENCE


@dataclass
class ShellConnection:
    """Implements installer.node.connection.Connection, and Connections for its one machine.

    `drops` are numbers of bytes: each breaks off one upload after so many. `spoil` damages what is uploaded.
    """

    machine: BareMachine
    drops: list[int] = field(default_factory=list)
    spoil: int = 0
    commands: list[str] = field(default_factory=list)
    sent: int = 0
    host_key: str = "ssh-ed25519 AAAA"
    user: str = "craton"

    def run(
        self,
        command: str,
        *,
        stdin: str | BinaryIO = "",
        deadline: float,
        on_line: Callable[[str], None] | None = None,
        secret: bool = False,
    ) -> Result:
        self.commands.append(command)
        process = self.machine.start("sh", "-c", command)
        data = stdin.encode() if isinstance(stdin, str) else stdin.read()
        drop = self.drops.pop(0) if self.drops and data and not isinstance(stdin, str) else None
        if self.spoil and not isinstance(stdin, str):
            self.spoil -= 1
            data = bytes(len(data))
        out, err = _communicate(process, data[:drop], deadline)
        self.sent += len(data[:drop])
        if drop is not None:
            raise InstallerError("run command", "the connection dropped", retryable=True)
        for line in [*out.splitlines(), *err.splitlines()]:
            if on_line:
                on_line(line)
        return Result(process.returncode, out, err)

    def diagnose(self, machine: str, deadline: float, *, errand: object = None) -> Diagnosis:
        raise NotImplementedError

    def start(self, command: str, *, stdin: str = "") -> AbstractContextManager[Running]:
        raise NotImplementedError

    def get(self, machine: str, deadline: float) -> ShellConnection:
        return self

    def fresh(self, machine: str, deadline: float) -> ShellConnection:
        return self

    def close(self) -> None:
        return


def _communicate(process: Any, data: bytes, deadline: float) -> tuple[str, str]:
    with suppress(BrokenPipeError):  # it ended without reading all of its input
        process.stdin.buffer.write(data)
    out, err = process.communicate(None, deadline)
    return out, err


class MachineContext(StepContext):
    """What an engine lends a step on the one machine, remembering what the step published."""

    def __init__(self, plan: InstallPlan, connection: ShellConnection, deadline: float = PATIENCE) -> None:
        directory = ClusterDirectory.of(plan.name)
        world = World(plan, topology(plan), directory, PLANNED, connection)
        super().__init__(world, deadline)
        self.published: list[tuple[str, dict[str, Any]]] = []

    def publish(self, topic: str, data: dict[str, Any]) -> None:
        self.published.append((topic, data))
