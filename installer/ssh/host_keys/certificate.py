"""OpenSSH host certificates (PROTOCOL.certkeys): who signed one, and whether it vouches for a host."""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.serialization import SSHCertificate

_FOREVER = 2**64 - 1


@dataclass(frozen=True, slots=True)
class HostCertificate:
    """A certificate that a server showed. Nothing of it is to be believed before `problem` says None."""

    blob: bytes
    parsed: SSHCertificate

    @property
    def authority(self) -> str:
        """The key that is said to have signed it, as `TYPE BASE64`."""
        return _text(self.parsed.signature_key())

    def problem(self, key: str, host: str, now: float | None = None) -> str | None:
        """Why it does not prove that `host` has `key` (`TYPE BASE64`), or None if it does. `now` in Unix seconds.

        The same that OpenSSH's client asks: the signature, type, principals, validity and critical options.
        """
        from cryptography.hazmat.primitives.serialization import SSHCertificateType

        certificate, now = self.parsed, time.time() if now is None else now
        if not _is_signed(self):
            return "its signature is wrong"
        if _text(certificate.public_key()) != key:
            return "it is for another key"
        if certificate.type is not SSHCertificateType.HOST:
            return "it is not a host certificate"
        if now < certificate.valid_after:
            return f"it is not valid before {_day(certificate.valid_after)}"
        if certificate.valid_before != _FOREVER and now >= certificate.valid_before:
            return f"it expired on {_day(certificate.valid_before)}"
        principals = [principal.decode("utf-8", "replace") for principal in certificate.valid_principals]
        # A certificate without principals is valid for every host (ssh-keygen(1), CERTIFICATES).
        if principals and host.lower() not in principals:
            return f"it is for {', '.join(principals)}, not for {host}"
        if certificate.critical_options:
            return "it has critical options that nobody knows"
        return None


def read(blob: bytes) -> HostCertificate | None:
    """A certificate as a server sends it; None if it cannot be read."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import SSHCertificate, load_ssh_public_identity

    kind = blob[4 : 4 + int.from_bytes(blob[:4], "big")]
    try:
        parsed = load_ssh_public_identity(kind + b" " + base64.b64encode(blob))
        if not isinstance(parsed, SSHCertificate):
            return None
        parsed.signature_key()
    except (ValueError, NotImplementedError, UnsupportedAlgorithm):
        return None
    return HostCertificate(blob, parsed)


def _is_signed(certificate: HostCertificate) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    authority = certificate.parsed.signature_key()
    if isinstance(authority, RSAPublicKey):
        # The blob ends in the signature's algorithm and the signature, which is as long as the key. SHA-1 is broken.
        end = certificate.blob[-(12 + 4 + (authority.key_size + 7) // 8) :]
        if not end.startswith((b"rsa-sha2-256", b"rsa-sha2-512")):
            return False
    try:
        certificate.parsed.verify_cert_signature()
    except (InvalidSignature, ValueError):
        return False
    return True


def _text(key: object) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return str(key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode())  # type: ignore[attr-defined]


def _day(seconds: int) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (OverflowError, ValueError, OSError):
        return "the end of time"
