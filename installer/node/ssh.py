"""Connections to machines over SSH: shared by a run's steps, pinned host keys, a deadline on everything."""

from __future__ import annotations

import select
import threading
from collections.abc import Callable

import paramiko

from installer.errors import InstallerError
from installer.node import known_hosts
from installer.node.connection import Result
from installer.node.dial import Deadline, dial
from installer.node.output import Output
from installer.platforms.base import Endpoint
from installer.state import ClusterDirectory

_CHUNK = 32 * 1024
_GRACE = 1.0
"""Seconds past a deadline after which the whole connection is closed: paramiko waits in places without one."""


class SSHConnections:
    """One connection per machine. `endpoints` says where a machine is; the files are the cluster's."""

    def __init__(self, endpoints: Callable[[str], Endpoint], directory: ClusterDirectory) -> None:
        self._endpoints = endpoints
        self._directory = directory
        self._lock = threading.Lock()
        self._opening: dict[str, threading.Lock] = {}
        self._open: dict[str, SSHConnection] = {}
        self._closed = False

    def get(self, machine: str, deadline: float) -> SSHConnection:
        """The open connection to `machine`, opened now if there is none or it broke. `deadline` is in seconds."""
        until = Deadline(deadline)
        with self._lock:
            opening = self._opening.setdefault(machine, threading.Lock())
        if not opening.acquire(timeout=until.left):
            observed = f"another step was still connecting after {deadline:.0f} s"
            raise InstallerError("connect", observed, machine=machine, retryable=True)
        try:
            connection = self._open.get(machine)
            if connection is None or connection.broken:
                connection = self._dial(machine, until)
                self._keep(machine, connection)
            return connection
        finally:
            opening.release()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            connections, self._open = list(self._open.values()), {}
        for connection in connections:
            connection.close()

    def _dial(self, machine: str, deadline: Deadline) -> SSHConnection:
        endpoint = self._endpoints(machine)
        pinned = known_hosts.pinned(self._directory, machine)
        key = _load_key(self._directory)
        transport, shown = dial(machine, endpoint, pinned or endpoint.host_key, key, deadline)
        return SSHConnection(machine, transport, shown)

    def _keep(self, machine: str, connection: SSHConnection) -> None:
        with self._lock:
            if not self._closed:
                self._open[machine] = connection
                return
        connection.close()
        raise InstallerError("connect", "the connections of this run are closed", machine=machine)


def _load_key(directory: ClusterDirectory) -> paramiko.PKey:
    try:
        return paramiko.Ed25519Key.from_private_key_file(str(directory.key))
    except (OSError, paramiko.SSHException) as error:
        seen = "does not exist" if isinstance(error, FileNotFoundError) else f"cannot be read: {error}"
        hint = "the key was made where the cluster was installed: copy it from there, mode 0600"
        raise InstallerError("connect", f"the cluster's key {directory.key} {seen}", hint=hint) from None


class SSHConnection:
    """An authenticated connection. Every command runs in a session of its own, so several may run at once."""

    def __init__(self, machine: str, transport: paramiko.Transport, host_key: str) -> None:
        self._machine = machine
        self._transport = transport
        self._host_key = host_key

    @property
    def host_key(self) -> str:
        return self._host_key

    @property
    def broken(self) -> bool:
        return not self._transport.is_active()

    def close(self) -> None:
        self._transport.close()

    def run(
        self,
        command: str,
        *,
        stdin: str = "",
        deadline: float,
        on_line: Callable[[str], None] | None = None,
    ) -> Result:
        until = Deadline(deadline)
        session = _Session(self._machine, stdin.encode(), until, on_line)
        watchdog = threading.Timer(deadline + _GRACE, self._transport.close)
        watchdog.daemon = True
        watchdog.start()
        try:
            return session.run(self._transport, command)
        except TimeoutError:
            raise session.late() from None
        except (paramiko.SSHException, EOFError, OSError):
            raise (session.dropped() if until.left else session.late()) from None
        finally:
            watchdog.cancel()
            session.close()


class _Session:
    """One command on its channel. Its methods raise TimeoutError at the deadline, and paramiko's own errors."""

    def __init__(self, machine: str, stdin: bytes, deadline: Deadline, on_line: Callable[[str], None] | None) -> None:
        self._machine = machine
        self._stdin = stdin
        self._deadline = deadline
        self._stdout, self._stderr = Output(on_line), Output(on_line)
        self._channel: paramiko.Channel | None = None

    def run(self, transport: paramiko.Transport, command: str) -> Result:
        channel = transport.open_session(timeout=max(0.01, self._deadline.left))
        self._channel = channel
        channel.settimeout(max(0.01, self._deadline.left))
        channel.exec_command(command)
        self._transfer(channel)
        self._stdout.finish()
        self._stderr.finish()
        if not channel.status_event.wait(self._deadline.left):
            raise TimeoutError
        if channel.exit_status < 0:
            raise self._ended(channel)
        return Result(channel.exit_status, self._stdout.text, self._stderr.text)

    def _transfer(self, channel: paramiko.Channel) -> None:
        """Carry stdin, stdout and stderr side by side until the command ends, so that none can block another."""
        poll = select.poll()
        poll.register(channel.fileno(), select.POLLIN)
        if not self._stdin:
            channel.shutdown_write()
        while True:
            if not self._deadline.left:
                raise TimeoutError
            poll.poll(self._patience(channel) * 1000)
            ended = channel.eof_received or channel.closed
            self._write(channel)
            if not self._read(channel) and ended:
                return

    def _patience(self, channel: paramiko.Channel) -> float:
        """Seconds to wait for output. While stdin waits for the server's window nothing ends the wait: look soon."""
        if not self._stdin:
            return self._deadline.left
        return 0 if channel.send_ready() else 0.02

    def _write(self, channel: paramiko.Channel) -> None:
        if not self._stdin or not channel.send_ready():
            return
        try:
            sent = channel.send(self._stdin[:_CHUNK])
            self._stdin = self._stdin[sent:]
            if not self._stdin:
                channel.shutdown_write()
        except OSError:  # the command ended without reading all of its input
            self._stdin = b""

    def _read(self, channel: paramiko.Channel) -> bool:
        """Take what is there of stdout and stderr; whether anything was."""
        out = channel.recv_ready()
        if out:
            self._stdout.feed(channel.recv(_CHUNK))
        err = channel.recv_stderr_ready()
        if err:
            self._stderr.feed(channel.recv_stderr(_CHUNK))
        return out or err

    def close(self) -> None:
        if self._channel is not None:
            self._channel.close()

    def _ended(self, channel: paramiko.Channel) -> InstallerError:
        if not channel.eof_received:
            return self.dropped()
        observed = f"the command was killed on the machine; {self._last()}"
        return InstallerError("run command", observed, machine=self._machine, retryable=True)

    def late(self) -> InstallerError:
        return InstallerError(
            "run command",
            f"did not end within {self._deadline.seconds:.0f} s; {self._last()}",
            machine=self._machine,
            hint="the machine may be overloaded or the command stuck: look at it with craton ssh, then resume",
        )

    def dropped(self) -> InstallerError:
        return InstallerError(
            "run command",
            f"the connection dropped; {self._last()}",
            machine=self._machine,
            hint="the machine may have restarted, or the network failed: resume",
            retryable=True,
        )

    def _last(self) -> str:
        last = self._stderr.last or self._stdout.last
        return f"last seen: {last}" if last else "nothing was seen yet"
