"""Certificates and keys in files of the user's: read, and refused with the reason before anything starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from installer.common.errors import ExitCode, InstallerError
from installer.common.homes import expanded

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes

_LARGEST = 1 << 20
_LEAST_RSA_BITS = 2048
_WEAK_HASHES = ("md5", "sha1")
_SOON = timedelta(days=7)
"""A certificate that ends sooner is not installed: `craton check` fails for it from then on."""


@dataclass(frozen=True)
class Pair:
    """A chain, the leaf or the authority itself first, and the private key of that first one, both in PEM."""

    chain: tuple[x509.Certificate, ...]
    key: CertificateIssuerPrivateKeyTypes = field(repr=False)

    @property
    def first(self) -> x509.Certificate:
        return self.chain[0]


def read_pair(certificate: str, key: str) -> Pair:
    """The certificates and the key in two PEM files, which belong together. Raises InstallerError (preflight)."""
    chain = _certificates(expanded(certificate))
    private = _private_key(expanded(key))
    if private.public_key() != chain[0].public_key():
        raise refused(key, f"it is not the key of the first certificate in {certificate} ({subject(chain[0])})",
                      "Give the key that the certificate was requested with.")  # fmt: skip
    return Pair(chain, private)


def read_certificates(place: str) -> tuple[x509.Certificate, ...]:
    """The certificates in a PEM file. Raises InstallerError (preflight)."""
    return _certificates(expanded(place))


def check_server(pair: Pair, host: str, where: str, now: datetime | None = None) -> None:
    """Raises InstallerError unless servers can show `pair` at `host`: names, dates, purpose, strength and chain."""
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    leaf = pair.first
    _check_dates(pair.chain, where, now or datetime.now(UTC))
    _check_strength(pair.chain, where)
    if _is_authority(leaf):
        raise refused(where, f"its first certificate ({subject(leaf)}) is an authority's, not a server's",
                      "Put the server's certificate first; or choose certificate.source: ca.")  # fmt: skip
    names = _names(leaf)
    if not any(_matches(name, host) for name in names):
        shown = ", ".join(names) or "no name"
        raise refused(where, f"it is for {shown}, not for {host}",
                      f"Get a certificate whose subjectAltName has {host}.")  # fmt: skip
    try:
        usages = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        usages = None
    if usages is not None and ExtendedKeyUsageOID.SERVER_AUTH not in usages:
        raise refused(where, "its extended key usage doesn't allow it for servers (serverAuth)",
                      "Get a certificate for a TLS server.")  # fmt: skip
    _check_chain(pair.chain, where)


def check_authority(pair: Pair, where: str, now: datetime | None = None) -> None:
    """Raises InstallerError unless `pair` can sign certificates that others believe."""
    from cryptography import x509

    _check_dates(pair.chain, where, now or datetime.now(UTC))
    _check_strength(pair.chain, where)
    if not _is_authority(pair.first):
        raise refused(where, f"its first certificate ({subject(pair.first)}) isn't a CA's (basicConstraints)",
                      "Give your CA's certificate; or choose certificate.source: files.")  # fmt: skip
    try:
        usage = pair.first.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        usage = None
    if usage is not None and not usage.key_cert_sign:
        raise refused(where, "its key usage doesn't allow it to sign certificates (keyCertSign)",
                      "Give the certificate of a CA that may sign.")  # fmt: skip
    _check_chain(pair.chain, where)


def _certificates(path: Path) -> tuple[x509.Certificate, ...]:
    from cryptography import x509

    content = _content(path)
    if b"-----BEGIN CERTIFICATE-----" not in content:
        raise refused(str(path), "it has no certificate in PEM", _PEM)
    try:
        return tuple(x509.load_pem_x509_certificates(content))
    except ValueError:
        raise refused(str(path), "a certificate in it is damaged", _PEM) from None


_PEM = "Give a file with lines from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----."


def _private_key(path: Path) -> CertificateIssuerPrivateKeyTypes:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    content = _content(path)
    if b"PRIVATE KEY-----" not in content:
        raise refused(str(path), "it has no private key in PEM", "Give a file with -----BEGIN PRIVATE KEY-----.")
    try:
        found = serialization.load_pem_private_key(content, password=None)
    except TypeError:
        raise refused(str(path), "its private key has a passphrase",
                      "Servers need one without: openssl pkey -in FILE -out NEW.") from None  # fmt: skip
    except (ValueError, UnsupportedAlgorithm):
        raise refused(str(path), "its private key is damaged or of an unknown kind",
                      "Give an RSA, EC or Ed25519 key.") from None  # fmt: skip
    if not isinstance(found, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey):
        raise refused(str(path), "servers can't use its kind of key", "Give an RSA, EC or Ed25519 key.")
    return found


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except OSError as error:
        raise refused(str(path), f"it cannot be read: {error.strerror}", "Correct the path in the plan.") from None
    if len(content) > _LARGEST:
        raise refused(str(path), "it is larger than 1 MiB", "Give a file with certificates alone.")
    return content


def _check_dates(chain: Sequence[x509.Certificate], where: str, now: datetime) -> None:
    for one in chain:
        begins, ends = one.not_valid_before_utc, one.not_valid_after_utc
        if now < begins:
            raise refused(where, f"the certificate of {subject(one)} is not valid before {begins:%Y-%m-%d %H:%M} UTC",
                          "Wait, or set this computer's clock.")  # fmt: skip
        if now > ends:
            raise refused(where, f"the certificate of {subject(one)} expired on {ends:%Y-%m-%d}", "Renew it.")
        if ends - now < _SOON:
            raise refused(where, f"the certificate of {subject(one)} expires on {ends:%Y-%m-%d}, within 7 days",
                          "Renew it first.")  # fmt: skip


def _check_strength(chain: Sequence[x509.Certificate], where: str) -> None:
    from cryptography.hazmat.primitives.asymmetric import rsa

    for number, one in enumerate(chain):
        key, hash = one.public_key(), one.signature_hash_algorithm
        if isinstance(key, rsa.RSAPublicKey) and key.key_size < _LEAST_RSA_BITS:
            raise refused(where, f"the RSA key of {subject(one)} has {key.key_size} bits; browsers need 2048",
                          "Get a certificate for a stronger key.")  # fmt: skip
        rooted = number > 0 and one.issuer == one.subject  # nobody checks the signature of a root
        if hash is not None and hash.name in _WEAK_HASHES and not rooted:
            raise refused(where, f"the certificate of {subject(one)} is signed with {hash.name.upper()}",
                          "Get one that is signed with SHA-256.")  # fmt: skip


def _check_chain(chain: Sequence[x509.Certificate], where: str) -> None:
    from cryptography.exceptions import InvalidSignature

    for one, issuer in pairwise(chain):
        if one.issuer != issuer.subject:
            raise refused(where, f"after {subject(one)} comes {subject(issuer)}, which did not issue it",
                          "Put each issuer's certificate right after what it issued.")  # fmt: skip
        try:
            one.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature):
            raise refused(where, f"{subject(issuer)} did not sign the certificate of {subject(one)}",
                          "Give the issuer's certificate that belongs to this key.") from None  # fmt: skip


def _is_authority(one: x509.Certificate) -> bool:
    from cryptography import x509

    try:
        return one.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _names(one: x509.Certificate) -> list[str]:
    """The DNS names of a certificate; browsers look at no others."""
    from cryptography import x509

    try:
        return one.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(
            x509.DNSName
        )
    except x509.ExtensionNotFound:
        return []


def _matches(pattern: str, host: str) -> bool:
    """RFC 6125: `*` matches the first label only."""
    pattern, host = pattern.lower().rstrip("."), host.lower()
    return pattern == host or (pattern.startswith("*.") and pattern[2:] == host.partition(".")[2])


def subject(one: x509.Certificate) -> str:
    """Whose certificate it is, for people."""
    from cryptography.x509.oid import NameOID

    common = one.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(common[0].value) if common else one.subject.rfc4514_string() or ", ".join(_names(one)) or "no name"


def refused(where: str, observed: str, hint: str) -> InstallerError:
    return InstallerError("check the certificate", f"{where}: {observed}", hint=hint, exit_code=ExitCode.PREFLIGHT)
