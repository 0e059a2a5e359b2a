"""Whether a server's host key is the one to expect: pinned, vouched for by the platform, or known to OpenSSH."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from installer.common.deadline import Deadline
from installer.common.errors import InstallerError
from installer.common.paths import ClusterDirectory
from installer.ssh.endpoint import Endpoint, OpenSSH
from installer.ssh.host_keys import known_hosts, pinned_keys
from installer.ssh.host_keys.known_hosts import Line, Marker
from installer.ssh.host_keys.openssh import Opinion, Verdict, algorithms, opinion
from installer.ssh.host_keys.pinned_keys import fingerprint
from installer.ssh.keys import wire

_PLAIN = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
)
"""Host key algorithms where OpenSSH has no say, in its order, without SHA-1 signatures."""

JUMP = "jump:"
"""How the names begin under which jump hosts' keys are pinned."""
_OPERATION = "check host key"
_REVOKED_HINT = (
    "do not log in; give the machine a new host key (remove the old one, then ssh-keygen -A), or ask whoever revoked it"
)
_REFUSED_HINT = "`ssh -v` to the machine shows the reason; correct ~/.ssh/config or the files that it names"
_CHANGED_HINT = (
    "if the machine was made again on purpose, resume, and say so when asked; "
    "if not, another machine answers in its place: do not log in"
)
_UNKNOWN_HINT = (
    "compare it with what `ssh-keygen -lf` says of the .pub files in /etc/ssh on the machine; then accept it "
    "when asked, or with --accept-new-host-keys"
)
_STRICT_HINT = (
    "compare the key and add it to known_hosts, or set StrictHostKeyChecking ask for this host in ~/.ssh/config"
)


@dataclass(frozen=True, slots=True)
class ShownKey:
    """What a server showed and proved to have: its plain key as `TYPE BASE64`, and the certificate around it."""

    key: str
    certificate: bytes | None = None

    @property
    def blob(self) -> bytes:
        """The certificate or the key, as in SSH's messages."""
        return self.certificate or wire.from_line(self.key)[0]

    @property
    def is_one_key(self) -> bool:
        """Whether the certificate, if any, is one of the key."""
        try:
            return wire.plain(self.blob) == wire.from_line(self.key)[0]
        except ValueError:
            return False


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
        agreed: bool = False,
    ) -> None:
        super().__init__(_OPERATION, observed, machine=machine, hint=hint)
        self.name = name
        """The machine's name, or `jump:[host]:port`."""
        self.address = address
        """Where the server was found, as `host:port`."""
        self.shown = shown
        """The key that the server showed, as `TYPE BASE64`."""
        self.expected = expected
        """The key that is known in its place, as `TYPE BASE64`, or None."""
        self.where = where
        """Where the expected (or revoked) key is known, such as `~/.ssh/known_hosts line 12`."""
        self.agreed = agreed
        """Whether the user's StrictHostKeyChecking accepts new keys without a question."""


E = TypeVar("E", bound=HostKeyError)


class UnknownHostKey(HostKeyError):  # noqa: N818 (it says what the key is)
    """Nobody said anything about the host's key yet."""


class ChangedHostKey(HostKeyError):  # noqa: N818 (it says what the key is)
    """The host was known by another key."""


class RevokedHostKey(HostKeyError):  # noqa: N818 (it says what the key is)
    """The key, or the authority that signed it, is revoked."""


class RefusedHostKey(HostKeyError):  # noqa: N818 (it says what becomes of the key)
    """OpenSSH refuses the key for another reason, and nobody is asked."""


