"""cloud-init user data: what a machine is told at its birth, the same on every platform that makes machines."""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import dataclass, field
from typing import Any

_PLAIN_LIMIT = 1024
"""Characters above which a file travels compressed: clouds take 16 KB of user data."""


@dataclass(frozen=True, slots=True)
class File:
    """A file of root's, in place before anybody can log in."""

    path: str
    content: str
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class HostKey:
    """An SSH host key made here, so that whoever makes the machine can vouch for it. `public` is `TYPE BASE64`."""

    private: str = field(repr=False)
    public: str


@dataclass(frozen=True, slots=True)
class UserData:
    """`commands` run as root once everything else is in place, each a list of words."""

    hostname: str
    user: str
    authorized_keys: tuple[str, ...]
    host_key: HostKey
    files: tuple[File, ...] = ()
    commands: tuple[tuple[str, ...], ...] = ()

    def render(self) -> str:
        """The text that cloud-init takes. It holds the private host key: a secret until the machine has it."""
        # JSON is YAML: no key, name or file content can break out of its place.
        return "#cloud-config\n" + json.dumps(self._document(), indent=1) + "\n"

    def _document(self) -> dict[str, Any]:
        document: dict[str, Any] = {
            "hostname": self.hostname,
            "preserve_hostname": False,
            "users": [
                {
                    "name": self.user,
                    "gecos": "Craton",
                    "shell": "/bin/bash",
                    "sudo": "ALL=(ALL) NOPASSWD:ALL",
                    "lock_passwd": True,
                    "ssh_authorized_keys": list(self.authorized_keys),
                }
            ],
            "disable_root": True,
            "ssh_pwauth": False,
            "ssh_deletekeys": True,
            "ssh_keys": {"ed25519_private": self.host_key.private, "ed25519_public": self.host_key.public},
        }
        if self.files:
            document["write_files"] = [_written(file) for file in self.files]
        if self.commands:
            document["runcmd"] = [list(command) for command in self.commands]
        return document


def make_host_key() -> HostKey:
    """A new ed25519 key in OpenSSH's format."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return HostKey(private.decode(), public.decode())


def _written(file: File) -> dict[str, str]:
    entry = {"path": file.path, "owner": "root:root", "permissions": f"0{file.mode:o}"}
    if len(file.content) <= _PLAIN_LIMIT:
        return {**entry, "content": file.content}
    packed = base64.b64encode(gzip.compress(file.content.encode(), mtime=0)).decode()
    return {**entry, "encoding": "gz+b64", "content": packed}
