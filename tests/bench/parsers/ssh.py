"""What SSH brings: `ssh -G`, configurations, host keys, key files, agents, banners."""

from __future__ import annotations

import base64
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import patch

from installer.common.deadline import Deadline
from installer.common.paths import ClusterDirectory
from installer.plan.host import Host
from installer.plan.sections import SSH
from installer.ssh import config, config_answer, config_answers, config_hosts, host_probe
from installer.ssh.connection import Result
from installer.ssh.host_keys import exchange, known_hosts, openssh, pinned_keys
from installer.ssh.keys import cluster_key, private_key, wire
from installer.ssh.keys.agent import Agent, AgentError
from installer.ssh.transport import tcp
from tests.bench.parsers.parser import Feed, Parser, encoded, of_bytes, of_file, of_text, served

_ED25519 = wire.string(b"ssh-ed25519") + wire.string(bytes(range(32)))
_LINE = wire.as_line(_ED25519)
_RSA = wire.string(b"ssh-rsa") + wire.string(b"\1\0\1") + wire.string(b"\0" + bytes(range(255)) + b"\1")
_CERTIFICATE = b"".join(
    (
        wire.string(b"ssh-ed25519-cert-v01@openssh.com"),
        wire.string(bytes(32)),
        wire.string(bytes(range(32))),
        bytes(8),
        (2).to_bytes(4, "big"),
        wire.string(b"host id"),
        wire.string(wire.string(b"m1.example.test")),
        bytes(8),
        b"\xff" * 8,
        wire.string(b""),
        wire.string(b""),
        wire.string(b""),
        wire.string(_ED25519),
        wire.string(b"signature"),
    )
)
_ANSWER = """\
host m1
user root
hostname 10.0.0.11
port 22
checkhostip no
identitiesonly yes
hostkeyalgorithms ssh-ed25519,rsa-sha2-512
identityfile ~/.ssh/id_ed25519
identityfile /home/x/%d ${HOME}
identityagent SSH_AUTH_SOCK
userknownhostsfile /root/.ssh/known_hosts /root/.ssh/known_hosts2
stricthostkeychecking ask
proxyjump none
"""
_JUMPS = _ANSWER.replace("proxyjump none", "proxyjump ops@bastion:2222,[fe80::1]:22")
_CONFIG = "Host m1 m2 *.example.test !bad\n  HostName 10.0.0.1\n  User=root\nInclude conf.d/* ~/x\nMatch all\n"
_KNOWN = f"""\
m1,10.0.0.11 {_LINE} a remark
[m2]:2222 {_LINE}
*.example.test,!bad.example.test {_LINE}
@cert-authority * {_LINE}
@revoked m3 {_LINE}
|1|F1E1KeoE/eEWhi10WpGv4OdiO6Y=|3988QV0VE8wmZL7suNrYQLITLCg= {_LINE}
# a remark
"""
_SAID = """\
OpenSSH_9.2p1 Debian
debug1: Server host key: ssh-ed25519 SHA256:uNiVztksCsDhcc0u9e8BgrJXVGDBFvGyqmF8w2sZpTo
debug1: Found key in /root/.ssh/kn\\303\\266wn_hosts:12
ssh_dispatch_run_fatal: Connection to UNKNOWN: unexpected bytes remain after decoding
"""
_CHANGED = """\
debug1: Server host certificate: ssh-ed25519 SHA256:abc, serial 0 ID "x" CA ssh-ed25519 SHA256:abc valid forever
@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @
Offending ED25519 key in /root/.ssh/known_hosts:3
Certificate invalid: name is not a listed principal
No ED25519 host key is known for m1 and you have requested strict checking.
"""
_OPENSSH_KEY = base64.encodebytes(
    b"openssh-key-v1\0"
    + b"".join(map(wire.string, (b"none", b"none", b"")))
    + (1).to_bytes(4, "big")
    + wire.string(_ED25519)
    + wire.string(bytes(64))
)
_KEYS = (
    b"-----BEGIN OPENSSH PRIVATE KEY-----\n" + _OPENSSH_KEY + b"-----END OPENSSH PRIVATE KEY-----\n",
    b"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0A\n\nMIIE\n"
    b"-----END RSA PRIVATE KEY-----",
    b"-----BEGIN PRIVATE KEY-----\n"
    b"MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n-----END PRIVATE KEY-----",
    _LINE.encode() + b" me@home",
)
_PROBED = """\
NONCE begin
NONCE shell
/bin/bash
NONCE user
1000
NONCE sudo
sudo: a password is required
NONCE allowed 1
NONCE kernel
Linux x86_64
NONCE system
PRETTY_NAME="Debian GNU/Linux 13 (trixie)"
ID=debian
VERSION_ID="13"
ID_LIKE="debian 'x"
NONCE end
"""
_NOLOGIN = "This account is currently not available.\n"
_HEALTHY = _PROBED.replace("allowed 1", "allowed 0")


@contextmanager
def _asked() -> Iterator[Feed]:
    """`ssh -G` that says what the fuzzer wants; the second time, of a jump host, that there is no other."""
    said: list[bytes] = []

    def run(argv: list[str], **_options: object) -> subprocess.CompletedProcess[bytes]:
        return subprocess.CompletedProcess(argv, 0, said.pop(0) if said else _ANSWER.encode(), b"")

    def feed(data: bytes) -> object:
        said[:] = [data]
        return config.endpoint(Host(address="m1"), SSH())

    with patch("subprocess.run", run):
        yield feed


