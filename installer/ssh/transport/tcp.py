"""From a machine's address to a stream on which an SSH server has introduced itself, within bounds."""

from __future__ import annotations

import ipaddress
import re
import socket
import threading
from contextlib import suppress
from typing import Protocol

from installer.common.deadline import Deadline
from installer.common.errors import InstallerError
from installer.common.sanitise import clean
from installer.ssh.endpoint import Endpoint

_BANNER_LIMIT = 8192
"""Bytes in which a server must come to its `SSH-` line (RFC 4253, 4.2 allows lines before it)."""
_VERSION = re.compile(rb"^SSH-.*\n", re.MULTILINE)
"""A whole such line. What comes behind it need not wait for our own: some servers begin the key exchange at once."""

_BUFFER = 16 * 1024
"""Bytes that are read at once where they are there."""

Addresses = list[tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[str, int] | tuple[str, int, int, int]]]


class Stream(Protocol):
    """What sockets and forwarded channels have in common."""

    def recv(self, size: int, /) -> bytes: ...
    def send(self, data: bytes, /) -> int: ...
    def settimeout(self, seconds: float | None, /) -> None: ...
    def close(self) -> None: ...


def place(endpoint: Endpoint) -> str:
    """Where a server listens, for people."""
    address = f"[{endpoint.address}]" if ":" in endpoint.address else endpoint.address
    return f"{clean(address)}:{endpoint.port}"


def resolve(machine: str, endpoint: Endpoint, deadline: Deadline) -> Addresses:
    """The addresses behind the endpoint's name. Raises InstallerError, retryable if name servers may yet answer.

    getaddrinfo has no deadline of its own: it runs on a thread that may be left behind, unless nothing is to be asked.
    """
    found: list[Addresses] = []
    failed: list[OSError] = []

    def look_up() -> None:
        try:
            found.append(socket.getaddrinfo(endpoint.address, endpoint.port, type=socket.SOCK_STREAM))  # type: ignore[arg-type]
        except (OSError, UnicodeError) as error:
            failed.append(error if isinstance(error, OSError) else OSError(str(error)))

    if _is_address(endpoint.address):
        look_up()
    else:
        thread = threading.Thread(target=look_up, name=f"resolve {endpoint.address}", daemon=True)
        thread.start()
        thread.join(deadline.left)
    if found:
        return found[0]
    why = (failed[0].strerror or str(failed[0])) if failed else f"no answer within {deadline.seconds:.0f} s"
    raise InstallerError(
        "resolve the name",
        f"the name {clean(endpoint.address)} does not resolve: {why}",
        machine=machine,
        hint="check the name, and this computer's name servers",
        retryable=not failed or failed[0].errno == socket.EAI_AGAIN,
    )


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def connect(machine: str, endpoint: Endpoint, addresses: Addresses, deadline: Deadline) -> socket.socket:
    """A TCP connection to the first of the addresses that takes one. Raises InstallerError."""
    failure: OSError = TimeoutError()
    for number, (family, kind, protocol, _, address) in enumerate(addresses):
        attempt = socket.socket(family, kind, protocol)
        attempt.settimeout(max(0.01, deadline.left / (len(addresses) - number)))
        try:
            attempt.connect(address)
        except OSError as error:
            attempt.close()
            failure = error
        else:
            attempt.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return attempt
    raise _unreachable(machine, endpoint, failure, deadline)


def _unreachable(machine: str, endpoint: Endpoint, failure: OSError, deadline: Deadline) -> InstallerError:
    where = place(endpoint)
    if isinstance(failure, ConnectionRefusedError):
        seen = f"connection refused by {where}"
        hint = "the machine is starting, or its sshd is not running, or listens on another port (ssh.port)"
    elif isinstance(failure, TimeoutError):
        seen = f"no answer from {where} within {deadline.seconds:.0f} s"
        hint = "check that the machine runs and that its firewall lets this computer's address in (rule M1)"
    else:
        seen = f"{where}: {failure.strerror or failure}"
        hint = "check the network between this computer and the machine"
    return InstallerError("connect", seen, machine=machine, hint=hint, retryable=True)


def await_banner(machine: str, stream: Stream, deadline: Deadline) -> bytes:
    """Read until the server's `SSH-` line, within bounds, so that paramiko never meets what is no SSH server.

    Returns all that was read. Raises InstallerError; one about a server that may yet come up is retryable.
    """
    seen = b""
    while len(seen) < _BANNER_LIMIT and deadline.left:
        stream.settimeout(deadline.patience)
        try:
            more = stream.recv(256)
        except TimeoutError:
            break
        except OSError:
            more = b""
        seen += more
        if _VERSION.search(seen):
            return seen
        if not more:
            break
    if not seen and deadline.left:
        raise went_away(machine, "the server closed the connection before it said anything")
    if not seen:
        observed = f"the server accepted the connection, then said nothing for {deadline.seconds:.0f} s"
        raise InstallerError("connect", observed, machine=machine, hint="it may still be starting", retryable=True)
    first = clean(seen.decode("utf-8", "replace")).strip().partition("\n")[0][:80]
    raise InstallerError(
        "connect",
        f"no SSH server answers there: it says {first!r}",
        machine=machine,
        hint="check the address and the port",
    )


def version(banner: bytes) -> str:
    """The server's `SSH-` line, without the lines before it."""
    lines = clean(banner.decode("utf-8", "replace")).splitlines()
    return next((line[:80] for line in lines if line.startswith("SSH-")), "")


def went_away(machine: str, observed: str) -> InstallerError:
    """A server that closed the connection, for a reason that may pass."""
    hint = "it may be starting, or have too many connections right now (sshd's MaxStartups)"
    return InstallerError("connect", observed, machine=machine, hint=hint, retryable=True)


class Replay:
    """A stream of which the first bytes were read already: they are read again."""

    def __init__(self, stream: Stream, first: bytes) -> None:
        self._stream = stream
        self._first = first
        self._closed = False  # paramiko looks at it while it closes
        self._reader: int | None = None
        """The thread that reads, until it has come to the end."""
        self.send = stream.send
        self.settimeout = stream.settimeout

    def recv(self, size: int) -> bytes:
        """From what was read already, if there is any: paramiko asks for each packet twice, first for a few bytes."""
        if not self._first:
            self._first = self._read(max(size, _BUFFER))
        taken, self._first = self._first[:size], self._first[size:]
        return taken

    def _read(self, size: int) -> bytes:
        self._reader = threading.get_ident()
        try:
            found = self._stream.recv(size)
        except TimeoutError:
            if not self._closed:
                raise
            found = b""
        if not found:
            self._reader = None
            if self._closed:
                self._stream.close()
        return found

    def close(self) -> None:
        """Have the thread that reads see the end, and close what it reads from.

        That thread closes it itself: its number would be another connection's before the thread has woken up, and it
        would sleep on with that one.
        """
        self._closed = True
        if not isinstance(self._stream, socket.socket) or self._reader in (None, threading.get_ident()):
            self._stream.close()
            return
        with suppress(OSError):
            self._stream.shutdown(socket.SHUT_RDWR)
