"""What opens a cluster as its administrator, taken out of the kubeconfig that a master gave.

A master may belong to somebody else by now, and `kubectl` does what its kubeconfig says: run a program, send requests
through a proxy, read files. So nothing of the master's file is used but the certificates and the key. The server is
the plan's, and a file that holds more than kubeadm puts there is refused.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from installer.common import yaml_editor, yaml_reader
from installer.common.text import shown

if TYPE_CHECKING:
    from pathlib import Path

    from installer.plan.model import InstallPlan

LARGEST = 32 * 1024
"""Characters of a kubeconfig that kubeadm writes; its certificates take 6 to 20 thousand."""
_SHOWN = 5
"""Refused fields that are named."""
_LISTS = {
    "clusters": ("cluster", ("server", "certificate-authority-data")),
    "users": ("user", ("client-certificate-data", "client-key-data")),
    "contexts": ("context", ("cluster", "user")),
}
"""What kubeadm writes: the lists, with the key next to `name` in each item, and the keys below that."""
_UNUSED = ("apiVersion", "kind", "current-context", "preferences")
_PEM = r"\s*(?:-----BEGIN {0}-----\r?\n[A-Za-z0-9+/=\r\n]+-----END {0}-----\s*)"
_CERTIFICATES = re.compile(f"(?:{_PEM.format('CERTIFICATE')})+")
_KEYS = re.compile("|".join(_PEM.format(kind) for kind in ("PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY")))


class AccessError(Exception):
    """A kubeconfig that kubeadm doesn't make for the plan's cluster; the message says why."""


@dataclass(frozen=True, slots=True)
class AdminAccess:
    """The API server's URL, the authority that signed its certificate, and the administrator's certificate and key.

    The last three are PEM in base64, as a kubeconfig has them.
    """

    cluster: str
    server: str
    authority: str
    certificate: str
    key: str = field(repr=False)

    @property
    def settings(self) -> dict[str, str]:
        """The `cluster` of a kubeconfig."""
        return {"certificate-authority-data": self.authority, "server": self.server}

    @property
    def credentials(self) -> dict[str, str]:
        """The `user` of a kubeconfig."""
        return {"client-certificate-data": self.certificate, "client-key-data": self.key}

    @property
    def ends(self) -> float:
        """When the administrator's certificate ends, in Unix seconds."""
        from cryptography.x509 import load_pem_x509_certificates

        certificate = load_pem_x509_certificates(base64.b64decode(self.certificate))[0]
        return certificate.not_valid_after_utc.timestamp()

    @property
    def authority_text(self) -> str:
        """The authority's certificate, in PEM."""
        return base64.b64decode(self.authority).decode("ascii")

    def kubeconfig(self) -> str:
        """A whole kubeconfig, with names of its entries that are the cluster's own."""
        user = user_name(self.cluster)
        return yaml_editor.block(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": self.cluster, "cluster": self.settings}],
                "users": [{"name": user, "user": self.credentials}],
                "contexts": [{"name": self.cluster, "context": {"cluster": self.cluster, "user": user}}],
                "current-context": self.cluster,
            }
        )


def read_kept(path: Path, plan: InstallPlan) -> AdminAccess:
    """The access to the plan's cluster in a kubeconfig of this computer. Raises AccessError, or OSError."""
    try:
        return read(path.read_text(encoding="utf-8"), plan)
    except UnicodeDecodeError as error:
        raise AccessError(str(error)) from None


def user_name(cluster: str) -> str:
    """The name of the administrator's entry in a kubeconfig."""
    return f"{cluster}-admin"


def server_of(plan: InstallPlan) -> str:
    """The URL of the cluster's API server (D1)."""
    return f"https://{plan.api_host}:6443"


