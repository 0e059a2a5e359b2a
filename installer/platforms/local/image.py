"""The machines' image: built once by a hash of what it is made of, cached under the home directory."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from installer.common.errors import InstallerError
from installer.common.paths import home, private_directory
from installer.platforms.local import rootfs
from installer.platforms.local.engine import Engine
from installer.platforms.local.reporter import Reporter

REPOSITORY = "localhost/craton-machine"
_INPUTS = ("packages.txt", "setup.sh", "entrypoint.sh", "Containerfile")
STAGES = 8
"""Stages of a build; the last one hands the result to the engine."""


def inputs() -> dict[str, str]:
    """The files that an image is made of, by name."""
    return {name: files("assets").joinpath("local", name).read_text(encoding="utf-8") for name in _INPUTS}


def reference() -> str:
    """The image's name: it changes whenever something does that the image is made of."""
    digest = hashlib.sha256("\0".join((rootfs.SUITE, platform.machine(), *inputs().values())).encode())
    return f"{REPOSITORY}:{digest.hexdigest()[:12]}"


def cache() -> Path:
    """The directory of root file systems, one archive per image."""
    return home() / "local"


def ensure(engine: Engine, report: Reporter) -> str:
    """Have the image in the engine's store, from the cache if it is there, and return its name.

    A build takes a minute and needs Debian's packages; other runs that need the image wait for it.
    """
    name = reference()
    if engine.exists("image", name):
        return name
    with _lock(report):
        if engine.exists("image", name):
            return name
        archive = _archive(name)
        if not archive.exists():
            _build(engine, archive, report)
        report.stage(STAGES, STAGES, f"hand the image to {engine.name}")
        engine.call("import", str(archive), name, deadline=report.remaining())
    report.log(f"{engine.name} has the image {name}")
    return name


def release(engine: Engine) -> bool:
    """Take our images out of the engine's store unless a machine uses them; what is cached stays. Whether it could."""
    free = True
    for name in stored(engine):
        free = engine.attempt("image", "rm", name).status == 0 and free
    return free


def stored(engine: Engine) -> list[str]:
    """Names of our images in the engine's store."""
    listed = engine.call("images", "--format", "{{.Repository}}:{{.Tag}}", "--filter", f"reference={REPOSITORY}")
    return sorted({line.strip() for line in listed.splitlines() if line.startswith(f"{REPOSITORY}:")})


def prune(engine: Engine | None) -> list[str]:
    """Remove every cached root file system, and every image of ours that no machine uses. Returns what was removed."""
    removed = []
    for path in sorted(cache().glob("machine-*.tar")) if cache().is_dir() else []:
        path.unlink(missing_ok=True)
        removed.append(str(path))
    if engine is not None:
        before = stored(engine)
        release(engine)
        kept = stored(engine)
        removed += [name for name in before if name not in kept]
    return removed


def _archive(name: str) -> Path:
    return cache() / f"machine-{name.rpartition(':')[2]}.tar"


def _build(engine: Engine, archive: Path, report: Reporter) -> None:
    """Build next to the archive, then rename it into place. What an interrupted build left is removed first."""
    for left in archive.parent.glob("build-*"):
        shutil.rmtree(left, ignore_errors=True)
    directory = Path(tempfile.mkdtemp(prefix="build-", dir=archive.parent))
    try:
        for name, content in inputs().items():
            (directory / name).write_text(content, encoding="utf-8")
        built = rootfs.build(engine, directory, report)
        for old in archive.parent.glob("machine-*.tar"):
            old.unlink(missing_ok=True)
        built.replace(archive)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextlib.contextmanager
def _lock(report: Reporter) -> Iterator[None]:
    """Hold the cache's lock: one build at a time, whichever cluster's run it is for."""
    private_directory(cache())
    descriptor = os.open(cache() / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        report.wait_until("another run to build the image", lambda: _taken(descriptor))
        yield
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> tuple[bool | None, str]:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return None, "it is being built"
    except OSError as error:
        raise InstallerError("lock the image cache", error.strerror or str(error)) from None
    return True, "free"
