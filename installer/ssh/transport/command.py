"""One command on a channel of its own: its input carried there, its output back, within a deadline."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import BinaryIO

import paramiko
from paramiko.common import cMSG_CHANNEL_REQUEST

from installer.common.deadline import Deadline
from installer.common.errors import InstallerError
from installer.ssh.connection import Result
from installer.ssh.transport.output import Output
from installer.ssh.transport.quoting import for_any_shell

_CHUNK = 32 * 1024 - 64
"""Bytes that paramiko puts into one packet, of OpenSSH's largest."""
ALLOWED = 32 * 1024 * 1024
"""Bytes that a command may print on both of its streams. One that prints more is out of order, and is ended."""
_WINDOW = 0.02
"""Seconds in which the server may make room for more stdin, before its output is looked at again."""
_ENDING = 1.0
"""Seconds that a connection has to end once a command saw it end."""
_REFUSED = 5.0
"""Seconds for which a refused session is asked for again: sshd counts one for a moment after its command has ended."""


class _Arrival(threading.Event):
    """Set when output has come, or the command has ended. It is cleared by who reads, before reading.

    paramiko clears such an event itself once one stream is empty, which may be just when the other one gets something.
    """

    def clear(self) -> None:
        """Nothing: paramiko's buffers call this."""

    def forget(self) -> None:
        super().clear()


