"""How directories and files that matter are made: private, whole or not at all, and of the right owner."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from installer.common.errors import file_errors


def private_directory(path: Path) -> Path:
    """Make `path` and its parents with mode 0700 where they do not exist; return it. Raises FileError.

    What root makes in the directory of another user belongs to that user, as in the home of who calls `sudo -E`.
    """
    path = path.absolute()
    for directory in (*reversed(path.parents), path):
        with file_errors(directory):
            if not directory.exists():
                with _opened(directory.parent) as parent:
                    _make_directory(directory.name, parent)
    return path


def _make_directory(name: str, parent: int) -> None:
    """Make a directory in the one that is open as `parent`; no error if it exists."""
    try:
        os.mkdir(name, 0o700, dir_fd=parent)
    except FileExistsError:
        return
    owner = os.fstat(parent)
    if os.geteuid() == 0 and owner.st_uid != 0:
        made = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
        try:
            os.fchown(made, owner.st_uid, owner.st_gid)
        finally:
            os.close(made)


def write_private(path: Path, content: str | bytes, *, like: os.stat_result | None = None) -> None:
    """Write a file that matters: to a temporary file next to it, fsynced, renamed over `path`. Raises FileError.

    Its mode is 0600. What root writes belongs to the owner of the file that was there, else to that of the directory.
    With `like`, it has the owner, group and mode of that file.
    """
    private_directory(path.parent)
    with file_errors(path), _opened(path.parent) as directory:
        before = _status(path)
        if before and not stat.S_ISREG(before.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        temporary = f".{path.name}.{secrets.token_hex(8)}"
        file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=directory)
        try:
            with os.fdopen(file, "wb") as writer:
                writer.write(content.encode() if isinstance(content, str) else content)
                writer.flush()
                _hand_over(file, like or before or os.fstat(directory), keep_mode=like is not None)
                os.fsync(file)
            os.rename(temporary, path.name, src_dir_fd=directory, dst_dir_fd=directory)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=directory)
            raise
        os.fsync(directory)


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _hand_over(file: int, like: os.stat_result, *, keep_mode: bool) -> None:
    """Give an open file, which is this user's, an owner, and a mode that shows it to nobody else than before."""
    mode = like.st_mode & 0o777
    if os.geteuid() == 0:
        os.fchown(file, like.st_uid, like.st_gid)
    elif keep_mode and like.st_gid != os.fstat(file).st_gid:
        try:
            os.fchown(file, -1, like.st_gid)
        except PermissionError:
            mode &= 0o707  # of another group than it was
    if keep_mode:
        os.fchmod(file, mode)


@contextmanager
def _opened(directory: Path) -> Iterator[int]:
    """A directory's descriptor: what is done with it stays in it, whatever becomes of its path meanwhile."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
