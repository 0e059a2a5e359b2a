"""A file system that is full or read-only where Craton keeps its clusters: a real one, of some megabytes."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.craton import Craton
from tests.doubles.installed import Installed

pytestmark = pytest.mark.needs("private files")

SPEED = ("--speed", "100")
MEANWHILE = "`craton check` and `craton list` work meanwhile."


@pytest.fixture
def clusters(craton: Craton) -> Iterator[Path]:
    """Where the user's clusters are: a file system of its own, and nothing else of Craton's is there."""
    path = craton.home / "clusters"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    _mount("-t", "tmpfs", "-o", "size=4m,mode=700", "tmpfs", str(path))
    try:
        yield path
    finally:
        craton.end_everything()
        subprocess.run(["umount", "--lazy", str(path)], check=True)


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


@contextmanager
def full(clusters: Path, free: int = 0) -> Iterator[None]:
    """No space for files, but for some bytes."""
    fill = clusters / ".fill"
    try:
        with suppress(OSError), fill.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        assert shutil.disk_usage(clusters).free == 0
        with fill.open("r+b") as file:
            file.truncate(fill.stat().st_size - free)
        yield
    finally:
        fill.unlink(missing_ok=True)


@contextmanager
def read_only(clusters: Path) -> Iterator[None]:
    _mount("-o", "remount,ro", str(clusters))
    try:
        yield
    finally:
        _mount("-o", "remount,rw", str(clusters))


def _changing(path: Path) -> tuple[tuple[str, ...], ...]:
    return (("apply", str(path)), ("resume", "demo"), ("destroy", "demo"))


def _refused(craton: Craton, path: Path, *words: str) -> None:
    """Each command that changes something ends with an error that has these words."""
    for command in _changing(path):
        told = craton.run(*command, "--yes", "--plain", *SPEED, expect=2).stderr
        for expected in words:
            assert expected in told, command


def _works(craton: Craton) -> None:
    """What needs no space does what it always does."""
    assert craton.cluster()["state"] == "installed"
    assert "healthy" in craton.run("check", "demo", "--plain").stdout
    assert "verify" in craton.run("watch", "demo", "--plain").stdout


def test_a_first_install_on_a_full_disk_says_so_and_works_once_there_is_space(craton: Craton, clusters: Path) -> None:
    path = craton.plan(masters=1, workers=1)
    with full(clusters):
        told = craton.run("apply", str(path), "--yes", "--plain", *SPEED, expect=2).stderr
        assert f"{clusters}/demo/lock: No space left on device" in told
        assert "Free space on its file system." in told
        assert MEANWHILE not in told, "there is no cluster yet"
    craton.run("apply", str(path), "--yes", "--plain", *SPEED)


def test_every_command_says_that_the_disk_is_full_and_what_still_works(
    craton: Craton, clusters: Path, installed: Installed
) -> None:
    path = installed(masters=1, workers=1)
    with full(clusters):
        _refused(
            craton,
            path,
            f"{clusters}/demo/lock: No space left on device",
            f"Free space on its file system. {MEANWHILE}",
        )
        _works(craton)
    with full(clusters, free=16 * 1024):
        _refused(
            craton,
            path,
            f"{clusters}/demo/journal.db: database or disk is full",
            "then run the command again. `craton check` works meanwhile.",
        )
        _works(craton)
    craton.run("resume", "demo", "--yes", "--plain", *SPEED)
    craton.run("destroy", "demo", "--yes", "--plain", *SPEED)
    assert list(clusters.iterdir()) == []


def test_every_command_says_that_the_file_system_is_read_only_and_what_still_works(
    craton: Craton, clusters: Path, installed: Installed
) -> None:
    path = installed(masters=1, workers=1)
    with read_only(clusters):
        _refused(
            craton,
            path,
            f"{clusters}/demo/engine.log: Read-only file system",
            f"Mount its file system writable. {MEANWHILE}",
        )
        _works(craton)
    craton.run("destroy", "demo", "--yes", "--plain", *SPEED)
    assert list(clusters.iterdir()) == []
