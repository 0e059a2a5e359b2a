"""Which keys are offered to a server, in OpenSSH's order, and the passphrases that unlock them while Craton runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from installer.common.deadline import Deadline
from installer.common.errors import InstallerError
from installer.common.homes import expanded_by_ssh
from installer.common.paths import ClusterDirectory
from installer.common.sanitise import clean
from installer.common.text import tilde
from installer.ssh.endpoint import Credentials, Endpoint
from installer.ssh.keys import private_key, wire
from installer.ssh.keys.agent import Agent, AgentError
from installer.ssh.keys.private_key import KeyFile, KeyFileError, PrivateKey

_AGENT_SECONDS = 5.0
_DEFAULTS = ("id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk", "id_xmss", "id_dsa")
"""What OpenSSH tries where no IdentityFile is set: nobody misses one that does not exist."""

Sign = Callable[[bytes, str, Deadline], bytes]
"""Data and algorithm to a signature in SSH's wire format; raises AgentError or KeyFileError."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One key or certificate that may let one in."""

    blob: bytes
    sign: Sign | None
    """None while its file is locked."""
    source: Literal["agent", "file"]
    label: str
    """For people: the fingerprint, and the comment or the file's name."""
    path: Path | None = None
    """The file of its private half, unless the agent has it."""

    @property
    def at_hand(self) -> bool:
        """Whether it signs at once: no agent, no hardware and no person has to be asked."""
        return self.source == "file" and self.sign is not None


@dataclass(frozen=True, slots=True)
class Keys:
    """All that can be offered, and what cannot be."""

    offers: tuple[Offer, ...]
    notes: tuple[str, ...] = ()
    """What was passed over and why, each a clause without a full stop."""
    sealed: tuple[Path, ...] = ()
    """Locked files that tell not even their public half."""


class Keyring:
    """The keys for one server, read when they are first needed, and in `jump` those for the host on the way."""

    def __init__(self, read: Callable[[], Keys], *, own: bool, jump: Keyring | None = None) -> None:
        self._read = read
        self._keys: Keys | None = None
        self._lock = threading.Lock()
        self.own = own
        """Whether it holds the cluster's own key, and not the user's."""
        self.jump = jump

    def keys(self) -> Keys:
        """Raises InstallerError if the cluster's own key is meant and cannot be used."""
        with self._lock:
            if self._keys is None:
                self._keys = self._read()
            return self._keys


class Keyrings:
    """Keyrings of a cluster's machines: read once for all machines with the same credentials."""

    def __init__(self, directory: ClusterDirectory | None) -> None:
        self._directory = directory
        self._lock = threading.Lock()
        self._found: dict[tuple[Credentials | None, ...], Keyring] = {}

    def of(self, endpoint: Endpoint) -> Keyring:
        chain = tuple(hop.credentials for hop in _hops(endpoint))
        with self._lock:
            if chain not in self._found:
                self._found[chain] = keyring(endpoint, self._directory)
            return self._found[chain]

    def forget(self) -> None:
        """Look again next time: a key may have been added to the agent since."""
        with self._lock:
            self._found.clear()


def keyring(endpoint: Endpoint, directory: ClusterDirectory | None = None) -> Keyring:
    """The keys of the endpoint's credentials; without credentials, the key of the cluster in `directory`."""
    jump = keyring(endpoint.jump, directory) if endpoint.jump else None
    if endpoint.credentials is not None:
        return Keyring(partial(_gather, endpoint.credentials), own=False, jump=jump)
    assert directory is not None, "a machine without credentials is reached with its cluster's key"
    return Keyring(partial(_own, directory), own=True, jump=jump)


_unlocked: dict[Path, PrivateKey] = {}
_passphrases: dict[str, str] = {}
passphrases: Mapping[str, str] = MappingProxyType(_passphrases)
"""Passphrases that were remembered, by path: in memory alone, to be handed to the engine's process."""


def remember(path: Path | str, passphrase: str) -> None:
    """Unlock a key file for as long as this process lives. Raises InstallerError if the passphrase is wrong."""
    path = expanded_by_ssh(str(path))
    key = PrivateKey(path, passphrase)
    try:
        _ = key.blob
    except KeyFileError as error:
        raise InstallerError("unlock the key", str(error), hint="give its passphrase, or add it with ssh-add") from None
    _unlocked[path] = key
    _passphrases[str(path)] = passphrase


def locked(endpoint: Endpoint) -> tuple[Path, ...]:
    """Key files of the endpoint and of its jump hosts that need a passphrase, and that no agent holds unlocked."""
    found: dict[Path, None] = {}
    for hop in _hops(endpoint):
        if hop.credentials is not None:
            keys = _gather(hop.credentials)
            found |= dict.fromkeys(offer.path for offer in keys.offers if offer.path and offer.sign is None)
            found |= dict.fromkeys(keys.sealed)
    return tuple(found)


def _hops(endpoint: Endpoint) -> Iterator[Endpoint]:
    hop: Endpoint | None = endpoint
    while hop is not None:
        yield hop
        hop = hop.jump


