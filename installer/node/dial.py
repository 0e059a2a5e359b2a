"""From an endpoint to an authenticated SSH transport, every way to fail with a message of its own."""

from __future__ import annotations

import logging
import socket
import threading
import time

import paramiko

from installer.errors import InstallerError
from installer.node.known_hosts import fingerprint
from installer.platforms.base import Endpoint
from installer.sanitise import clean

# paramiko logs tracebacks of failures that are reported here in words, and without a handler they reach stderr.
logging.getLogger("paramiko").addHandler(logging.NullHandler())
logging.getLogger("paramiko").propagate = False

DISABLED_ALGORITHMS = {
    "ciphers": ["3des-cbc", "aes128-cbc", "aes192-cbc", "aes256-cbc"],
    "macs": ["hmac-md5", "hmac-md5-96", "hmac-sha1", "hmac-sha1-96"],
    "keys": ["ssh-rsa"],
    "pubkeys": ["ssh-rsa"],
}
"""CBC, MD5 and SHA-1 MACs, SHA-1 signatures: broken or close to it, and no sshd of this decade needs them."""

_BANNER_LIMIT = 8192
"""Bytes in which a server must come to its `SSH-` line (RFC 4253, 4.2 allows lines before it)."""
_KEEPALIVE = 15
"""Seconds between keepalives, so that no NAT forgets a connection that waits for a long command."""


class Deadline:
    """A point in time, on the clock that nobody can set."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds left, never below 0."""
        return max(0.0, self._end - time.monotonic())


def dial(machine: str, endpoint: Endpoint, expected: str | None, key: paramiko.PKey, deadline: Deadline) -> Dialled:
    """Connect, check the host key against `expected` (`TYPE BASE64`), log in as the endpoint's user with `key`.

    Raises InstallerError; one that is not about identity is retryable.
    """
    if expected is None:
        raise InstallerError(
            "check host key",
            "no host key is pinned for this machine and its platform vouches for none",
            machine=machine,
            hint="resume the install: its connect step pins the key; or add a line for the machine to known_hosts",
        )
    connection = _connect(machine, endpoint, deadline)
    try:
        banner = _await_banner(machine, connection, deadline)
        transport = paramiko.Transport(_Replay(connection, banner), disabled_algorithms=DISABLED_ALGORITHMS)
    except BaseException:
        connection.close()
        raise
    try:
        shown = _handshake(machine, transport, expected, deadline)
        _log_in(machine, transport, endpoint, key, deadline)
    except BaseException:
        transport.close()
        raise
    transport.set_keepalive(_KEEPALIVE)
    return transport, shown


Dialled = tuple[paramiko.Transport, str]
"""An authenticated transport, and the host key that the server showed."""


def _connect(machine: str, endpoint: Endpoint, deadline: Deadline) -> socket.socket:
    place = f"{endpoint.address}:{endpoint.port}"
    addresses = _resolve(machine, endpoint, deadline)
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
    if isinstance(failure, ConnectionRefusedError):
        seen, hint = f"connection refused by {place}", "the machine is starting, or its sshd is not running"
    elif isinstance(failure, TimeoutError):
        seen = f"no answer from {place} within {deadline.seconds:.0f} s"
        hint = "check that the machine runs and that its firewall lets this computer's address in (rule M1)"
    else:
        seen, hint = (
            f"{place}: {failure.strerror or failure}",
            "check the network between this computer and the machine",
        )
    raise InstallerError("connect", seen, machine=machine, hint=hint, retryable=True)


_Addresses = list[tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[str, int] | tuple[str, int, int, int]]]


def _resolve(machine: str, endpoint: Endpoint, deadline: Deadline) -> _Addresses:
    """getaddrinfo with a deadline, which it has not of its own: it runs on a thread that may be left behind."""
    found: list[_Addresses] = []
    failed: list[OSError] = []

    def look_up() -> None:
        try:
            found.append(socket.getaddrinfo(endpoint.address, endpoint.port, type=socket.SOCK_STREAM))  # type: ignore[arg-type]
        except (OSError, UnicodeError) as error:
            failed.append(error if isinstance(error, OSError) else OSError(str(error)))

    thread = threading.Thread(target=look_up, name=f"resolve {endpoint.address}", daemon=True)
    thread.start()
    thread.join(deadline.left)
    if found:
        return found[0]
    why = (failed[0].strerror or str(failed[0])) if failed else f"no answer within {deadline.seconds:.0f} s"
    raise InstallerError(
        "connect",
        f"the name {clean(endpoint.address)} does not resolve: {why}",
        machine=machine,
        hint="check the name, and this computer's name servers",
        retryable=not failed or failed[0].errno == socket.EAI_AGAIN,
    )


