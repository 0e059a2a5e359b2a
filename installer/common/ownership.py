"""Who could change a directory: state that others could plant or replace is not used."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from installer.common.errors import ExitCode, InstallerError

_LINKS = 40
"""Links that one path may lead through, as in the kernel."""


def refuse_foreign(path: Path) -> None:
    """See that nobody but this user and root can change `path`, or what lies on the way to it, as far as it exists.

    Raises InstallerError naming the first directory or link that somebody else owns or may write to. Where `sudo`
    made this user root, the one who called it counts as this user.
    """
    for place, found, last in _way(path):
        if not _is_ours(found.st_uid, last=last):
            raise _refused(
                path,
                f"{place} belongs to {_name(found.st_uid)}",
                "Set CRATON_HOME to a directory of your own, or run Craton as its owner.",
            )
        shared = found.st_mode & stat.S_ISVTX and not last  # as /tmp: nobody can rename what others have there
        if stat.S_ISDIR(found.st_mode) and not shared and (who := _writers(found)):
            hint = f"chmod {who[0]}-w {place}, or set CRATON_HOME to a directory that only you can write to."
            raise _refused(path, f"{place} can be changed by {who[1]} (mode {found.st_mode & 0o7777:04o})", hint)


def _way(path: Path) -> Iterator[tuple[Path, os.stat_result, bool]]:
    """Each directory and link from the root to `path`, links followed, and whether it is what `path` comes to."""
    rest, at, links = list(reversed(path.parts[1:])), Path(path.anchor), 0
    yield at, at.lstat(), not rest
    while rest:
        name = rest.pop()
        if name == "..":
            at = at.parent
            continue
        try:
            found = (at / name).lstat()
        except OSError:  # not there yet, or not to be looked at: whoever uses it finds out
            return
        if not stat.S_ISLNK(found.st_mode):
            at = at / name
            yield at, found, not rest
            continue
        yield at / name, found, False
        links += 1
        if links > _LINKS:
            return
        target = (at / name).readlink()
        at = Path(target.anchor) if target.is_absolute() else at
        rest += reversed(target.parts[1:] if target.is_absolute() else target.parts)


def _is_ours(owner: int, *, last: bool) -> bool:
    if owner in (0, os.geteuid()) or owner == caller():
        return True
    # In a user namespace, as rootless containers have, root's directories show as nobody's.
    return not last and owner == _unmapped()


def caller() -> int | None:
    """The user id of whoever became root by `sudo`; None if nobody did."""
    given = os.environ.get("SUDO_UID", "")
    return int(given) if os.geteuid() == 0 and given.isdecimal() else None


@cache
def _unmapped() -> int | None:
    """The user id that represents all those outside this user namespace; None outside of any."""
    try:
        mapped = Path("/proc/self/uid_map").read_text().split()
        if mapped == ["0", "0", "4294967295"]:
            return None
        return int(Path("/proc/sys/kernel/overflowuid").read_text())
    except (OSError, ValueError):
        return None


def _writers(found: os.stat_result) -> tuple[str, str] | None:
    """Whom else a directory's mode lets write to it: as `chmod` has it, and in words."""
    if found.st_mode & stat.S_IWOTH:
        return "o", "everybody"
    if found.st_mode & stat.S_IWGRP and not _is_private(found.st_gid):
        return "g", f"the group {_group(found.st_gid)}"
    return None


def _is_private(group: int) -> bool:
    """Whether a group is root's, or has nobody in it but this user: Debian and others make one for each account."""
    if group == 0:
        return True
    try:
        own, found = pwd.getpwuid(os.geteuid()), grp.getgrgid(group)
    except KeyError:
        return False
    return own.pw_gid == group and found.gr_name == own.pw_name and set(found.gr_mem) <= {own.pw_name}


def _name(user: int) -> str:
    try:
        return f"{pwd.getpwuid(user).pw_name} (user id {user})"
    except KeyError:
        return f"the user id {user}"


def _group(group: int) -> str:
    try:
        return grp.getgrgid(group).gr_name
    except KeyError:
        return str(group)


def _refused(path: Path, observed: str, hint: str) -> InstallerError:
    return InstallerError(
        f"use {path}", f"{observed}: somebody else could change what Craton does", hint=hint, exit_code=ExitCode.USAGE
    )
