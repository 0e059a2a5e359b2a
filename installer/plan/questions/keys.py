"""The user's public key, as it is found on this computer or typed."""

from __future__ import annotations

from pathlib import Path

from installer.common.errors import InstallerError
from installer.common.homes import expanded, ssh_home
from installer.common.text import shown
from installer.plan.question import Answers

# installer.plan.validation and public_keys are imported where they are used: --help needs no pydantic.


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
        line = _text(path)
    except (OSError, ValueError):
        return None
    return None if not line or validation.field_mistake("ssh.public_key", line) else line


def _text(path: Path) -> str:
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.read(16_384).strip()


def read_key(text: str) -> str | None:
    """A key itself, or the path of the file that holds it; nothing for none."""
    if not text or text.lower() == "none":
        return None
    from installer.plan.public_keys import is_path

    if is_path(text):
        try:
            return _key_file(expanded(text)) or text
        except InstallerError:  # no such home directory
            return text
    return text


def file_mistake(text: str) -> str:
    """Why the file that `text` names gives no key; "" if it names none."""
    from installer.plan import validation
    from installer.plan.public_keys import is_path

    if not is_path(text):
        return ""
    name = shown(text)
    try:
        line = _text(expanded(text))
    except FileNotFoundError:
        return f"There is no file {name}. Check the path."
    except (OSError, ValueError, InstallerError) as problem:
        reason = getattr(problem, "strerror", None) or getattr(problem, "observed", None) or str(problem)
        return f"{name} can't be read: {reason}. Check the path."
    if not line:
        return f"{name} is empty. Choose a file that ends in .pub."
    mistake = validation.field_mistake("ssh.public_key", line)
    return f"{name}: {mistake.text}" if mistake else ""
