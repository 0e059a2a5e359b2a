"""One stand-in machine's SSH server: who may log in, and what faults do to connections."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Collection
from functools import lru_cache
from typing import Any

import asyncssh
from asyncssh.constants import MSG_IGNORE

from installer.platforms.rehearsal.faults import SLOWNESS
from installer.platforms.rehearsal.records import MachineRecord
from installer.platforms.rehearsal.simulator import shell
from installer.platforms.rehearsal.simulator.site_view import SiteView

_GREETING = 0.05
"""Seconds that a machine takes to answer a connection."""
_FAILURES = (asyncssh.Error, OSError)


class StandIn:
    """The listener of a running machine, and every connection to it."""

    def __init__(self, site: SiteView, record: MachineRecord) -> None:
        self._site = site
        self._record = record
        self._key = asyncssh.import_private_key(record.host_key)
        self._impostor = asyncssh.generate_private_key("ssh-ed25519")
        """The host key of another machine that answers in this one's place."""
        self._listener: socket.socket | None = None
        self._accepting: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._connections: set[asyncssh.SSHServerConnection] = set()

    @property
    def _keys(self) -> frozenset[bytes]:
        """Who may log in now."""
        return _public_data(tuple(self._record.authorized_keys))

    def open(self) -> None:
        """Listen, at the same port as before if nobody took it meanwhile."""
        if self._listener is not None:
            return
        listener = _bound(self._record.port)
        listener.listen(100)
        self._record.port = listener.getsockname()[1]
        self._listener = listener
        self._accepting = asyncio.get_running_loop().create_task(self._accept(listener))

    def close(self) -> None:
        """Refuse connections, and end those that there are."""
        if self._accepting is not None:
            self._accepting.cancel()
        if self._listener is not None:
            self._listener.close()
        self._listener = self._accepting = None
        self.drop()

    def drop(self) -> None:
        """Cut every connection."""
        for connection in tuple(self._connections):
            connection.abort()
        for task in tuple(self._tasks):
            task.cancel()

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            connection, _ = await loop.sock_accept(listener)
            task = loop.create_task(self._greet(connection))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _greet(self, connection: socket.socket) -> None:
        """Serve one connection, as a fault of the phase `connect` has it."""
        fault = self._site.fault(self._record.name, "connect")
        kind = fault.kind if fault else ""
        try:
            if kind == "hang":
                await asyncio.get_running_loop().create_future()
            await self._site.sleep(_GREETING * (SLOWNESS if kind == "slow" else 1), self._record.name, "connect")
            if kind == "drop":
                await asyncio.get_running_loop().sock_sendall(connection, b"SSH-2.0-rehearsal\r\n")
                connection.close()
                return
            impaired = self._site.impaired(self._record.name) == "hostkey"
            await self._serve(connection, self._impostor if impaired else self._key)
        except _FAILURES:
            connection.close()
        except asyncio.CancelledError:
            connection.close()
            raise

    async def _serve(self, connection: socket.socket, key: asyncssh.SSHKey) -> None:
        await asyncssh.run_server(
            connection,
            server_factory=lambda: _Server(self._record.user, self._keys, self._connections),
            process_factory=lambda process: shell.serve(self._site, self._record, process),
            server_host_keys=[key],
            server_version="rehearsal",
            kex_algs=["curve25519-sha256", "curve25519-sha256@libssh.org"],
            compression_algs=["none"],
            errors="replace",
            keepalive_interval=0,
            login_timeout=60,
        )


class _Server(asyncssh.SSHServer):
    """Lets one user in, with the machine's keys and nothing else."""

    def __init__(self, user: str, keys: Collection[bytes], connections: set[asyncssh.SSHServerConnection]) -> None:
        self._user = user
        self._keys = keys
        self._connections = connections
        self._connection: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        _send_no_padding(conn)
        self._connection = conn
        self._connections.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (asyncssh's signature)
        if self._connection is not None:
            self._connections.discard(self._connection)

    def begin_auth(self, username: str) -> bool:  # noqa: ARG002 (asyncssh's signature)
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == self._user and key.public_data in self._keys


def _send_no_padding(connection: asyncssh.SSHServerConnection) -> None:
    """Leave out the empty message that asyncssh sends before each of its own: no real machine's sshd does that.

    It helps ciphers that aren't offered here (CBC), and both sides would handle twice as many packets.
    """
    send = connection.send_packet

    def send_packet(kind: int, *data: bytes, handler: Any = None) -> None:
        if kind != MSG_IGNORE:
            send(kind, *data, handler=handler)

    connection.send_packet = send_packet  # type: ignore[method-assign, assignment]


@lru_cache(maxsize=4096)
def _public_data(keys: tuple[str, ...]) -> frozenset[bytes]:
    return frozenset(key.convert_to_public().public_data for key in map(asyncssh.import_public_key, keys))


def _bound(port: int) -> socket.socket:
    """A socket on loopback at `port`, or at any port if that one is taken."""
    for wanted in dict.fromkeys((port, 0)):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", wanted))
        except OSError:
            listener.close()
            if wanted == 0:
                raise
        else:
            listener.setblocking(False)
            return listener
    raise AssertionError("unreachable: port 0 binds or raises")
