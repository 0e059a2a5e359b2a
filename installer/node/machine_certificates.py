"""The certificates that Kubernetes has on a machine, as assets/node/lib/certificate-list.sh prints them."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass

PEOPLE = {
    "pki/apiserver.crt": "API server",
    "pki/apiserver-kubelet-client.crt": "API server, to kubelets",
    "pki/apiserver-etcd-client.crt": "API server, to etcd",
    "pki/front-proxy-client.crt": "front proxy",
    "pki/etcd/server.crt": "etcd server",
    "pki/etcd/peer.crt": "etcd peer",
    "pki/etcd/healthcheck-client.crt": "etcd health check",
    "admin.conf": "admin.conf",
    "super-admin.conf": "super-admin.conf",
    "controller-manager.conf": "controller-manager.conf",
    "scheduler.conf": "scheduler.conf",
    "pki/ca.crt": "cluster CA",
    "pki/etcd/ca.crt": "etcd CA",
    "pki/front-proxy-ca.crt": "front proxy CA",
    "kubelet-client-current.pem": "kubelet",
    "kubelet-server-current.pem": "kubelet's server",
}
"""What certificates are called, by their files below /etc/kubernetes and /var/lib/kubelet/pki."""
_AUTHORITIES = frozenset(name for name in PEOPLE if name.endswith("ca.crt"))
_KUBELETS = frozenset(name for name in PEOPLE if name.endswith(".pem"))
_ROOTS = ("/etc/kubernetes/", "/var/lib/kubelet/pki/")


@dataclass(frozen=True, slots=True)
class MachineCertificate:
    """One certificate: its file, and when it ends (Unix seconds)."""

    path: str
    ends: float

    @property
    def _name(self) -> str:
        root = next((root for root in _ROOTS if self.path.startswith(root)), "")
        return self.path.removeprefix(root)

    @property
    def title(self) -> str:
        """What people call it; its file, where it is not one that kubeadm makes."""
        return PEOPLE.get(self._name, self.path)

    @property
    def kind(self) -> str:
        """Who renews it: `kubeadm`, `kubelet` (itself), or `authority` (nobody does, in ten years)."""
        if self._name in _AUTHORITIES:
            return "authority"
        if self._name in _KUBELETS:
            return "kubelet"
        return "kubeadm" if self._name in PEOPLE else ""


def read(output: str) -> tuple[MachineCertificate, ...]:
    """Every certificate in what a machine printed; of a file with several, the first. Raises ValueError."""
    found = []
    for part in f"\n{output}".split("\n#certificate ")[1:]:
        path, _, text = part.partition("\n")
        if text.strip():
            found.append(MachineCertificate(path.strip(), _end(text)))
    return tuple(found)


def first(certificates: Iterable[MachineCertificate]) -> MachineCertificate | None:
    """The one that ends first."""
    return min(certificates, key=lambda each: each.ends, default=None)


def _end(text: str) -> float:
    from cryptography import x509

    data = text.encode()
    if text.startswith("base64 "):
        data = base64.b64decode(text.removeprefix("base64 ").strip())
    try:
        return x509.load_pem_x509_certificates(data)[0].not_valid_after_utc.timestamp()
    except (x509.InvalidVersion, IndexError, OverflowError) as error:
        raise ValueError(f"no certificate: {type(error).__name__}") from None
