"""Secrets of the cluster, read as texts."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from installer.cluster import masters, objects
from installer.steps.step import Context


def read(ctx: Context, space: str, name: str) -> dict[str, str]:
    """What a Secret holds, by key; nothing if there is none, or what is no text. Secret. Raises InstallerError."""
    output = masters.kubectl(ctx, "get", "secret", name, "-n", space, "--ignore-not-found", "-o", "json")
    data: Mapping[str, Any] = (objects.read(output) or {}).get("data") or {}
    try:
        return {key: base64.b64decode(str(value)).decode() for key, value in data.items()}
    except ValueError:
        return {}