def _await_banner(machine: str, connection: socket.socket, deadline: Deadline) -> bytes:
    """Read until the server's `SSH-` line, within bounds, so that paramiko never meets what is no SSH server."""
    seen = b""
    while len(seen) < _BANNER_LIMIT and deadline.left:
        connection.settimeout(max(0.01, deadline.left))
        try:
            more = connection.recv(256)
        except TimeoutError:
            break
        except OSError:
            more = b""
        seen += more
        if (seen.startswith(b"SSH-") or b"\nSSH-" in seen) and seen.endswith(b"\n"):
            return seen
        if not more:
            break
    if not seen and deadline.left:
        raise _closed(machine, "the server closed the connection before it said anything")
    if not seen:
        observed = f"the server accepted the connection and said nothing for {deadline.seconds:.0f} s"
        raise InstallerError("connect", observed, machine=machine, hint="it may still be starting", retryable=True)
    first = clean(seen.decode("utf-8", "replace")).strip().partition("\n")[0][:80]
    raise InstallerError(
        "connect",
        f"no SSH server answers there: it says {first!r}",
        machine=machine,
        hint="check the address and the port",
    )


def _closed(machine: str, observed: str) -> InstallerError:
    hint = "it may be starting, or be refusing more connections for now (sshd's MaxStartups)"
    return InstallerError("connect", observed, machine=machine, hint=hint, retryable=True)


class _Replay(socket.socket):
    """A connection of which the first bytes were read already: they are read again."""

    def __init__(self, connection: socket.socket, first: bytes) -> None:
        super().__init__(fileno=connection.detach())
        self._first = first

    def recv(self, size: int, flags: int = 0) -> bytes:
        if not self._first:
            return super().recv(size, flags)
        taken, self._first = self._first[:size], self._first[size:]
        return taken


def _handshake(machine: str, transport: paramiko.Transport, expected: str, deadline: Deadline) -> str:
    """Agree on algorithms and keys; return the host key that the server proved to have, if it is `expected`."""
    options = transport.get_security_options()
    wanted = expected.split()[0]
    # A server has keys of several types: ask for the pinned one's first, or it shows another.
    options.key_types = sorted(options.key_types, key=lambda name: not _signs_for(wanted, name))
    transport.banner_timeout = transport.handshake_timeout = max(0.01, deadline.left)
    done = threading.Event()
    transport.start_client(event=done)
    done.wait(deadline.left)
    if not done.is_set():
        observed = f"the server did not finish the key exchange within {deadline.seconds:.0f} s"
        raise InstallerError("connect", observed, machine=machine, hint="it may be overloaded", retryable=True)
    if not transport.is_active():
        raise _handshake_failure(machine, transport.get_exception())
    server = transport.get_remote_server_key()
    shown = f"{server.get_name()} {server.get_base64()}"
    if shown != expected:
        raise InstallerError(
            "check host key",
            f"host key changed: expected {fingerprint(expected)}, the server shows {fingerprint(shown)}",
            machine=machine,
            hint="if the machine was made again on purpose, resume pins its new key; "
            "if not, another machine answers in its place: do not log in",
        )
    return shown


def _signs_for(key_type: str, algorithm: str) -> bool:
    """Whether `algorithm` is a signature by keys of `key_type`: RSA keys have several."""
    return algorithm == key_type or (key_type == "ssh-rsa" and algorithm.startswith("rsa-sha2-"))


def _handshake_failure(machine: str, error: Exception | None) -> InstallerError:
    if isinstance(error, paramiko.ssh_exception.IncompatiblePeer):
        return InstallerError(
            "connect",
            f"no algorithm that both sides accept: {clean(str(error))}",
            machine=machine,
            hint="the server offers only broken algorithms (CBC, SHA-1): update its sshd",
        )
    if isinstance(error, (EOFError, OSError)) or error is None:
        return _closed(machine, "the server closed the connection during the key exchange")
    return InstallerError("connect", f"key exchange failed: {clean(str(error))}", machine=machine, retryable=True)


def _log_in(
    machine: str, transport: paramiko.Transport, endpoint: Endpoint, key: paramiko.PKey, deadline: Deadline
) -> None:
    transport.auth_timeout = max(0.01, deadline.left)
    done = threading.Event()
    try:
        transport.auth_publickey(endpoint.user, key, event=done)
    except paramiko.SSHException:  # it went away since the key exchange
        done.set()
    done.wait(deadline.left)
    if transport.is_authenticated():
        return
    if not done.is_set():
        observed = f"the server did not answer the login within {deadline.seconds:.0f} s"
        raise InstallerError("log in", observed, machine=machine, hint="it may be overloaded", retryable=True)
    if not transport.is_active():
        raise _closed(machine, "the server closed the connection during the login")
    offered = fingerprint(f"{key.get_name()} {key.get_base64()}")
    raise InstallerError(
        "log in",
        f"the machine did not accept the key {offered} for user {endpoint.user}",
        machine=machine,
        hint=f"add the cluster's public key to ~{endpoint.user}/.ssh/authorized_keys on the machine",
    )
