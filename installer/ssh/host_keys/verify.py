"""Whether a server's host key is the one to expect: pinned, vouched for by the platform, or known to the user."""

from __future__ import annotations

import re
from dataclasses import dataclass

from installer.common.errors import InstallerError
from installer.common.paths import ClusterDirectory
from installer.ssh.endpoint import Endpoint
from installer.ssh.host_keys import known_hosts as hostfile
from installer.ssh.host_keys import pinned_keys as known_hosts
from installer.ssh.host_keys.certificate import HostCertificate
from installer.ssh.host_keys.certificate import read as read_certificate
from installer.ssh.host_keys.known_hosts import Line, Marker
from installer.ssh.host_keys.pinned_keys import fingerprint

_PLAIN = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
)
"""Host key algorithms in OpenSSH's order, without SHA-1 signatures and without what paramiko does not know."""
_CERTIFIED = "-cert-v01@openssh.com"

JUMP = "jump:"
"""How the names begin under which jump hosts' keys are pinned."""
_OPERATION = "check host key"


@dataclass(frozen=True, slots=True)
class ShownKey:
    """What a server showed and proved to have: its plain key as `TYPE BASE64`, and the certificate around it."""

    key: str
    certificate: bytes | None = None


class HostKeyError(InstallerError):
    """A host key that is not trusted. `name` is what to pin it under, `expected` the keys that were known before."""

    def __init__(
        self,
        observed: str,
        hint: str,
        *,
        machine: str,
        name: str,
        address: str,
        shown: str,
        expected: str | None = None,
        where: str = "",
    ) -> None:
        super().__init__(_OPERATION, observed, machine=machine, hint=hint)
        self.name = name
        """The machine's name, or `jump:[host]:port`."""
        self.address = address
        """Where the server was found, as `host:port`."""
        self.shown = shown
        """The key that the server showed, as `TYPE BASE64`."""
        self.expected = expected
        """The key that stands in its place, as `TYPE BASE64`, or None."""
        self.where = where
        """Where the expected (or revoked) key stands, such as `~/.ssh/known_hosts line 12`."""


class UnknownHostKey(HostKeyError):  # noqa: N818 (it says what the key is)
    """Nobody said anything about the host's key yet."""


class ChangedHostKey(HostKeyError):  # noqa: N818 (it says what the key is)
    """The host was known by another key."""


class RevokedHostKey(HostKeyError):  # noqa: N818 (it says what the key is)
    """The key, or the authority that signed it, is marked @revoked."""


