"""One SSH connection to one machine: commands, files, and their deadlines."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

import paramiko

from installer.common.deadline import Deadline
from installer.common.watchdog import watched
from installer.ssh.connection import Result, Running
from installer.ssh.transport.background import OPENING, SSHRunning
from installer.ssh.transport.command import Session
from installer.ssh.transport.dial import Dialled
from installer.ssh.transport.output import Output

_GRACE = 1.0
"""Seconds past a deadline after which the whole connection is closed: paramiko waits in places without one."""


class SSHConnection:
    """An authenticated connection. Every command runs in a session of its own, so several may run at once.

    `again` gives a connection in the place of this one where it was retired before a command began.
    """

    def __init__(self, machine: str, dialled: Dialled, again: Callable[[float], SSHConnection] | None = None) -> None:
        self._machine = machine
        self._dialled = dialled
        self._again = again
        self._lock = threading.Lock()
        self._users = 0
        self._retired = False

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

    def retire(self) -> bool:
        with self._lock:
            if self._users or self._again is None:
                return False
            self._retired = True
        self.close()
        return True

    @contextmanager
    def _used(self, deadline: float) -> Iterator[Dialled]:
        """What commands run on; it is not retired meanwhile."""
        with self._lock:
            retired = self._retired
            self._users += 1
        try:
            if retired and self._again:
                with self._again(deadline)._used(deadline) as dialled:
                    yield dialled
            else:
                yield self._dialled
        finally:
            with self._lock:
                self._users -= 1

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
        with self._used(deadline) as dialled, watched(until.left + _GRACE, dialled.transport.close):
            try:
                return session.run(dialled.transport, command)
            except TimeoutError:
                raise session.late() from None
            except (paramiko.SSHException, EOFError, OSError):
                raise (session.dropped() if until.left else session.late()) from None
            finally:
                session.close()

    @contextmanager
    def start(self, command: str, *, stdin: str = "") -> Iterator[Running]:
        running = SSHRunning(self._machine, stdin)
        with self._used(OPENING) as dialled:
            try:
                with watched(OPENING + _GRACE, dialled.transport.close):
                    running.start(dialled.transport, command)
                yield running
            finally:
                running.close()