def read(text: str, plan: InstallPlan) -> AdminAccess:
    """The access to the plan's cluster in a kubeconfig that a master gave. Raises AccessError."""
    config = _config(text)
    if refused := list(_surplus(config)):
        more = f" and {len(refused) - _SHOWN} more" if len(refused) > _SHOWN else ""
        raise AccessError(f"it holds settings that Craton accepts from no machine: {', '.join(refused[:_SHOWN])}{more}")
    settings, credentials = _inner(config, "clusters", "cluster"), _inner(config, "users", "user")
    server = server_of(plan)
    if settings.get("server") != server:
        raise AccessError(f"it leads to {shown(str(settings.get('server')))}, not to {server}")
    found = AdminAccess(
        plan.name,
        server,
        _encoded(settings, "certificate-authority-data"),
        _encoded(credentials, "client-certificate-data"),
        _encoded(credentials, "client-key-data"),
    )
    _check_certificates(found)
    return found


def _config(text: str) -> Mapping[str, Any]:
    if len(text) > LARGEST:
        raise AccessError(f"it is longer than {LARGEST >> 10} KiB")
    document = yaml_reader.read(text)
    if document.flaws:
        flaw = document.flaws[0]
        place = f"{flaw.field}: " if flaw.field else ""
        raise AccessError(f"line {flaw.line}: {place}{flaw.found}")
    config = yaml_reader.data(document.root) if document.root else None
    if not isinstance(config, dict):
        raise AccessError("it is empty" if config is None else "it is not a kubeconfig")
    return config


def _inner(config: Mapping[str, Any], kind: str, key: str) -> Mapping[str, Any]:
    """The settings of the one item of a list. Raises AccessError."""
    items = config.get(kind)
    inner = items[0].get(key) if isinstance(items, list) and items and isinstance(items[0], dict) else None
    if not isinstance(inner, dict):
        raise AccessError(f"it has no {key}")
    return inner


def _surplus(config: Mapping[str, Any]) -> Iterator[str]:
    """The fields that kubeadm doesn't write, such as `users[0].user.exec`."""
    for key, value in config.items():
        if key in _LISTS:
            yield from _surplus_of_list(key, value if isinstance(value, list) else [value])
        elif key not in _UNUSED or (isinstance(value, dict | list) and value):
            yield shown(key)


def _surplus_of_list(kind: str, items: list[Any]) -> Iterator[str]:
    inner, allowed = _LISTS[kind]
    if not items or not isinstance(items[0], dict):
        return
    for key, value in items[0].items():
        if key == inner and isinstance(value, dict):
            yield from (f"{kind}[0].{inner}.{shown(name)}" for name in value if name not in allowed)
        elif key != "name":
            yield f"{kind}[0].{shown(key)}"
    yield from (f"{kind}[{place}]" for place in range(1, len(items)))


def _encoded(settings: Mapping[str, Any], key: str) -> str:
    """The value of a field that holds PEM in base64. Raises AccessError."""
    value = settings.get(key)
    if not isinstance(value, str) or not value:
        raise AccessError(f"it has no {key}")
    try:
        text = base64.b64decode(value, validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        raise AccessError(f"{key} is not base64") from None
    pattern, kind = (_KEYS, "a private key") if key == "client-key-data" else (_CERTIFICATES, "a certificate")
    if not pattern.fullmatch(text):
        raise AccessError(f"{key} is not {kind} in PEM")
    return value


def _check_certificates(access: AdminAccess) -> None:
    """Raises AccessError if the certificates or the key can't be read, or don't belong together."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from cryptography.x509 import load_pem_x509_certificates

    authority, certificate, key = (
        base64.b64decode(data) for data in (access.authority, access.certificate, access.key)
    )
    try:
        load_pem_x509_certificates(authority)
        public = load_pem_x509_certificates(certificate)[0].public_key()
        matches = load_pem_private_key(key, None).public_key() == public
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise AccessError(f"a certificate or the key can't be read: {shown(str(error))}") from None
    if not matches:
        raise AccessError("its key is not that of its certificate")
