"""Certificates made for tests: right ones, and wrong in one respect each."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = datetime.now(UTC)
HOST = "demo.example.test"


@dataclass
class Made:
    """A certificate with its key, and what issued it."""

    certificate: x509.Certificate
    key: Any = field(repr=False)
    issuers: tuple[x509.Certificate, ...] = ()

    def chain(self) -> str:
        return pem(self.certificate, *self.issuers)

    def key_text(self, passphrase: bytes = b"") -> str:
        encryption = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
        form = serialization.PrivateFormat.PKCS8
        return str(self.key.private_bytes(serialization.Encoding.PEM, form, encryption).decode())

    def write(self, directory: Path) -> tuple[str, str]:
        """The paths of its files."""
        certificate, key = directory / "given.crt", directory / "given.key"
        certificate.write_text(self.chain())
        key.write_text(self.key_text())
        return str(certificate), str(key)


def pem(*certificates: x509.Certificate) -> str:
    return "".join(one.public_bytes(serialization.Encoding.PEM).decode() for one in certificates)


def make(
    name: str = HOST,
    issuer: Made | None = None,
    *,
    names: tuple[str, ...] = (HOST,),
    ca: bool = False,
    begins: timedelta = timedelta(days=-1),
    ends: timedelta = timedelta(days=90),
    usage: Any = ExtendedKeyUsageOID.SERVER_AUTH,
    signs: bool = True,
    key: Any = None,
) -> Made:
    """`begins` and `ends` are counted from now."""
    own = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + begins)
        .not_valid_after(NOW + ends)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if names and not ca:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), critical=False)
    if ca:
        others = dict.fromkeys(
            ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only",
             "decipher_only"), False)  # fmt: skip
        allowed = x509.KeyUsage(digital_signature=True, key_cert_sign=signs, crl_sign=True, **others)
        builder = builder.add_extension(allowed, critical=True)
    else:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    signed = builder.sign(issuer.key if issuer else own, hashes.SHA256())
    return Made(signed, own, (issuer.certificate, *issuer.issuers) if issuer else ())
