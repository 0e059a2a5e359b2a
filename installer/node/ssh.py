"""Connections to machines over SSH: shared by a run's steps, pinned host keys, a deadline on everything."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

import paramiko

from installer.errors import InstallerError
from installer.node import trust
from installer.node.connection import Result, Running
from installer.node.deadline import Deadline
from installer.node.dial import Dialled, Jumps, dial
from installer.node.identity import Keyrings
from installer.node.output import Output
from installer.node.pool import Pool
from installer.node.rung import Climbed, unheard
from installer.node.running import OPENING, SSHRunning
from installer.node.session import Session
from installer.node.watchdog import watched
from installer.platforms.base import Endpoint
from installer.state import ClusterDirectory

if TYPE_CHECKING:
    from installer.node.ladder import Ladder

_GRACE = 1.0
"""Seconds past a deadline after which the whole connection is closed: paramiko waits in places without one."""


class SSHConnections:
    """One connection per machine. `endpoints` says where a machine is; the files are the cluster's."""

    def __init__(self, endpoints: Callable[[str], Endpoint], directory: ClusterDirectory) -> None:
        self._endpoints = endpoints
        self._directory = directory
        self._keyrings = Keyrings(directory)
        self._machines: Pool[str, SSHConnection] = Pool()
        self._jumps = Jumps()

    def get(self, machine: str, deadline: float) -> SSHConnection:
        """The open connection to `machine`, opened now if there is none or it broke. `deadline` is in seconds."""
        until = Deadline(deadline)
        return self._machines.get(machine, machine, until, lambda: self._dial(machine, until))

    def climb(self, machine: str, deadline: float, climbed: Climbed = unheard) -> Ladder:
        """Try every rung; the connection at the top of the ladder is kept, as if it had been asked for by `get`."""
        from installer.node.ladder import climb_open

        def open(until: Deadline, hear: Climbed) -> SSHConnection:
            return self._machines.renew(machine, machine, until, lambda: self._dial(machine, until, hear))

        return climb_open(machine, open, deadline, climbed)[0]

    def fresh(self, machine: str, deadline: float) -> SSHConnection:
        """A connection beside the shared one, opened now; whoever asks for it closes it."""
        return self._dial(machine, Deadline(deadline))

    def close(self) -> None:
        self._machines.close()
        self._jumps.close()

    def _dial(self, machine: str, deadline: Deadline, climbed: Climbed = unheard) -> SSHConnection:
        endpoint = self._endpoints(machine)
        known = trust.known(self._directory, machine, endpoint)
        keyring = self._keyrings.of(endpoint)
        try:
            return SSHConnection(machine, dial(machine, endpoint, known, keyring, deadline, climbed, self._jumps))
        except InstallerError:
            self._keyrings.forget()
            raise


class SSHConnection:
    """An authenticated connection. Every command runs in a session of its own, so several may run at once."""

    def __init__(self, machine: str, dialled: Dialled) -> None:
        self._machine = machine
        self._dialled = dialled

    @property
    def user(self) -> str:
        return self._dialled.user

    @property
    def host_key(self) -> str:
        return self._dialled.shown.key

    @property
    def broken(self) -> bool:
        return self._dialled.broken

    def close(self) -> None:
        self._dialled.close()

    def run(
        self,
        command: str,
        *,
        stdin: str | BinaryIO = "",
        deadline: float,
        on_line: Callable[[str], None] | None = None,
    ) -> Result:
        until = Deadline(deadline)
        session = Session(self._machine, stdin, until, Output(on_line), Output(on_line))
        with watched(deadline + _GRACE, self._dialled.transport.close):
            try:
                return session.run(self._dialled.transport, command)
            except TimeoutError:
                raise session.late() from None
            except (paramiko.SSHException, EOFError, OSError):
                raise (session.dropped() if until.left else session.late()) from None
            finally:
                session.close()

    @contextmanager
    def start(self, command: str, *, stdin: str = "") -> Iterator[Running]:
        running = SSHRunning(self._machine, stdin)
        try:
            with watched(OPENING + _GRACE, self._dialled.transport.close):
                running.start(self._dialled.transport, command)
            yield running
        finally:
            running.close()