def _own(directory: ClusterDirectory) -> Keys:
    hint = "the key was made where the cluster was installed: copy it from there, mode 0600"
    try:
        file = private_key.read(directory.key)
    except KeyFileError as error:
        raise InstallerError("read the cluster's key", str(error), hint=hint) from None
    if file is None or file.blob is None or file.locked or not file.private:
        seen = "does not exist" if file is None else "is not a private key without a passphrase"
        raise InstallerError("read the cluster's key", f"the cluster's key {directory.key} {seen}", hint=hint)
    return Keys((_file_offer(file, file.blob, ""),))


def _gather(credentials: Credentials) -> Keys:
    """OpenSSH's order: certificates, keys of the agent that are named, its other keys, then files."""
    notes: list[str] = []
    held = _held(credentials, notes)
    files = list(_files(credentials.keys, notes))
    offers = _by_blob(_certificate_offers(credentials, files, held, notes))
    named = {file.blob for file in files}
    wanted = [key for key in held if _plain(key[0]) in named]
    wanted += [key for key in held if key not in wanted and not credentials.only]
    offers |= _by_blob(_agent_offer(credentials, blob, comment) for blob, comment in wanted if blob not in offers)
    for file in files:
        if file.blob in offers or file.blob is None:
            continue
        if file.private and not wire.kind(file.blob).startswith("sk-"):
            offers[file.blob] = _file_offer(file, file.blob, "")
        elif file.private:
            notes.append(f"{tilde(file.path)} needs its hardware, through the agent: ssh-add it")
        else:
            notes.append(f"{tilde(file.path)} is a public key, and the agent does not hold its private half")
    sealed = tuple(file.path for file in files if file.blob is None)
    return Keys(tuple(offers.values()), tuple(notes), sealed)


def _by_blob(offers: Iterable[Offer]) -> dict[bytes, Offer]:
    return {offer.blob: offer for offer in offers}


def _held(credentials: Credentials, notes: list[str]) -> list[tuple[bytes, str]]:
    """What the agent holds, as blob and comment."""
    if credentials.agent is None:
        notes.append("no ssh-agent is running (SSH_AUTH_SOCK is not set)")
        return []
    try:
        held = Agent(Path(credentials.agent)).keys(Deadline(_AGENT_SECONDS))
    except AgentError as error:
        notes.append(f"no ssh-agent answers at {credentials.agent}: {error}")
        return []
    known = [(blob, comment) for blob, comment in held if _plain(blob)]
    if not known:
        notes.append("the agent holds no key")
    return known


def _files(paths: Iterable[Path], notes: list[str]) -> Iterator[KeyFile]:
    for path in paths:
        try:
            file = private_key.read(path)
        except KeyFileError as error:
            notes.append(str(error))
            continue
        if file is None:
            if path.name not in _DEFAULTS:
                notes.append(f"{tilde(path)} does not exist")
        elif file.locked and path in _unlocked:
            yield KeyFile(path, _unlocked[path].blob, file.comment, private=True, locked=False)
        else:
            yield file


def _certificate_offers(
    credentials: Credentials, files: list[KeyFile], held: list[tuple[bytes, str]], notes: list[str]
) -> Iterator[Offer]:
    """Certificates that are named, or else those next to the keys; each with the key that it is for."""
    implied = tuple(file.path.with_name(f"{file.path.name}-cert.pub") for file in files)
    for path in credentials.certificates or implied:
        try:
            certificate = private_key.read(path)
        except KeyFileError as error:
            notes.append(str(error))
            continue
        if certificate is None or certificate.blob is None:
            if credentials.certificates:
                notes.append(f"{tilde(path)} does not exist")
            continue
        key, note = _plain(certificate.blob), f"certificate {tilde(path)}"
        file = next((file for file in files if file.private and file.blob == key), None)
        if any(blob == key for blob, _ in held):
            yield _agent_offer(credentials, certificate.blob, note, key)
        elif file:
            yield _file_offer(file, certificate.blob, note)
        else:
            notes.append(f"the private key of {note} is neither in the agent nor among the key files")


def _agent_offer(credentials: Credentials, blob: bytes, comment: str, key: bytes | None = None) -> Offer:
    """What the agent signs, with `key` where that is not `blob` itself."""
    agent = Agent(Path(credentials.agent or ""))

    def sign(data: bytes, algorithm: str, deadline: Deadline) -> bytes:
        return agent.sign(key or blob, data, algorithm, deadline)

    return Offer(blob, sign, "agent", _label(blob, comment[:60]))


def _file_offer(file: KeyFile, blob: bytes, comment: str) -> Offer:
    key = _unlocked.get(file.path) or PrivateKey(file.path, "")

    def sign(data: bytes, algorithm: str, _deadline: Deadline) -> bytes:
        return key.sign(data, algorithm)

    return Offer(blob, None if file.locked else sign, "file", _label(blob, comment or tilde(file.path)), file.path)


def _label(blob: bytes, comment: str) -> str:
    return f"{wire.fingerprint(blob)} {clean(comment)}".strip()


def _plain(blob: bytes) -> bytes:
    """The public key behind a blob; empty if it is of a kind that is not known."""
    try:
        return wire.plain(blob)
    except ValueError:
        return b""
