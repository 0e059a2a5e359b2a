"""SSH's own encoding of data (RFC 4251, 5) and of public keys: what keys and agents are made of."""

from __future__ import annotations

import base64
import hashlib

CERTIFICATE = "-cert-v01@openssh.com"
_FIELDS = {"ssh-ed25519": 1, "ecdsa": 2, "ssh-rsa": 2, "sk-ssh-ed25519": 2, "sk-ecdsa": 3}
"""Fields of a public key behind its type, by the beginning of the type."""


def string(data: bytes) -> bytes:
    """`data` with its length before it."""
    return len(data).to_bytes(4, "big") + data


def mpint(number: int) -> bytes:
    """A positive number; the highest bit of its first byte would be its sign."""
    return string(number.to_bytes(number.bit_length() // 8 + 1, "big") if number else b"")


class Reader:
    """Reads what was encoded. Raises ValueError where it ends too early."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        taken = self._data[self._at : self._at + count]
        if len(taken) < count:
            raise ValueError("the data ends too early")
        self._at += count
        return taken

    def number(self) -> int:
        return int.from_bytes(self.take(4), "big")

    def string(self) -> bytes:
        return self.take(self.number())


def kind(blob: bytes) -> str:
    """The type of a public key or certificate. Raises ValueError if it is neither."""
    return Reader(blob).string().decode("ascii")


def plain(blob: bytes) -> bytes:
    """The public key in a certificate; a public key itself as it is. Raises ValueError if it is neither."""
    if not kind(blob).endswith(CERTIFICATE):
        return blob
    name, fields, _ = _certificate(blob)
    if name.startswith("sk-"):
        name += "@openssh.com"
    return string(name.encode()) + b"".join(string(field) for field in fields)


def key_id(blob: bytes) -> bytes:
    """The id that a certificate's authority gave it; empty for a public key. Raises ValueError if it is neither."""
    if not kind(blob).endswith(CERTIFICATE):
        return b""
    reader = _certificate(blob)[2]
    reader.take(8 + 4)  # the serial number and the type
    return reader.string()


def _certificate(blob: bytes) -> tuple[str, list[bytes], Reader]:
    """A certificate's type without its ending, the fields of the key in it, and what is to be read behind those."""
    name, reader = kind(blob).removesuffix(CERTIFICATE), Reader(blob)
    count = next((count for start, count in _FIELDS.items() if name.startswith(start)), None)
    if count is None:
        raise ValueError(f"certificates of type {name} are not known")
    reader.string()  # the type
    reader.string()  # a nonce
    return name, [reader.string() for _ in range(count)], reader


def from_line(text: str) -> tuple[bytes, str]:
    """Blob and comment of one line `TYPE BASE64 COMMENT`. Raises ValueError if it is none."""
    words = text.split(None, 2)
    if len(words) < 2:
        raise ValueError("not a public key")
    blob = base64.b64decode(words[1], validate=True)
    if kind(blob) != words[0]:
        raise ValueError("not a public key")
    return blob, words[2].strip() if len(words) == 3 else ""


def as_line(blob: bytes) -> str:
    """A public key or certificate as `TYPE BASE64`."""
    return f"{kind(blob)} {base64.b64encode(blob).decode()}"


def fingerprint(blob: bytes) -> str:
    """The fingerprint of a public key as OpenSSH prints it; of a certificate, that of its key."""
    digest = hashlib.sha256(plain(blob)).digest()
    return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"
