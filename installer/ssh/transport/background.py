"""A remote command that goes on while others run."""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable

import paramiko

from installer.common.deadline import Deadline
from installer.common.errors import InstallerError
from installer.common.text import whole_number
from installer.ssh.transport.command import Session
from installer.ssh.transport.output import Output

OPENING = 30.0
"""Seconds in which a machine must have started a command."""
_ENDING = 2.0
"""Seconds in which a command has to end by itself once its stdin ended."""
_KILLING = 5.0
_KEPT = 64 * 1024
_LINES = 10_000
"""Lines that wait for who asks; of more than that the newest."""


class SSHRunning:
    """A command that was started; see `Running`."""

    def __init__(self, machine: str, stdin: str) -> None:
        self._machine = machine
        self._lines: deque[str] = deque(maxlen=_LINES)
        self._opening = Deadline(OPENING)
        self._stdout = Output(self._hear, kept=_KEPT)
        self._session = Session(machine, stdin, self._opening, self._stdout, Output(kept=_KEPT))
        self._channel: paramiko.Channel | None = None
        self._mark = secrets.token_hex(8)
        self._process: str | None = None
        """Its process id on the machine, which is that of its process group."""

    def start(self, transport: paramiko.Transport, command: str) -> None:
        """Raises InstallerError if the machine does not start it in time."""
        try:
            self._channel = self._session.start(transport, f"echo {self._mark} $$; {command}")
            self._session.send_all(self._channel)
        except TimeoutError:
            raise self._session.late() from None
        except (paramiko.SSHException, EOFError, OSError):
            raise (self._session.dropped() if self._opening.left else self._session.late()) from None

    def _hear(self, line: str) -> None:
        if line.startswith(self._mark):
            self._process = line.removeprefix(self._mark).strip()
            self._stdout.last = ""  # nobody else is to see it
        else:
            self._lines.append(line)

    def wait_for(self, holds: Callable[[str], bool], deadline: float) -> str:
        channel, until = self._channel, Deadline(deadline)
        assert channel is not None, "it was started"
        found: list[str] = []

        def seen() -> bool:
            while self._lines and not found:
                line = self._lines.popleft()
                if holds(line):
                    found.append(line)
            return bool(found)

        try:
            if self._session.read_until(channel, seen, until):
                return found[0]
        except TimeoutError:
            observed = f"did not say what was waited for within {deadline:.0f} s; {self._session.last()}"
            raise InstallerError("run command", observed, machine=self._machine) from None
        except (paramiko.SSHException, EOFError, OSError):
            raise self._session.dropped() from None
        raise self._ended(channel)

    def _ended(self, channel: paramiko.Channel) -> InstallerError:
        if not channel.eof_received:
            return self._session.dropped()
        status = channel.exit_status if channel.status_event.wait(1) else -1
        how = f"with exit status {status}" if status >= 0 else "by a signal"
        observed = f"the command ended {how}; {self._session.last()}"
        return InstallerError("run command", observed, machine=self._machine)

    def close(self) -> None:
        """End its stdin; kill what does not end by that, with its children."""
        try:
            if self._channel is not None:
                self._channel.shutdown_write()
                if not self._channel.status_event.wait(_ENDING):
                    self._kill(self._channel)
        except (paramiko.SSHException, EOFError, OSError):
            return  # the connection dropped, and the command's stdin with it
        finally:
            self._session.close()

    def _kill(self, channel: paramiko.Channel) -> None:
        """By a command of its own: sshd passes no signal on to processes of root (RFC 4254, 6.9 is optional)."""
        if self._process is None or whole_number(self._process) is None:
            return
        killer = Session(self._machine, "", Deadline(_KILLING), Output(), Output())
        try:
            killer.run(channel.get_transport(), f"kill -s KILL -- -{self._process}")
        except (TimeoutError, InstallerError):
            return  # its stdin ended all the same
        finally:
            killer.close()