class Session:
    """One command. Its methods raise TimeoutError at the deadline, and paramiko's own errors."""

    def __init__(
        self,
        machine: str,
        stdin: str | BinaryIO,
        deadline: Deadline,
        stdout: Output,
        stderr: Output,
        *,
        secret: bool = False,
    ) -> None:
        self._machine = machine
        self._secret = secret
        self._source = io.BytesIO(stdin.encode()) if isinstance(stdin, str) else stdin
        self._pending = b""
        self._deadline = deadline
        self._stdout, self._stderr = stdout, stderr
        self._transport: paramiko.Transport | None = None
        self._channel: paramiko.Channel | None = None
        self._arrival = _Arrival()

    def start(self, transport: paramiko.Transport, command: str) -> paramiko.Channel:
        """Have the machine run the command; nothing is carried yet."""
        self._transport = transport
        channel = self._channel = self._opened(transport)
        channel.settimeout(self._deadline.patience)
        channel.in_buffer.set_event(self._arrival)
        channel.in_stderr_buffer.set_event(self._arrival)
        _execute(transport, channel, for_any_shell(command))
        self._refill()
        return channel

    def _opened(self, transport: paramiko.Transport) -> paramiko.Channel:
        until = Deadline(min(_REFUSED, self._deadline.left))
        while True:
            try:
                return transport.open_session(timeout=self._deadline.patience)
            except paramiko.ChannelException as error:
                if not until.left:
                    raise self._refused(error) from None
                time.sleep(0.1)

    def run(self, transport: paramiko.Transport, command: str) -> Result:
        channel = self.start(transport, command)
        self._transfer(channel)
        self._stdout.finish()
        self._stderr.finish()
        if not channel.status_event.wait(self._deadline.left):
            raise TimeoutError
        if channel.exit_status < 0:
            raise self._ended(channel)
        return Result(channel.exit_status, self._stdout.text, self._stderr.text)

    def send_all(self, channel: paramiko.Channel) -> None:
        """Send stdin to its end, and leave it open; for input that fits the server's window."""
        while self._pending:
            channel.sendall(self._pending)
            self._refill()

    def close(self) -> None:
        """Close the channel; of a connection that has just dropped there is nobody to tell."""
        if self._channel is not None:
            with suppress(paramiko.SSHException, EOFError, OSError):
                self._channel.close()

    def _transfer(self, channel: paramiko.Channel) -> None:
        """Carry stdin, stdout and stderr side by side until the command ends, so that none can block another."""
        channel.settimeout(_WINDOW)
        if not self._pending:
            channel.shutdown_write()
        while True:
            left = self._deadline.left
            if not left:
                raise TimeoutError
            if not self._pending:
                self._arrival.wait(left)
            self._arrival.forget()
            ended = channel.eof_received or channel.closed
            self._write(channel)
            if self._read(channel):
                self._arrival.set()
            elif ended:
                return

    def _write(self, channel: paramiko.Channel) -> None:
        if not self._pending:
            return
        try:
            sent = channel.send(self._pending)
        except TimeoutError:
            return
        except OSError:  # the command ended without reading all of its input
            self._pending = b""
            return
        self._pending = self._pending[sent:]
        if not self._pending:
            self._refill()
        if not self._pending:
            channel.shutdown_write()

    def _refill(self) -> None:
        """Take the next piece of stdin. Raises InstallerError if the file behind it cannot be read."""
        try:
            self._pending = self._source.read(_CHUNK)
        except OSError as error:
            name = getattr(self._source, "name", "the input")
            observed = f"{name} cannot be read: {error.strerror or error}"
            raise InstallerError("run command", observed, machine=self._machine) from None

    def _read(self, channel: paramiko.Channel) -> bool:
        """Take what is there of stdout and stderr; whether more may be there. Raises InstallerError for too much."""
        more = False
        if channel.recv_ready():
            data = channel.recv(_CHUNK)
            self._stdout.feed(data)
            more = len(data) == _CHUNK
        if channel.recv_stderr_ready():
            data = channel.recv_stderr(_CHUNK)
            self._stderr.feed(data)
            more = more or len(data) == _CHUNK
        if self._stdout.taken + self._stderr.taken > ALLOWED:
            raise self._flooded()
        return more

    def read_until(self, channel: paramiko.Channel, enough: Callable[[], bool], deadline: Deadline) -> bool:
        """Take output until `enough` says so, or the command ends: then False. Raises TimeoutError."""
        while not enough():
            left = deadline.left
            if not left:
                raise TimeoutError
            self._arrival.wait(left)
            self._arrival.forget()
            ended = channel.eof_received or channel.closed
            if self._read(channel):
                self._arrival.set()
            elif ended:
                self._stdout.finish()
                self._stderr.finish()
                return enough()
        return True

    def _ended(self, channel: paramiko.Channel) -> InstallerError:
        if not channel.eof_received:
            return self.dropped()
        observed = f"the command was killed on the machine; {self.last()}"
        return InstallerError("run command", observed, machine=self._machine, retryable=True)

    def _refused(self, error: paramiko.ChannelException) -> InstallerError:
        return InstallerError(
            "run command",
            f"the server opens no session: {error.text}",
            machine=self._machine,
            hint="it may have too many open at once: raise MaxSessions in the machine's sshd_config (10 by default)",
            retryable=True,
        )

    def _flooded(self) -> InstallerError:
        return InstallerError(
            "run command",
            f"it printed more than {ALLOWED // 1024**2} MiB and was stopped; {self.last()}",
            machine=self._machine,
            hint="No command of Craton's prints that much: see what does on the machine (craton ssh), then resume.",
        )

    def late(self) -> InstallerError:
        return InstallerError(
            "run command",
            f"did not end within {self._deadline.seconds:.0f} s; {self.last()}",
            machine=self._machine,
            hint="the machine may be overloaded or the command stuck: look at it with craton ssh, then resume",
        )

    def ended_from_here(self) -> InstallerError:
        observed = f"the command was ended, as the run stops; {self.last()}"
        return InstallerError("run command", observed, machine=self._machine, retryable=True)

    def dropped(self) -> InstallerError:
        if self._transport is not None:
            # It tells its commands before it calls itself ended, and until then others would be given it.
            self._transport.join(_ENDING)
        return InstallerError(
            "run command",
            f"the connection dropped; {self.last()}",
            machine=self._machine,
            hint="the machine may have restarted, or the network failed: resume",
            retryable=True,
        )

    def last(self) -> str:
        """The end of an error's words: the newest line, unless the command's output is nobody's to see."""
        if self._secret:
            return "its output is secret and not shown"
        last = self._stderr.last or self._stdout.last
        return f"last seen: {last}" if last else "nothing was seen yet"


def _execute(transport: paramiko.Transport, channel: paramiko.Channel, command: str) -> None:
    """Have the server execute a command, without waiting for its answer: one that refuses closes the channel."""
    message = paramiko.Message()
    message.add_byte(cMSG_CHANNEL_REQUEST)
    message.add_int(channel.remote_chanid)
    message.add_string("exec")
    message.add_boolean(True)
    message.add_string(command)
    transport._send_user_message(message)  # type: ignore[attr-defined]
