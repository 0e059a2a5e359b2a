"""The kubeconfig of a stand-in: in the shape of kubeadm's, with certificates that open nothing."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


def kubeconfig(cluster: str, server: str) -> str:
    """As kubeadm writes /etc/kubernetes/admin.conf; the certificates are made for it and thrown away."""
    authority, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    key = own.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    return f"""\
apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: {_encoded(_certificate("kubernetes", authority, authority))}
    server: {server}
  name: {cluster}
contexts:
- context:
    cluster: {cluster}
    user: kubernetes-admin
  name: kubernetes-admin@{cluster}
current-context: kubernetes-admin@{cluster}
kind: Config
preferences: {{}}
users:
- name: kubernetes-admin
  user:
    client-certificate-data: {_encoded(_certificate("kubernetes-admin", own, authority))}
    client-key-data: {_encoded(key)}"""


def _certificate(name: str, key: ec.EllipticCurvePrivateKey, authority: ec.EllipticCurvePrivateKey) -> bytes:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kubernetes")]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=365))
        .sign(authority, hashes.SHA256())
        .public_bytes(Encoding.PEM)
    )


def _encoded(pem: bytes) -> str:
    return base64.b64encode(pem).decode()
