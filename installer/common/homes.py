"""Whose home a `~` means. There are two: that of the shell, and that of the account.

Shells, kubectl and the place of Craton's own state go by HOME. OpenSSH goes by the account's entry in the user
database, whatever HOME says: it reads ~/.ssh there, and so does Craton. In a CI container, or under `sudo -E`, they
are not the same.
"""

from __future__ import annotations

import os
import pwd
from pathlib import Path

from installer.common.errors import ExitCode, InstallerError

_OPERATION = "find your home directory"


def user_home() -> Path:
    """HOME, or the account's home directory without one. Raises InstallerError if there is neither."""
    given = os.environ.get("HOME")
    if given and not given.startswith("/"):
        raise InstallerError(
            _OPERATION,
            f"HOME is {given!r}, which is not an absolute path",
            hint="Set HOME to your home directory, or CRATON_HOME to the directory that Craton is to use.",
            exit_code=ExitCode.USAGE,
        )
    if given:
        return Path(given)
    if entry := _account():
        return Path(entry.pw_dir)
    raise InstallerError(
        _OPERATION,
        f"HOME is not set, and the user id {os.getuid()} has no account on this computer",
        hint="Set HOME, or CRATON_HOME to the directory that Craton is to use.",
        exit_code=ExitCode.USAGE,
    )


def account_home() -> Path:
    """What OpenSSH takes `~` for. It refuses to run without an account; then this is `user_home`."""
    entry = _account()
    return Path(entry.pw_dir) if entry else user_home()


def account_name() -> str:
    """The name that OpenSSH logs in with by default; the user id where there is no account."""
    entry = _account()
    return entry.pw_name if entry else str(os.getuid())


def expanded(text: str) -> Path:
    """A path that somebody typed, with `~` as their shell would take it. Raises InstallerError for an unknown one."""
    if text == "~" or text.startswith("~/"):
        return user_home() / text[2:]
    return _of_other(text) if text.startswith("~") else Path(text)


def expanded_by_ssh(text: str) -> Path:
    """A path of an OpenSSH configuration, with `~` as OpenSSH takes it. Raises InstallerError for an unknown one."""
    if text == "~" or text.startswith("~/"):
        return account_home() / text[2:]
    return _of_other(text) if text.startswith("~") else Path(text)


def difference() -> str:
    """A sentence that says which home's ~/.ssh is read, where HOME is another one; empty where it isn't."""
    entry, given = _account(), os.environ.get("HOME")
    if not entry or not given or os.path.realpath(entry.pw_dir) == os.path.realpath(given):
        return ""
    return (
        f"HOME is {given}, but the home of the account {entry.pw_name} is {entry.pw_dir}. OpenSSH goes by the account, "
        f"and so does Craton: keys, known hosts and configuration come from {entry.pw_dir}/.ssh."
    )


def _account() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwuid(os.getuid())
    except KeyError:
        return None


def _of_other(text: str) -> Path:
    name, _, rest = text[1:].partition("/")
    try:
        return Path(pwd.getpwnam(name).pw_dir) / rest
    except KeyError:
        raise InstallerError(
            "read a path",
            f"{text}: there is no account {name} on this computer",
            hint="Write the path out, or put ./ before a name that starts with ~.",
            exit_code=ExitCode.USAGE,
        ) from None
