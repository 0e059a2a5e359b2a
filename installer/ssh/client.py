"""One SSH connection to one machine: commands, files, and their deadlines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

import paramiko

from installer.common.deadline import Deadline
from installer.common.watchdog import watched
from installer.ssh.connection import Result, Running
from installer.ssh.transport.background import OPENING, SSHRunning
from installer.ssh.transport.command import Session
from installer.ssh.transport.dial import Dialled
from installer.ssh.transport.output import Output

if TYPE_CHECKING:
    pass


_GRACE = 1.0
"""Seconds past a deadline after which the whole connection is closed: paramiko waits in places without one."""


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
        secret: bool = False,
    ) -> Result:
        until = Deadline(deadline)
        session = Session(self._machine, stdin, until, Output(on_line), Output(on_line), secret=secret)
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