@dataclass(frozen=True, slots=True)
class HostKeys:
    """What is known of one server, from files read once."""

    endpoint: Endpoint
    name: str | None
    """What its key is pinned under; None: the machine's own name."""
    pinned: tuple[Line, ...]
    """Keys of the cluster's own file, which alone decide where there are any."""
    lines: tuple[Line, ...]
    """Of the user's files; and of the cluster's, those with a marker."""
    portless: tuple[Line, ...] = ()
    """Of the user's files, where the host is known on another port than the one asked for, as OpenSSH looks, too."""
    jump: HostKeys | None = None
    """What is known of the host through which the connection goes."""

    def algorithms(self) -> tuple[str, ...]:
        """Every host key algorithm to ask for, best first: certificates if an authority is known, then known keys'.

        A server has keys of several types and shows the first one that is asked for.
        """
        types = {line.key.split()[0] for line in self._keys} or {line.key.split()[0] for line in self.portless}
        plain = sorted(_PLAIN, key=lambda name: _key_type(name) not in types)
        certified = [f"{name}{_CERTIFIED}" for name in plain]
        return tuple([*certified, *plain] if self._authorities else [*plain, *certified])

    def judge(self, machine: str, shown: ShownKey) -> str:
        """Where the shown key is known from, in words. Raises UnknownHostKey, ChangedHostKey, RevokedHostKey."""
        certificate = read_certificate(shown.certificate) if shown.certificate else None
        self._check_revoked(machine, shown, certificate)
        doubt = ""
        for line in self._authorities:
            if certificate and certificate.authority == line.key:
                problem = certificate.problem(shown.key, self._host)
                if problem is None:
                    return f"certificate of {fingerprint(line.key)}, {line.where}"
                doubt = f"; its certificate does not count: {problem}"
        for line in self._keys or self.portless:
            if line.key == shown.key:
                return "as pinned" if self.pinned else line.where
        if self._keys:
            raise self._changed(machine, shown, self._keys[0])
        raise self._unknown(machine, shown, doubt)

    @property
    def _keys(self) -> tuple[Line, ...]:
        """The plain keys that decide: those pinned, or the one that the platform vouches for, or the user's."""
        if self.pinned:
            return self.pinned
        if self.endpoint.host_key:
            return (Line(Marker.KEY, "", self.endpoint.host_key, "as the platform says"),)
        return tuple(line for line in self.lines if line.marker is Marker.KEY)

    @property
    def _authorities(self) -> tuple[Line, ...]:
        """Who may vouch for the server: nobody, where one key is pinned."""
        if self.pinned or self.endpoint.host_key:
            return ()
        return tuple(line for line in (*self.lines, *self.portless) if line.marker is Marker.AUTHORITY)

    @property
    def _host(self) -> str:
        """The name that a certificate must be for: OpenSSH asks for it without the port."""
        return _without_port(_known_as(self.endpoint))

    def _check_revoked(self, machine: str, shown: ShownKey, certificate: HostCertificate | None) -> None:
        for line in (*self.lines, *self.portless):
            if line.marker is not Marker.REVOKED:
                continue
            if line.key == shown.key:
                what = f"the host key {fingerprint(shown.key)}"
            elif certificate and certificate.authority == line.key:
                what = f"the authority {fingerprint(line.key)} that signed the host key"
            else:
                continue
            raise RevokedHostKey(
                f"{self._place}{what} is marked @revoked ({line.where})",
                "do not log in; give the machine a new host key (ssh-keygen -A after removing the old), or ask whoever "
                "revoked it",
                machine=machine,
                name=self.name or machine,
                address=self._address,
                shown=shown.key,
                where=line.where,
            )

    def _changed(self, machine: str, shown: ShownKey, expected: Line) -> ChangedHostKey:
        where = f" ({expected.where})" if expected.where else ""
        return ChangedHostKey(
            f"{self._place}host key changed: expected {fingerprint(expected.key)}{where}, "
            f"the server shows {fingerprint(shown.key)}",
            "if the machine was made again on purpose, resume, and say so when asked; "
            "if not, another machine answers in its place: do not log in",
            machine=machine,
            name=self.name or machine,
            address=self._address,
            shown=shown.key,
            expected=expected.key,
            where=expected.where,
        )

    def _unknown(self, machine: str, shown: ShownKey, doubt: str) -> UnknownHostKey:
        kind = shown.key.split()[0]
        return UnknownHostKey(
            f"{self._place}the host key {fingerprint(shown.key)} ({kind}) is not known{doubt}",
            "compare it with what `ssh-keygen -lf` says of the .pub files in /etc/ssh on the machine; then accept it "
            "when asked, or with --accept-new-host-keys",
            machine=machine,
            name=self.name or machine,
            address=self._address,
            shown=shown.key,
        )

    @property
    def _place(self) -> str:
        """What stands before a message that is about a host on the way."""
        return f"jump host {self._address}: " if self.name else ""

    @property
    def _address(self) -> str:
        host = f"[{self.endpoint.address}]" if ":" in self.endpoint.address else self.endpoint.address
        return f"{host}:{self.endpoint.port}"


def jump_name(endpoint: Endpoint) -> str:
    """What a jump host's key is pinned under in the cluster's file."""
    return f"{JUMP}[{endpoint.address}]:{endpoint.port}"


def known(directory: ClusterDirectory, machine: str, endpoint: Endpoint) -> HostKeys:
    """What is known of `machine`, and in `.jump` of each host on the way to it."""
    return _gather(endpoint, None, known_hosts.lines(directory, machine), directory)


def host_keys(endpoint: Endpoint, pinned: str | None = None) -> HostKeys:
    """What is known of a server of which `pinned` (`TYPE BASE64`) is pinned, and of jump hosts without a cluster."""
    return _gather(endpoint, None, (Line(Marker.KEY, "", pinned),) if pinned else (), None)


def _gather(
    endpoint: Endpoint, name: str | None, own: tuple[Line, ...], directory: ClusterDirectory | None
) -> HostKeys:
    theirs = [line for path in endpoint.known_hosts for line in hostfile.read(path)]
    asked = _known_as(endpoint)
    bare = _without_port(asked)
    jump = None
    if via := endpoint.jump:
        jump_own = known_hosts.lines(directory, jump_name(via)) if directory else ()
        jump = _gather(via, jump_name(via), jump_own, directory)
    return HostKeys(
        endpoint,
        name,
        pinned=tuple(line for line in own if line.marker is Marker.KEY),
        lines=(
            *(line for line in own if line.marker is not Marker.KEY),
            *(line for line in theirs if line.names(asked)),
        ),
        portless=tuple(line for line in theirs if bare != asked and line.names(bare)),
        jump=jump,
    )


def _known_as(endpoint: Endpoint) -> str:
    if endpoint.known_as:
        return endpoint.known_as
    return endpoint.address if endpoint.port == 22 else f"[{endpoint.address}]:{endpoint.port}"


def _without_port(known_as: str) -> str:
    found = re.fullmatch(r"\[(.+)\]:\d+", known_as)
    return found[1] if found else known_as


def _key_type(algorithm: str) -> str:
    """The type of the keys that sign by an algorithm: RSA keys have several."""
    return "ssh-rsa" if algorithm.startswith("rsa-sha2-") else algorithm
