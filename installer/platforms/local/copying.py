"""Files of this computer on a machine, without its network."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from installer.common.errors import InstallerError
from installer.platforms.local import names
from installer.platforms.local.engine import Engine

_VOLUME = PurePosixPath("/var")
_CHUNK = 64 * 1024 * 1024
"""Bytes that are copied between two looks at the clock."""


def copy_in(engine: Engine, name: str, files: Mapping[str, Path], deadline: float) -> None:
    """Put a copy of each file at the path that it has in `files`, below /var, within `deadline` s.

    Straight into the machine's volume where this computer lets us, else through the engine, which takes five times the
    processor time. Raises InstallerError, also after part of it.
    """
    until = time.monotonic() + deadline
    volume = _volume(engine, name)
    for target, source in files.items():
        if volume is None:
            left = max(0.1, until - time.monotonic())
            engine.call("cp", str(source), f"{name}:{target}", machine=name, deadline=left)
        else:
            _copy(volume, name, source, PurePosixPath(target).relative_to(_VOLUME), until)


def _volume(engine: Engine, name: str) -> Path | None:
    """Where this computer has a machine's /var; None where it lies elsewhere or is not ours to write."""
    found = engine.inspect("volume", names.volume(name))
    place = Path(str(found[0].get("Mountpoint") or "")) if found else Path()
    return place if place.is_absolute() and os.access(place, os.W_OK | os.X_OK) else None


def _copy(volume: Path, name: str, source: Path, path: PurePosixPath, until: float) -> None:
    try:
        with source.open("rb") as file, _directory(volume, path.parent) as directory:
            with suppress(FileNotFoundError):
                os.unlink(path.name, dir_fd=directory)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            copy = os.open(path.name, flags, 0o600, dir_fd=directory)
            try:
                done = 0
                while sent := os.sendfile(copy, file.fileno(), done, _CHUNK):  # unlike copy_file_range(2): to any disk
                    done += sent
                    if time.monotonic() > until:
                        raise TimeoutError(0, "not done in time")
            finally:
                os.close(copy)
    except OSError as error:
        observed = f"{source}: {error.strerror or error}"
        raise InstallerError(f"copy to {_VOLUME / path}", observed, machine=name) from None


@contextmanager
def _directory(volume: Path, path: PurePosixPath) -> Iterator[int]:
    """A directory of the volume, made where it is missing. No link is followed: it could lead out of the volume."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
    found = os.open(volume, flags)
    try:
        for part in path.parts:
            with suppress(FileExistsError):
                os.mkdir(part, 0o700, dir_fd=found)
            inner = os.open(part, flags, dir_fd=found)
            os.close(found)
            found = inner
        yield found
    finally:
        os.close(found)
