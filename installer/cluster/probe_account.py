"""The account with which `craton check` tries whether people can sign in. It has no rights, and its password never
leaves the cluster: a Secret keeps it, and each master reads it there."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

_ROUNDS = 10
"""Dex refuses fewer. A password of 256 random bits needs no slower hash."""


def kept(found: Mapping[str, str]) -> dict[str, str]:
    """The account in a Secret: its password and the bcrypt hash of that; nothing if there is none. Secret."""
    return dict(found) if found.keys() == {"password", "hash"} and all(found.values()) else {}


def make() -> dict[str, str]:
    """A new one. Secret."""
    import bcrypt

    password = secrets.token_urlsafe(32)
    return {"password": password, "hash": bcrypt.hashpw(password.encode(), bcrypt.gensalt(_ROUNDS)).decode()}
