"""The keyring of this computer's user, where tokens are kept if there is one that asks nobody anything unseen.

`keyring` picks the backend (Secret Service, KWallet, macOS' Keychain), and takes another from PYTHON_KEYRING_BACKEND.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from installer.common.errors import ExitCode, InstallerError

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

_SERVICE = "craton"
_LEAST = 1
"""keyring's own word for a backend that it recommends is a priority of at least this."""


def usable() -> bool:
    """Whether the user has a keyring that can be used now.

    A locked one asks for its password in a window. Without a screen nobody would see it, and the program would wait.
    """
    seen = sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    return (seen or "PYTHON_KEYRING_BACKEND" in os.environ) and _priority(_backend()) >= _LEAST


def put(key: str, text: str) -> bool:
    """Keep `text` under `key`; whether the keyring took it."""
    from keyring.errors import KeyringError

    try:
        _backend().set_password(_SERVICE, key, text)
    except KeyringError:
        return False
    return True


def get(key: str) -> str | None:
    """What is kept under `key`; None if nothing is. Raises InstallerError (usage) if the keyring doesn't say."""
    from keyring.errors import KeyringError

    try:
        return _backend().get_password(_SERVICE, key)
    except KeyringError as error:
        raise _failed("read your session", error) from None


def remove(key: str) -> None:
    """Remove what is kept under `key`. Raises InstallerError (usage) if the keyring refuses."""
    from keyring.errors import KeyringError, PasswordDeleteError

    try:
        _backend().delete_password(_SERVICE, key)
    except PasswordDeleteError:  # as backends say that there is none
        if get(key) is not None:
            raise _failed("sign out", PasswordDeleteError("it doesn't remove it")) from None
    except KeyringError as error:
        raise _failed("sign out", error) from None


def _backend() -> KeyringBackend:
    import keyring

    return keyring.get_keyring()


def _priority(backend: KeyringBackend) -> float:
    try:
        return float(backend.priority)
    except (RuntimeError, TypeError, ValueError):
        return 0.0


def _failed(operation: str, error: Exception) -> InstallerError:
    observed = f"your keyring: {error or type(error).__name__}"
    return InstallerError(operation, observed, hint="unlock your keyring, then try again", exit_code=ExitCode.USAGE)
