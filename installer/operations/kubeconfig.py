"""The way into a cluster with kubectl: the kubeconfig that Craton keeps, and the user's own file."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from installer.cluster import admin_access
from installer.cluster.admin_access import AccessError, AdminAccess
from installer.common.errors import ExitCode, InstallerError
from installer.common.homes import expanded, user_home
from installer.common.paths import ClusterDirectory, private_directory, write_private
from installer.operations.kubeconfig_text import broken

if TYPE_CHECKING:
    from installer.plan.model import InstallPlan

BACKUP = ".before-craton"
"""What the name of the file ends in that keeps what was there before the last change."""
_LARGEST = 8 * 1024 * 1024
_PATIENCE = 5.0
"""Seconds in which another program, such as kubectl, has to be done with the file."""


def user_file() -> Path:
    """The file that kubectl reads first: of KUBECONFIG, or ~/.kube/config. Raises InstallerError without a home."""
    given = [part for part in os.environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    return expanded(given[0]) if given else user_home() / ".kube" / "config"


def kept_access(directory: ClusterDirectory, plan: InstallPlan) -> AdminAccess:
    """The access in the kubeconfig that the engine fetched.

    Raises InstallerError if it has fetched none yet, or if the file holds more than what opens the plan's cluster.
    """
    path = directory.kubeconfig
    try:
        return admin_access.read(path.read_text(encoding="utf-8"), plan)
    except FileNotFoundError:
        raise InstallerError(
            "find the kubeconfig",
            f"{directory.cluster} has none yet: the step `fetch the administrator's kubeconfig`, after the first "
            "master's, makes it",
            hint=f"`craton watch {directory.cluster}` shows how far it is, `craton resume {directory.cluster}` goes on",
            exit_code=ExitCode.USAGE,
        ) from None
    except (AccessError, UnicodeDecodeError, OSError) as error:
        raise InstallerError(
            "read the kubeconfig",
            f"Craton refuses {path}: {error}",
            hint=f"Remove the file and run `craton resume {directory.cluster}`, which fetches it again.",
            exit_code=ExitCode.USAGE,
        ) from None


@dataclass(frozen=True, slots=True)
class Changed:
    """What became of a file: whether it changed, where the text before is kept, and whether others can read it."""

    changed: bool
    backup: Path | None = None
    readable: bool = False


def change(path: Path, edit: Callable[[str], str]) -> Changed:
    """Put what `edit` makes of a kubeconfig's text in its place, if that is different.

    The file keeps its owner, group and mode; a new one has the mode 0600, and the owner of its directory. One that
    this function made goes when nothing is left in it. Another program that changes it now, as kubectl does, is
    waited for. Raises InstallerError.
    """
    with _failures(path):
        path = path.resolve()  # a link stays one
        private_directory(path.parent)
        _status(path)  # before the lock: next to a device a user may make none, and would be told that instead
        with _locked(path):
            status = _status(path)
            before = _text(path) if status else ""
            after = edit(before)
            readable = bool(status and status.st_mode & 0o044)
            if after == before:
                return Changed(False, readable=readable)
            if status is None:
                write_private(path, after)
                return Changed(True)
            backup = path.with_name(path.name + BACKUP)
            made_here = not backup.exists()
            write_private(backup, path.read_bytes(), like=status)
            if not after and made_here:
                path.unlink()
            else:
                write_private(path, after, like=status)
            return Changed(True, backup, readable)


def save(path: Path, content: str, *, force: bool) -> bool:
    """Write a cluster's kubeconfig to a file of its own, mode 0600; whether that changed it.

    Raises InstallerError if something else is there, unless `force`.
    """
    with _failures(path):
        path = path.resolve()
        if _status(path):
            if path.read_bytes() == content.encode():
                path.chmod(0o600)
                return False
            if not force:
                raise InstallerError(
                    "write the kubeconfig",
                    f"{path} exists and holds something else",
                    hint="Give another place with --output, add the entries to the file with --merge, or overwrite "
                    "it with --force.",
                    exit_code=ExitCode.USAGE,
                )
        write_private(path, content)
    return True


def _status(path: Path) -> os.stat_result | None:
    """None if there is no file. Raises InstallerError for a directory, a device, a pipe and the like."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(found.st_mode):
        raise broken(path, "not a regular file")
    return found


def _text(path: Path) -> str:
    """The text of a file, byte for byte. Raises InstallerError."""
    with path.open("rb") as file:
        content = file.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise broken(path, f"larger than {_LARGEST >> 20} MiB")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise broken(path, f"line {line}: not UTF-8") from None


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold kubectl's own lock on a kubeconfig: a file next to it (client-go, clientcmd/config.go)."""
    lock, until = path.with_name(f"{path.name}.lock"), time.monotonic() + _PATIENCE
    while True:
        try:
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            break
        except FileExistsError:
            if time.monotonic() > until:
                raise _in_use(path, lock) from None
            time.sleep(0.05)
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)


def _in_use(path: Path, lock: Path) -> InstallerError:
    return InstallerError(
        "change the kubeconfig",
        f"another program has changed {path} for more than {_PATIENCE:.0f} s: {lock} is there",
        hint=f"Wait for it. If none runs, remove {lock}.",
        exit_code=ExitCode.USAGE,
    )


@contextmanager
def _failures(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle
        named, seen = getattr(error, "filename", None) or path, getattr(error, "strerror", None) or error
        raise InstallerError(
            "write the kubeconfig",
            f"{named}: {seen}",
            hint="Give another place with --output.",
            exit_code=ExitCode.USAGE,
        ) from None
