"""The user's public key, as it is found on this computer or typed."""

from __future__ import annotations

from pathlib import Path

from installer.common.errors import InstallerError
from installer.common.homes import expanded, ssh_home
from installer.plan.question import Answers

# installer.plan.validation is imported where it is used: --help needs no pydantic.


def own_public_key(_answers: Answers | None = None) -> str | None:
    """The user's first usable public key in ~/.ssh, or None: Craton makes its own for each cluster anyway."""
    try:
        folder = ssh_home() / ".ssh"
    except InstallerError:  # no such home directory
        return None
    for name in ("id_ed25519.pub", "id_ecdsa.pub", "id_rsa.pub"):
        found = _key_file(folder / name)
        if found:
            return found
    return None


def _key_file(path: Path) -> str | None:
    """The public key in a file, or None if there is none."""
    from installer.plan import validation

    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            line = file.read(16_384).strip()
    except (OSError, ValueError):
        return None
    return None if not line or validation.field_mistake("ssh.public_key", line) else line


def read_key(text: str) -> str | None:
    """A key itself, or the path of the file that holds it; nothing for none."""
    if not text or text.lower() == "none":
        return None
    if " " not in text and text.startswith(("/", "~", ".")):
        try:
            return _key_file(expanded(text)) or text
        except InstallerError:  # no such home directory
            return text
    return text
