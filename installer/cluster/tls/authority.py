"""The authority that signs the console's certificate: the user's own, or one that Craton makes and keeps here."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from installer.cluster.tls.given import Pair, check_authority, check_server, read_pair
from installer.common.paths import ClusterDirectory, write_private

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes

    from installer.plan.model import InstallPlan

RENEWED = timedelta(days=30)
"""What is left of a certificate when the next run renews it."""
_AUTHORITY = timedelta(days=3650)
_SERVER = timedelta(days=365)
_SKEW = timedelta(hours=1)
"""Clocks of browsers and machines may be behind this computer's."""
_lock = threading.Lock()


def authority_file(directory: ClusterDirectory) -> Path:
    """The certificate of the authority that Craton made, for people to import; its key is in the same directory."""
    return directory.path / "console-ca.crt"


def given(plan: InstallPlan) -> Pair | None:
    """The user's files, checked; None where Craton makes its own authority. Raises InstallerError (preflight)."""
    chosen = plan.certificate
    if chosen.source == "craton":
        return None
    assert chosen.file, "a plan without it is refused"
    assert chosen.key, "a plan without it is refused"
    pair = read_pair(chosen.file, chosen.key)
    if chosen.source == "ca":
        check_authority(pair, chosen.file)
    else:
        check_server(pair, plan.console_host, chosen.file)
    return pair


def signer(plan: InstallPlan, directory: ClusterDirectory) -> Pair:
    """What signs the console's certificate. Makes Craton's own authority unless it is there. Raises InstallerError."""
    found = given(plan)
    if found is not None:
        return found
    place = authority_file(directory)
    with _lock:
        if not place.exists():
            _make(plan, place)
    return read_pair(str(place), str(place.with_suffix(".key")))


def issue(authority: Pair, host: str) -> Pair:
    """A new key, and a certificate for `host` that `authority` signed; it ends no later than that one does."""
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID

    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    ends = min(now + _SERVER, authority.first.not_valid_after_utc)
    builder = _builder(_name(host[:64]), authority.first.subject, key, now, ends)
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(_public(authority))
    builder = builder.add_extension(issuer, critical=False)
    return Pair((_signed(builder, authority.key), *authority.chain), key)


def _make(plan: InstallPlan, place: Path) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    name = _name(f"Craton CA of {plan.name}"[:64])
    builder = _builder(name, name, key, now, now + _AUTHORITY)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    signing = dict.fromkeys(
        ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
         "encipher_only", "decipher_only"), False)  # fmt: skip
    builder = builder.add_extension(x509.KeyUsage(key_cert_sign=True, crl_sign=True, **signing), critical=True)
    # Imported into a browser, it speaks for this cluster's names alone.
    names = x509.NameConstraints([x509.DNSName(plan.console_host)], None)
    builder = builder.add_extension(names, critical=True)
    write_private(place.with_suffix(".key"), key_text(key))
    write_private(place, chain_text((_signed(builder, key),)))


def _builder(
    subject: x509.Name, issuer: x509.Name, key: CertificateIssuerPrivateKeyTypes, begins: datetime, ends: datetime
) -> x509.CertificateBuilder:
    from cryptography import x509

    public = key.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins - _SKEW)
        .not_valid_after(ends)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _signed(builder: x509.CertificateBuilder, key: CertificateIssuerPrivateKeyTypes) -> x509.Certificate:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ed25519

    return builder.sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256())


def _public(pair: Pair):  # type: ignore[no-untyped-def]  # as many kinds as private keys
    return pair.key.public_key()


def _name(common: str) -> x509.Name:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def chain_text(chain: tuple[x509.Certificate, ...]) -> str:
    """Certificates in PEM."""
    from cryptography.hazmat.primitives.serialization import Encoding

    return "".join(one.public_bytes(Encoding.PEM).decode() for one in chain)


def key_text(key: CertificateIssuerPrivateKeyTypes) -> str:
    """A private key in PEM (PKCS #8). Secret."""
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
