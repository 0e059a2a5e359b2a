"""From an endpoint to an authenticated SSH transport, stage by stage, every way to fail with a message of its own."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Sequence

import paramiko

from installer.common.deadline import Deadline
from installer.common.errors import InstallerError
from installer.common.paths import ClusterDirectory
from installer.ssh.diagnosis import OnStage, passed, unheard
from installer.ssh.endpoint import Endpoint
from installer.ssh.host_keys.verify import HostKeyError, HostKeys, ShownKey, known
from installer.ssh.keys.identities import Keyring, keyring
from installer.ssh.transport.login import log_in
from installer.ssh.transport.packetizer import OrderlyPacketizer
from installer.ssh.transport.pool import Pool
from installer.ssh.transport.tcp import Replay, Stream, await_banner, connect, place, resolve, version, went_away
from installer.ssh.transport.userauth import Login

# paramiko logs tracebacks of failures that are reported here in words, and without a handler they reach stderr.
logging.getLogger("paramiko").addHandler(logging.NullHandler())
logging.getLogger("paramiko").propagate = False

_DISABLED_ALGORITHMS = {
    "macs": ["hmac-md5", "hmac-md5-96", "hmac-sha1", "hmac-sha1-96"],
    "keys": ["ssh-rsa"],
    "pubkeys": ["ssh-rsa"],
}
"""MD5 and SHA-1 MACs, SHA-1 signatures: broken or close to it, and no sshd of this decade needs them. Nor CBC."""

_CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr")
"""Those first that encrypt and authenticate at once: machines are sent a gigabyte each."""

_KEEPALIVE = 15
"""Seconds between keepalives, so that no NAT forgets a connection that waits for a long command."""


_AWAKE = 5.0
"""Seconds between looks of an idle connection's thread at keepalives. paramiko's tenth of a second is for noticing
that it was closed, which the socket says by itself (`Replay.close`).
"""


class Dialled:
    """An authenticated transport, who logged in, and the host key that the server showed."""

    def __init__(self, transport: paramiko.Transport, user: str, shown: ShownKey, way: Jumps | None = None) -> None:
        self.transport = transport
        self.user = user
        self.shown = shown
        self._way = way

    @property
    def broken(self) -> bool:
        return not self.transport.is_active()

    def close(self) -> None:
        self.transport.close()
        if self._way:
            self._way.close()

    def retire(self) -> bool:
        """Jump hosts are few, and machines behind them use them unseen."""
        return False


Jumps = Pool[Endpoint, Dialled]
"""Connections to jump hosts, each shared by all machines behind it. To be closed after the machines' own."""


def dial(
    machine: str,
    endpoint: Endpoint,
    trust: HostKeys,
    keyring: Keyring,
    deadline: Deadline,
    on_stage: OnStage = unheard,
    jumps: Jumps | None = None,
) -> Dialled:
    """Connect, check the host key, log in; `on_stage` hears of every stage that holds.

    Jump hosts are reached through `jumps`, or by connections that end with this one.
    Raises InstallerError, HostKeyError and KeyLocked among them; one that is not about identity may be retryable.
    """
    way = Jumps() if endpoint.jump and jumps is None else None
    try:
        stream = _reach(machine, endpoint, trust, keyring, deadline, on_stage, jumps or way)
        transport, shown = _introduce(machine, stream, trust, deadline, on_stage)
        try:
            on_stage(passed("log in", log_in(machine, transport, endpoint.user, keyring, deadline)))
        except BaseException:
            transport.close()
            raise
    except BaseException as error:
        if way:
            way.close()
        if isinstance(error, InstallerError) and error.machine is None:
            error.machine = machine
        raise
    transport.set_keepalive(_KEEPALIVE)
    return Dialled(transport, endpoint.user, shown, way)


def look(machine: str, endpoint: Endpoint, directory: ClusterDirectory, deadline: Deadline) -> tuple[str, str]:
    """The ed25519 host key that a server shows and proves to have, as `TYPE BASE64`, and its banner. Nobody logs in.

    Neither was judged: whoever asks has a way of their own to tell whose they are. A jump host on the way is one of
    the cluster's, logged in to and checked as ever. Raises InstallerError.
    """
    jumps = Jumps()
    try:
        trust, keys = known(directory, machine, endpoint), keyring(endpoint, directory)
        stream = _reach(machine, endpoint, trust, keys, deadline, unheard, jumps)
        return _looked(machine, endpoint, stream, deadline)
    finally:
        jumps.close()


def _looked(machine: str, endpoint: Endpoint, stream: Stream, deadline: Deadline) -> tuple[str, str]:
    try:
        transport = _Transport(Replay(stream, await_banner(machine, stream, deadline)), ("ssh-ed25519",))
    except BaseException:
        stream.close()
        raise
    try:
        shown = _handshake(machine, transport, deadline)
        login = Login(transport, endpoint.user)
        login.begin(deadline)
        login.without_key(deadline)
        return shown.key, login.greeting
    except TimeoutError:
        raise went_away(machine, f"the server didn't answer within {deadline.seconds:.0f} s") from None
    finally:
        transport.close()


