"""One line of an OpenSSH public key, as a plan holds it."""

from __future__ import annotations

import base64
import re

from installer.common.text import shown
from installer.plan.fields import refuse

_TYPES = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "ssh-rsa",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
)
_TYPE = "|".join(map(re.escape, _TYPES))
_LINE = re.compile(rf"(?P<type>{_TYPE}) (?P<key>[A-Za-z0-9+/]+={{0,3}})(?: .*)?")
_AFTER_OPTIONS = re.compile(rf"[\w-]+(?:[=,].*)? (?P<type>{_TYPE}) AAAA.*")
"""A line of authorized_keys that begins with options (sshd(8))."""

_FORM = "Enter one line of an OpenSSH public key, such as 'ssh-ed25519 AAAA... you@host'."
_PRIVATE = "a private key"
"""Shown instead of a pasted secret, which no message repeats."""


def valid_public_key(value: object) -> str | None:
    if value is None:
        return value
    if not isinstance(value, str):
        raise refuse(value, _FORM)
    if "PRIVATE KEY" in value:
        raise refuse(_PRIVATE, "That's a private key. Use the public half: the file that ends in .pub.")
    found = _LINE.fullmatch(value) if value.isprintable() else None
    if found is None:
        raise refuse(value, _misshapen(value))
    if not _is_public_key(value):
        raise refuse(value, _damaged(found["type"], found["key"]))
    return value


def is_path(text: str) -> bool:
    """Whether `text` names a file rather than a key."""
    bare_key = text.startswith("AAAA")  # without its type; "/" is one of base64's characters
    return text.startswith(("/", "~", ".")) or (
        " " not in text and (text.endswith(".pub") or ("/" in text and not bare_key))
    )


def _misshapen(value: str) -> str:
    """What is wrong with text that hasn't the form of a key's line."""
    if is_path(value):
        return f"A plan holds the public key itself. Put the line of {shown(value)} here instead of its path."
    if "-cert-v01@openssh.com " in value:
        return "That's a certificate. Use the public key that it was made from: the .pub file without -cert."
    if len(value.strip().splitlines()) > 1:
        return f"That's more than one line. {_FORM}"
    if options := _AFTER_OPTIONS.fullmatch(value):
        return f"Leave out the options before {options['type']}: the line starts with the key's type."
    return _FORM


def _damaged(named: str, key: str) -> str:
    """What is wrong with a line whose key can't be read as the type that the line names."""
    try:
        inside = base64.b64decode(key[:64], validate=True)
    except ValueError:
        inside = b""
    # The key repeats its type, after four bytes with the type's length (RFC 4253, 6.6).
    actual = next((one for one in _TYPES if inside[4:].startswith(one.encode())), named)
    if actual != named and int.from_bytes(inside[:4], "big") == len(actual):
        return f"The line says {named}, and its key is of the type {actual}. Paste the line as it is in the .pub file."
    return f"This {named} key is damaged or cut off. Paste all of the line in the .pub file."


def _is_public_key(line: str) -> bool:
    """Whether the key's own bytes are a key of the type that the line begins with, none missing or left over."""
    from cryptography.exceptions import UnsupportedAlgorithm  # slow to import, and few plans have a key
    from cryptography.hazmat.primitives.serialization import load_ssh_public_key

    try:
        load_ssh_public_key(line.encode())
    except (ValueError, UnsupportedAlgorithm):
        return False
    return True
