"""One SSH connection to one machine: commands, files, and their deadlines."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

import paramiko

from installer.common.deadline import Deadline
from installer.common.errors import InstallerError
from installer.common.watchdog import watched
from installer.ssh.connection import Result, Running
from installer.ssh.transport.background import OPENING, SSHRunning
from installer.ssh.transport.command import ALLOWED, Session
from installer.ssh.transport.dial import Dialled
from installer.ssh.transport.end_commands import end_commands
from installer.ssh.transport.output import Output

SESSIONS = 8
"""Commands that run at once on a connection, while others wait: sshd opens ten sessions by default (MaxSessions), and
what runs in the background or ends the others needs one as well.
"""
ENDING = 5.0
"""Seconds that a machine has to end what was started there."""
_GRACE = 1.0
"""Seconds past a deadline after which the whole connection is closed: paramiko waits in places without one."""


class SSHConnection:
    """An authenticated connection. Every command runs in a session of its own, so up to SESSIONS may run at once.

    `again` gives a connection in the place of this one where it was retired before a command began.
    """

    def __init__(self, machine: str, dialled: Dialled, again: Callable[[float], SSHConnection] | None = None) -> None:
        self._machine = machine
        self._dialled = dialled
        self._again = again
        self._lock = threading.Lock()
        self._places = threading.Semaphore(SESSIONS)
        self._users = 0
        self._retired = False
        self._running: set[Session] = set()
        self._ended: set[Session] = set()
        """Sessions whose commands were ended from here."""

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
            if self._users or self._retired or self._again is None:
                return False
            self._retired = True
        self.close()
        return True

    @contextmanager
    def _used(self, deadline: float) -> Iterator[SSHConnection]:
        """What commands run on; it is not retired meanwhile."""
        with self._lock:
            retired = self._retired
            self._users += 1
        try:
            if retired and self._again:
                with self._again(deadline)._used(deadline) as used:
                    yield used
            else:
                yield self
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
        stdout = Output(on_line, kept=ALLOWED, whole=True) if secret else Output(on_line)
        session = Session(self._machine, stdin, until, stdout, Output(on_line), secret=secret)
        with (
            self._used(deadline) as used,
            watched(until.left + _GRACE, used._dialled.transport.close),
            used._counted(session),
            used._placed(session, until),
        ):
            try:
                result = session.run(used._dialled.transport, command)
            except TimeoutError:
                raise session.late() from None
            except (paramiko.SSHException, EOFError, OSError):
                raise (session.dropped() if until.left else session.late()) from None
            finally:
                session.close()
            if result.status != 0 and session in used._ended:
                raise session.ended_from_here()
            return result

    @contextmanager
    def _counted(self, session: Session) -> Iterator[None]:
        with self._lock:
            self._running.add(session)
        try:
            yield
        finally:
            with self._lock:
                self._running.discard(session)
                self._ended.discard(session)

    @contextmanager
    def _placed(self, session: Session, until: Deadline) -> Iterator[None]:
        """A place among those that run. Raises InstallerError if none gets free in time, or all are ended meanwhile."""
        if not self._places.acquire(timeout=until.left):
            raise session.late()
        try:
            if session in self._ended:
                raise session.ended_from_here()
            yield
        finally:
            self._places.release()

    def end_commands(self, seconds: float = ENDING) -> None:
        """End what runs here, on the machine too: asked first, then killed. Its callers get an InstallerError.

        Where the machine doesn't do it in time, the connection is closed.
        """
        with self._lock:
            self._ended |= self._running
            if not self._running:
                return
        try:
            with watched(seconds + _GRACE, self._dialled.transport.close):
                end_commands(self._machine, self._dialled.transport, self.user, seconds)
        except (InstallerError, TimeoutError, paramiko.SSHException, EOFError, OSError):
            self.close()

    @contextmanager
    def start(self, command: str, *, stdin: str = "") -> Iterator[Running]:
        running = SSHRunning(self._machine, stdin)
        with self._used(OPENING) as used:
            try:
                with watched(OPENING + _GRACE, used._dialled.transport.close):
                    running.start(used._dialled.transport, command)
                yield running
            finally:
                running.close()
