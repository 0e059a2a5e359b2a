"""Whose home a `~` means. There are two: that of the shell, and that of the account.

Shells, kubectl and the place of Craton's own state go by HOME. OpenSSH goes by the account's entry in the user
database, whatever HOME says. In a CI container, or under `sudo -E`, they are not the same. Then Craton takes all of
~/.ssh from one of them, tells OpenSSH which, and says so.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable
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


def ssh_home() -> Path:
    """The home whose ~/.ssh is read: HOME if it has one, else the account's, where OpenSSH looks by itself.

    Raises InstallerError as `user_home` does.
    """
    entry = _account()
    if entry is None or (_differs(entry) and os.path.isdir(f"{os.environ['HOME']}/.ssh")):  # noqa: PTH112 (no error)
        return user_home()
    return Path(entry.pw_dir)


def is_openssh_home() -> bool:
    """Whether `ssh_home` is where OpenSSH looks by itself."""
    entry = _account()
    return entry is None or ssh_home() == Path(entry.pw_dir)


def difference() -> str:
    """A sentence that says whose ~/.ssh is read, where HOME is not the account's home; empty where it is."""
    entry = _account()
    if entry is None or not _differs(entry):
        return ""
    note = f"HOME is {os.environ['HOME']}, but OpenSSH looks in {entry.pw_dir}, the home of {entry.pw_name}."
    if is_openssh_home():
        return f"{note} So does Craton: keys, known hosts and configuration are those in {entry.pw_dir}/.ssh."
    return f"{note} Craton takes keys, known hosts and configuration from {ssh_home()}/.ssh alone, and tells `ssh` so."


def account_name() -> str | None:
    """The name that OpenSSH logs in with by default; None where there is no account, and OpenSSH doesn't run."""
    entry = _account()
    return entry.pw_name if entry else None


def expanded(text: str) -> Path:
    """A path that somebody typed, with `~` as their shell would take it. Raises InstallerError for an unknown one."""
    return _expanded(text, user_home)


def expanded_by_ssh(text: str) -> Path:
    """A path of an OpenSSH configuration, with `~` for `ssh_home`. Raises InstallerError for an unknown one."""
    return _expanded(text, ssh_home)


def _expanded(text: str, home: Callable[[], Path]) -> Path:
    if not text.startswith("~"):
        return Path(text)
    name, _, rest = text[1:].partition("/")
    if not name:
        return home() / rest
    try:
        return Path(pwd.getpwnam(name).pw_dir) / rest
    except KeyError:
        raise InstallerError(
            "read a path",
            f"{text}: there is no account {name} on this computer",
            hint="Write the path out, or put ./ before a name that starts with ~.",
            exit_code=ExitCode.USAGE,
        ) from None


def _differs(entry: pwd.struct_passwd) -> bool:
    given = os.environ.get("HOME", "")
    return given.startswith("/") and os.path.realpath(entry.pw_dir) != os.path.realpath(given)


def _account() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwuid(os.getuid())
    except KeyError:
        return None
