"""What cloud-init does with user data on a first boot, as far as it can be seen from outside.

https://docs.cloud-init.io/en/latest/reference/modules.html: users, ssh keys, files, host names, commands.
"""

from __future__ import annotations

import base64
import gzip
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError


@dataclass(frozen=True)
class Boot:
    """A machine after cloud-init is done. `files` are by path, with what was put there; `commands` ran as root."""

    hostname: str = ""
    user: str = ""
    authorized_keys: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict, repr=False)
    commands: tuple[tuple[str, ...], ...] = ()
    console: tuple[str, ...] = ()


def read(user_data: bytes) -> Boot:
    """Read `#cloud-config`. Anything else is not understood, as cloud-init says on the console, and nobody gets in."""
    if user_data[:2] == b"\x1f\x8b":
        user_data = gzip.decompress(user_data)
    text = user_data.decode(errors="replace")
    if not text.startswith("#cloud-config\n"):
        return Boot(console=("cloud-init: Unhandled non-multipart (text/x-not-multipart) userdata",))
    try:
        found = YAML(typ="safe", pure=True).load(text)
        assert isinstance(found, dict)
    except (YAMLError, AssertionError):
        return Boot(console=("cloud-init: Failed loading yaml blob. Invalid format",))
    users = [one for one in found.get("users", ()) if isinstance(one, dict)]
    first: dict[str, Any] = users[0] if users else {}
    return Boot(
        hostname=str(found.get("hostname", "")),
        user=str(first.get("name", "")),
        authorized_keys=tuple(first.get("ssh_authorized_keys") or ()),
        files={one["path"]: _content(one) for one in found.get("write_files") or ()},
        commands=tuple(tuple(words) for words in found.get("runcmd") or ()),
        console=(f"cloud-init: ci-info: authorized keys of {first.get('name', 'nobody')}",),
    )


def _content(entry: Mapping[str, Any]) -> str:
    content = str(entry.get("content", ""))
    encoding = str(entry.get("encoding", ""))
    raw = base64.b64decode(content) if "b64" in encoding or "base64" in encoding else content.encode()
    return (gzip.decompress(raw) if encoding.startswith(("gz", "gzip")) else raw).decode()