@dataclass(frozen=True, slots=True)
class HostKeys:
    """What is known of one server."""

    endpoint: Endpoint
    name: str | None
    """What its key is pinned under; None: the machine's own name."""
    lines: tuple[Line, ...]
    """What the cluster's own file says of it."""
    jump: HostKeys | None = None
    """What is known of the host through which the connection goes."""

    @property
    def expected(self) -> tuple[Line, ...]:
        """The keys that alone are the server's: those pinned, or the one that the platform vouches for. Or none."""
        if pinned := tuple(line for line in self.lines if line.marker is Marker.KEY):
            return pinned
        if self.endpoint.host_key:
            return (Line(Marker.KEY, "", self.endpoint.host_key, "as the platform says"),)
        return ()

    def algorithms(self, deadline: Deadline) -> tuple[str, ...]:
        """Every host key algorithm to ask for, best first. Raises InstallerError.

        A server has keys of several types and shows the first one that is asked for.
        """
        openssh, types = self.endpoint.openssh, {line.key.split()[0] for line in self.expected}
        if not types:
            return algorithms(openssh, deadline) if openssh else _PLAIN
        allowed = [name for name in openssh.algorithms if not name.endswith(wire.CERTIFICATE)] if openssh else _PLAIN
        return tuple(sorted(allowed, key=lambda name: _key_type(name) not in types))

    def judge(self, machine: str, shown: ShownKey, deadline: Deadline, peer: str | None = None) -> str:
        """Where the shown key is known from, in words. Raises HostKeyError in one of its kinds, and InstallerError.

        `peer` is the address of the server, of one that is connected to directly.
        """
        answer = self._ask(shown, deadline, peer)
        self._check_refused(machine, shown, answer)
        for line in self.expected:
            if line.key == shown.key:
                return "as pinned" if line in self.lines else line.where
        if self.expected:
            raise self._changed(machine, shown, self.expected[0].key, self.expected[0].where)
        if answer.verdict is Verdict.CHANGED:
            raise self._changed(machine, shown, answer.expected, answer.where)
        if answer.verdict is Verdict.UNKNOWN:
            raise self._unknown(machine, shown, answer.why)
        return answer.why

    def _ask(self, shown: ShownKey, deadline: Deadline, peer: str | None) -> Opinion:
        """What OpenSSH makes of the key. It looks at the address as well only where it connects to that itself."""
        openssh = self.endpoint.openssh
        if openssh is None or self._decides_alone(openssh, shown):
            return Opinion(Verdict.UNKNOWN, "")
        if not shown.is_one_key:
            return Opinion(Verdict.REFUSED, "the server shows a certificate of another key")
        answer = opinion(openssh, shown.blob, deadline)
        undecided = answer.verdict in (Verdict.TRUSTED, Verdict.UNKNOWN)
        if undecided and openssh.check_address and peer and not shown.certificate:
            alias = peer if self.endpoint.port == 22 else f"[{peer}]:{self.endpoint.port}"
            of_address = opinion(openssh, shown.blob, deadline, alias=alias)
            if of_address.verdict is Verdict.CHANGED:
                return of_address
        return answer

    def _decides_alone(self, openssh: OpenSSH, shown: ShownKey) -> bool:
        """Whether the pinned key is shown, and OpenSSH could only refuse it where a file revokes keys, and none does.

        To ask `ssh` takes a process for each login. It refuses RSA keys for their size, and certificates for more.
        """
        if shown.certificate or openssh.files is None or shown.key.startswith("ssh-rsa "):
            return False
        if shown.key not in {line.key for line in self.expected}:
            return False
        try:
            return not any(known_hosts.revokes(path) for path in openssh.files)
        except InstallerError:
            return False  # `ssh` says what it makes of a file that can't be read

    def _check_refused(self, machine: str, shown: ShownKey, answer: Opinion) -> None:
        """Raise RevokedHostKey or RefusedHostKey where it does not matter what is pinned."""
        for line in self.lines:
            if line.marker is Marker.REVOKED and line.key == shown.key:
                seen = f"the host key {fingerprint(shown.key)} is marked @revoked ({line.where})"
                raise self._error(RevokedHostKey, machine, shown, seen, _REVOKED_HINT, where=line.where)
        if answer.verdict is Verdict.REVOKED:
            seen = f"the host key {fingerprint(shown.key)} is revoked; ssh says: {answer.why}"
            raise self._error(RevokedHostKey, machine, shown, seen, _REVOKED_HINT)
        if answer.verdict is Verdict.REFUSED:
            seen = f"ssh refuses the host key {fingerprint(shown.key)}: {answer.why}"
            raise self._error(RefusedHostKey, machine, shown, seen, _REFUSED_HINT)

    def _changed(self, machine: str, shown: ShownKey, expected: str | None, where: str) -> ChangedHostKey:
        known = f"expected {fingerprint(expected)}" if expected else "another one is known"
        place = f" ({where})" if where else ""
        seen = f"host key changed: {known}{place}, the server shows {fingerprint(shown.key)}"
        return self._error(ChangedHostKey, machine, shown, seen, _CHANGED_HINT, expected=expected, where=where)

    def _unknown(self, machine: str, shown: ShownKey, doubt: str) -> HostKeyError:
        kind = shown.key.split()[0]
        seen = f"the host key {fingerprint(shown.key)} ({kind}) is not known{'; ' if doubt else ''}{doubt}"
        new_keys = self.endpoint.openssh.new_keys if self.endpoint.openssh else "ask"
        if new_keys == "refuse":
            seen += ", and StrictHostKeyChecking is yes"
            return self._error(RefusedHostKey, machine, shown, seen, _STRICT_HINT)
        return self._error(UnknownHostKey, machine, shown, seen, _UNKNOWN_HINT, agreed=new_keys == "accept")

    def _error(
        self,
        kind: type[E],
        machine: str,
        shown: ShownKey,
        seen: str,
        hint: str,
        *,
        expected: str | None = None,
        where: str = "",
        agreed: bool = False,
    ) -> E:
        return kind(
            f"{self._place}{seen}",
            hint,
            machine=machine,
            name=self.name or machine,
            address=self._address,
            shown=shown.key,
            expected=expected,
            where=where,
            agreed=agreed,
        )

    @property
    def _place(self) -> str:
        """The prefix of a message about a host on the way."""
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
    return _gather(endpoint, None, pinned_keys.lines(directory, machine), directory)


def host_keys(endpoint: Endpoint, pinned: str | None = None) -> HostKeys:
    """What is known of a server of which `pinned` (`TYPE BASE64`) is pinned, and of jump hosts without a cluster."""
    return _gather(endpoint, None, (Line(Marker.KEY, "", pinned),) if pinned else (), None)


def _gather(
    endpoint: Endpoint, name: str | None, lines: tuple[Line, ...], directory: ClusterDirectory | None
) -> HostKeys:
    jump = None
    if via := endpoint.jump:
        own = pinned_keys.lines(directory, jump_name(via)) if directory else ()
        jump = _gather(via, jump_name(via), own, directory)
    return HostKeys(endpoint, name, lines, jump)


def _key_type(algorithm: str) -> str:
    """The type of the keys that sign by an algorithm: RSA keys have several."""
    return "ssh-rsa" if algorithm.startswith("rsa-sha2-") else algorithm
