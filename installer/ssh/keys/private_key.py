"""Private key files: the public half of one, whether it is locked, and signatures by it."""

from __future__ import annotations

import base64
import binascii
import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from installer.common.text import tilde
from installer.ssh.keys import wire
from installer.ssh.keys.wire import Reader, mpint, string

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.serialization import SSHPrivateKeyTypes

_MAGIC = b"openssh-key-v1\0"
_CONTAINER = re.compile(rb"-----BEGIN OPENSSH PRIVATE KEY-----(.*?)-----END OPENSSH PRIVATE KEY-----", re.DOTALL)
_ENCRYPTED = (b"Proc-Type: 4,ENCRYPTED", b"BEGIN ENCRYPTED PRIVATE KEY")
_LONGEST = 64 * 1024


class KeyFileError(Exception):
    """The file is no key that can be used: the message says why, and what to do."""


@dataclass(frozen=True)
class KeyFile:
    """A key file that exists."""

    path: Path
    blob: bytes | None
    """Its public half; None where only a passphrase would tell."""
    comment: str
    private: bool
    """Whether it holds a private key, and not its public half alone."""
    locked: bool
    """Whether the private key needs a passphrase."""


def read(path: Path) -> KeyFile | None:
    """What a key file tells without a passphrase; None if there is none. Raises KeyFileError."""
    data = _read(path)
    if data is None:
        return None
    if b"PRIVATE KEY-----" not in data:
        try:
            blob, comment = wire.from_line(data.decode("utf-8", "replace").strip())
        except ValueError:
            raise KeyFileError(f"{tilde(path)} is not a key") from None
        return KeyFile(path, blob, comment, private=False, locked=False)
    _check_mode(path)
    beside, comment = _public_half(path)
    if found := _CONTAINER.search(data):
        try:
            blob, locked = _open_container(found[1])
        except ValueError:
            raise KeyFileError(f"{tilde(path)} is a damaged key") from None
        return KeyFile(path, blob, comment, private=True, locked=locked)
    if any(mark in data for mark in _ENCRYPTED):
        return KeyFile(path, beside, comment, private=True, locked=True)
    return KeyFile(path, PrivateKey(path, "").blob, comment, private=True, locked=False)


def _read(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            return file.read(_LONGEST)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise KeyFileError(f"{tilde(path)} cannot be read: {error.strerror}") from None


def _check_mode(path: Path) -> None:
    """OpenSSH passes over private keys that others may read; so do we, and say so."""
    status = path.stat()
    if status.st_uid == os.getuid() and status.st_mode & 0o077:
        mode = f"{status.st_mode & 0o777:04o}"
        raise KeyFileError(f"{tilde(path)} can be read by others (mode {mode}): chmod 600 it")


def _public_half(path: Path) -> tuple[bytes | None, str]:
    """The content of the file next to a private key that ends in `.pub`, if there is one."""
    try:
        data = _read(path.with_name(path.name + ".pub"))
        return wire.from_line(data.decode("utf-8", "replace")) if data else (None, "")
    except (ValueError, KeyFileError):
        return None, ""


def _open_container(encoded: bytes) -> tuple[bytes, bool]:
    """The public half in an OpenSSH private key, and whether the rest is encrypted (PROTOCOL.key)."""
    try:
        data = base64.b64decode(encoded)
    except binascii.Error as error:
        raise ValueError(str(error)) from None
    reader = Reader(data)
    if reader.take(len(_MAGIC)) != _MAGIC:
        raise ValueError("not an OpenSSH private key")
    cipher, _kdf, _options, count = reader.string(), reader.string(), reader.string(), reader.number()
    if count != 1:
        raise ValueError("more than one key")
    blob = reader.string()
    wire.kind(blob)
    return blob, cipher != b"none"


class PrivateKey:
    """The private key in a file, read when it first signs."""

    def __init__(self, path: Path, passphrase: str) -> None:
        self._path = path
        self._passphrase = passphrase

    @cached_property
    def _key(self) -> SSHPrivateKeyTypes:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_ssh_private_key

        data = _read(self._path) or b""
        load = load_ssh_private_key if _CONTAINER.search(data) else load_pem_private_key
        try:
            return load(data, self._passphrase.encode() or None)  # type: ignore[return-value]
        except UnsupportedAlgorithm as error:
            raise KeyFileError(f"{tilde(self._path)} is a key of a kind that cannot be used: {error}") from None
        except (ValueError, TypeError) as error:
            seen = "the passphrase is wrong" if self._passphrase else str(error)
            raise KeyFileError(f"{tilde(self._path)}: {seen}") from None

    @property
    def blob(self) -> bytes:
        """The public half. Raises KeyFileError."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        line = self._key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
        return wire.from_line(line.decode())[0]

    def sign(self, data: bytes, algorithm: str) -> bytes:
        """The signature of `data` in SSH's wire format. Raises KeyFileError."""
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        key, name = self._key, algorithm.removesuffix(wire.CERTIFICATE)
        if isinstance(key, Ed25519PrivateKey):
            signature = key.sign(data)
        elif isinstance(key, rsa.RSAPrivateKey):
            hashed = hashes.SHA512() if name == "rsa-sha2-512" else hashes.SHA256()
            signature = key.sign(data, padding.PKCS1v15(), hashed)
        elif isinstance(key, ec.EllipticCurvePrivateKey):
            by_size = {256: hashes.SHA256(), 384: hashes.SHA384(), 521: hashes.SHA512()}
            r, s = utils.decode_dss_signature(key.sign(data, ec.ECDSA(by_size[key.curve.key_size])))
            signature = mpint(r) + mpint(s)
        else:
            raise KeyFileError(f"{tilde(self._path)} is a key of a kind that cannot be used")
        return string(name.encode()) + string(signature)
