"""The administrator's password: asked for or made at random, and kept as a bcrypt hash that no plan holds."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from installer.common.errors import ExitCode, InstallerError
from installer.common.paths import ClusterDirectory, write_private

if TYPE_CHECKING:
    from installer.plan.model import InstallPlan

LEAST, _MOST = 12, 72
"""bcrypt looks at no more than 72 bytes."""
_RANDOM = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_CHOSEN, _MADE = 12, 10
"""bcrypt's rounds for passwords that people choose, and for those of 115 random bits, which need no slower hash. Dex
refuses fewer than 10."""


def hash_file(directory: ClusterDirectory) -> Path:
    return directory.path / "administrator.bcrypt"


def made_file(directory: ClusterDirectory) -> Path:
    """The password that Craton made, until somebody sets another."""
    return directory.path / "administrator-password"


def is_asked_for(plan: InstallPlan) -> bool:
    """Whether a password is to be chosen with this plan: people sign in, and there is no cluster of its name yet."""
    return plan.addons.sign_in and not plan.traits.stand_ins and not ClusterDirectory.of(plan.name).plan.exists()


def problem(password: str) -> str:
    """Why `password` can't be used, in a sentence; empty if it can."""
    if not password.isprintable():
        return "It has characters that nobody can type."
    size = len(password.encode())
    return "" if LEAST <= size <= _MOST else f"It has {size} bytes. Use {LEAST} to {_MOST}."


def set_password(directory: ClusterDirectory, password: str) -> None:
    """Keep the hash of `password` for the next run, which brings it into the cluster. Raises InstallerError (usage)."""
    if wrong := problem(password):
        hint = f"choose one of {LEAST} to {_MOST} printable characters"
        raise InstallerError("set the administrator's password", wrong, hint=hint, exit_code=ExitCode.USAGE)
    write_private(hash_file(directory), _hash(password, _CHOSEN))
    made_file(directory).unlink(missing_ok=True)


def choose(plan: InstallPlan, password: str | None) -> None:
    """Keep the hash of what was typed before the install of `plan`; None leaves it to Craton to make a password.

    Raises InstallerError (usage).
    """
    directory = ClusterDirectory.of(plan.name)
    if password is None:
        hash_file(directory).unlink(missing_ok=True)
    else:
        set_password(directory, password)


def password_hash(directory: ClusterDirectory, known: str, *, make: bool) -> str:
    """The hash of the password: kept here, else `known` to the cluster, else of one that is made now if `make`.

    Empty if there is none. Raises InstallerError if the file cannot be read.
    """
    place = hash_file(directory)
    try:
        kept = place.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        kept = ""
    except (OSError, UnicodeDecodeError) as error:
        hint = f"remove it, then set the password again: craton password {directory.cluster}"
        raise InstallerError("read the administrator's password", f"{place}: {error}", hint=hint) from None
    if kept or known or not make:
        return kept or known
    password = "".join(secrets.choice(_RANDOM) for _ in range(20))
    write_private(made_file(directory), password + "\n")
    kept = _hash(password, _MADE)
    write_private(place, kept)
    return kept


def _hash(password: str, rounds: int) -> str:
    import bcrypt

    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(rounds)).decode()