@contextmanager
def _told_of_files() -> Iterator[Feed]:
    """`ssh -v -G` that says what the fuzzer wants of the files that it reads."""
    told: list[bytes] = [b""]

    def run(argv: list[str], **_options: object) -> subprocess.CompletedProcess[bytes]:
        return subprocess.CompletedProcess(argv, 0, _ANSWER.encode(), told[0])

    def feed(data: bytes) -> object:
        told[0] = data
        return config_answer.read_files("m1", (), "")

    with patch("subprocess.run", run):
        yield feed


@contextmanager
def _agent() -> Iterator[Feed]:
    """An agent that answers as the fuzzer wants."""
    with tempfile.TemporaryDirectory() as room, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        path = Path(room) / "agent"
        listener.bind(str(path))
        listener.listen()
        with served(listener) as answers:

            def feed(data: bytes) -> object:
                answers.append(data)
                return Agent(path).keys(Deadline(5))

            yield feed


def _nothing(*_args: object) -> None:
    return None


class _Stream:
    """A server that sends these bytes and closes."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def settimeout(self, _seconds: float) -> None: ...

    def recv(self, size: int) -> bytes:
        taken, self._data = self._data[:size], self._data[size:]
        return taken


def _banner(data: bytes) -> object:
    return tcp.version(tcp.await_banner("m1", cast(Any, _Stream(data)), Deadline(5)))


def _blob(data: bytes) -> object:
    return wire.fingerprint(data), wire.plain(data), wire.key_id(data), wire.as_line(data)


def _known_hosts(path: Path) -> object:
    known_hosts.forget()
    found = known_hosts.read(path)
    names = [line.names("m1.example.test") for line in found]
    pinned = ClusterDirectory(path.parent)
    path.replace(pinned.known_hosts)
    return names, known_hosts.key_at(pinned.known_hosts, 3), pinned_keys._without(pinned, "m1")


def _server_message(data: bytes) -> object:
    """What `ssh` sends when it is asked about a key."""
    process = SimpleNamespace(stdin=SimpleNamespace(write=_nothing, flush=_nothing), stdout=_Reading(data))
    return exchange._hear(cast(Any, process))


class _Reading:
    def __init__(self, data: bytes) -> None:
        self._data = data

    def readline(self, limit: int) -> bytes:
        line, newline, self._data = self._data.partition(b"\n")
        return (line + newline)[:limit]

    def read(self, size: int) -> bytes:
        taken, self._data = self._data[:size], self._data[size:]
        return taken


def _host_probe(text: str) -> None:
    connection = SimpleNamespace(run=lambda *_args, **_options: Result(1, text, text[-200:]))
    with patch("secrets.token_hex", lambda _size: "NONCE"):
        host_probe.examine("m1", cast(Any, connection), "root", Deadline(5), _nothing)


def _cluster_key(path: Path) -> object:
    directory = ClusterDirectory(path.parent)
    path.replace(directory.key)
    return cluster_key.public_key(directory)


_KEXINIT = wire.string(
    bytes([4]) + b"\x14" + bytes(16) + b"".join(wire.string(b"curve25519-sha256,ecdh") for _ in range(10)) + bytes(5)
)

PARSERS: tuple[Parser, ...] = (
    Parser("ssh -G", _asked, encoded(_ANSWER, _JUMPS)),
    Parser("ssh -v -G", _told_of_files, (b"debug1: Reading configuration data /dev/stdin\r\n" + _SAID.encode(),)),
    of_file("ssh_config", lambda path: config_hosts.aliases(path), encoded(_CONFIG)),
    of_file("hosts told apart", lambda path: config_answers._depends({}, [str(path)]), encoded(_CONFIG)),
    of_file("known_hosts", _known_hosts, encoded(_KNOWN)),
    of_text("fingerprint", pinned_keys.fingerprint, (_LINE, "ssh-ed25519", "x !")),
    of_file("the cluster's key", _cluster_key, _KEYS),
    of_text("words of ssh about a host key", openssh._read, (_SAID, _CHANGED)),
    of_bytes("messages of ssh", _server_message, (b"SSH-2.0-OpenSSH_9.2\r\n" + _KEXINIT,)),
    of_bytes("public keys and host certificates", _blob, (_ED25519, _RSA, _CERTIFICATE), ValueError),
    of_file("private key files", private_key.read, _KEYS, private_key.KeyFileError),
    Parser(
        "ssh-agent",
        _agent,
        (wire.string(bytes([12]) + (1).to_bytes(4, "big") + wire.string(_ED25519) + wire.string(b"me@home")),),
        (AgentError,),
    ),
    of_bytes("banner", _banner, (b"SSH-2.0-OpenSSH_9.2\r\n", b"hello\nSSH-2.0-x\r\n", b"HTTP/1.1 400 Bad\r\n")),
    of_text("what a login shell prints", _host_probe, (_PROBED, _HEALTHY, "", _NOLOGIN, "NONCE begin\nNONCE shell\n")),
)