def _reach(
    machine: str,
    endpoint: Endpoint,
    trust: HostKeys,
    keyring: Keyring,
    deadline: Deadline,
    on_stage: OnStage,
    jumps: Jumps | None,
) -> Stream:
    """A stream to the server, by TCP or through its jump host."""
    via = endpoint.jump
    if via is None or jumps is None:
        addresses = resolve(machine, endpoint, deadline)
        found = ", ".join(dict.fromkeys(str(address[0]) for *_, address in addresses))
        on_stage(passed("resolve", found))
        connection = connect(machine, endpoint, addresses, deadline)
        on_stage(passed("connect", place(endpoint)))
        return connection
    on_stage(passed("resolve", f"left to the jump host {place(via)}"))
    jump_trust, jump_keyring = trust.jump, keyring.jump
    assert jump_trust is not None, "what is known of a machine includes its jump host"
    assert jump_keyring is not None, "so do its keys"
    try:
        jump = jumps.get(
            via,
            machine,
            deadline,
            lambda: dial(machine, via, jump_trust, jump_keyring, deadline, jumps=jumps),
        )
    except HostKeyError:  # it names the jump host itself
        raise
    except InstallerError as error:
        error.observed = f"jump host {place(via)}: {error.observed}"
        raise
    channel = _forward(machine, jump.transport, endpoint, deadline)
    on_stage(passed("connect", f"{place(endpoint)} through {place(via)}"))
    return channel


def _forward(machine: str, transport: paramiko.Transport, endpoint: Endpoint, deadline: Deadline) -> paramiko.Channel:
    via = endpoint.jump
    assert via is not None
    target = (endpoint.address, endpoint.port)
    try:
        return transport.open_channel("direct-tcpip", target, ("127.0.0.1", 0), timeout=deadline.patience)
    except paramiko.ChannelException as error:
        seen = f"jump host {place(via)} cannot connect to {place(endpoint)}: {error.text}"
        hint = "check that the machine runs, and that its address is one that the jump host reaches"
        if error.code == 1:
            seen = f"jump host {place(via)} may not connect to {place(endpoint)}: {error.text}"
            hint = "on the jump host, set AllowTcpForwarding yes in sshd_config (and PermitOpen, if set)"
        raise InstallerError("connect", seen, machine=machine, hint=hint, retryable=error.code != 1) from None
    except (paramiko.SSHException, EOFError, OSError):
        seen = f"jump host {place(via)} did not connect to {place(endpoint)} within {deadline.seconds:.0f} s"
        if deadline.left:
            seen = f"the connection to jump host {place(via)} dropped"
        hint = "check that the machine runs, and that its address is one that the jump host reaches"
        raise InstallerError("connect", seen, machine=machine, hint=hint, retryable=True) from None


class _Transport(paramiko.Transport):
    """paramiko's, with what is asked for in an order of ours: certificates come where they are wanted."""

    _active_check_timeout = _AWAKE

    def __init__(self, stream: Replay, algorithms: Sequence[str]) -> None:
        self._algorithms = tuple(name for name in algorithms if name in self._key_info)  # type: ignore[attr-defined]
        super().__init__(
            stream,  # type: ignore[arg-type]
            disabled_algorithms=_DISABLED_ALGORITHMS,
            packetizer_class=OrderlyPacketizer,
        )

    def _log(self, level: int, msg: str, *args: object) -> None:
        """Nothing: what fails is reported in words, and nobody reads this."""

    @property
    def preferred_ciphers(self) -> Sequence[str]:
        return _CIPHERS

    @property
    def preferred_keys(self) -> Sequence[str]:
        return self._algorithms


def _introduce(
    machine: str, stream: Stream, trust: HostKeys, deadline: Deadline, on_stage: OnStage
) -> tuple[paramiko.Transport, ShownKey]:
    """The server's banner and key exchange, up to a host key that is trusted."""
    try:
        banner = await_banner(machine, stream, deadline)
        on_stage(passed("banner", version(banner)))
        transport = _Transport(Replay(stream, banner), trust.algorithms(deadline))
    except BaseException:
        stream.close()
        raise
    try:
        shown = _handshake(machine, transport, deadline)
        on_stage(passed("host key", trust.judge(machine, shown, deadline, _peer(stream))))
    except BaseException:
        transport.close()
        raise
    return transport, shown


def _peer(stream: Stream) -> str | None:
    """The address of the server, unless the way there is a jump host's."""
    return str(stream.getpeername()[0]) if isinstance(stream, socket.socket) else None


def _handshake(machine: str, transport: paramiko.Transport, deadline: Deadline) -> ShownKey:
    """Agree on algorithms and keys; return the host key that the server proved to have."""
    transport.banner_timeout = transport.handshake_timeout = deadline.patience
    done = threading.Event()
    transport.start_client(event=done)
    done.wait(deadline.left)
    if not done.is_set():
        observed = f"the server didn't finish the key exchange within {deadline.seconds:.0f} s"
        raise InstallerError("connect", observed, machine=machine, hint="it may be overloaded", retryable=True)
    if not transport.is_active():
        raise _handshake_failure(machine, transport.get_exception())
    server = transport.get_remote_server_key()
    certificate = server.public_blob.key_blob if server.public_blob else None
    return ShownKey(f"{server.get_name()} {server.get_base64()}", certificate)


def _handshake_failure(machine: str, error: Exception | None) -> InstallerError:
    if isinstance(error, paramiko.ssh_exception.IncompatiblePeer):
        return InstallerError(
            "connect",
            f"no algorithm that both sides accept: {error!s}",
            machine=machine,
            hint="the server offers only broken algorithms (CBC, SHA-1): update its sshd",
        )
    if isinstance(error, (EOFError, OSError)) or error is None:
        return went_away(machine, "the server closed the connection during the key exchange")
    seen = f"the key exchange failed: {error!s}"
    hint = "that may not be an SSH server, or something alters the traffic: check the address and the port"
    return InstallerError("connect", seen, machine=machine, hint=hint, retryable=True)
