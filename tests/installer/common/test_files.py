"""Files that matter are whole or not at all, private, and their owner's."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from installer.common.errors import FileError, InstallerError
from installer.common.files import private_directory, write_private
from tests.nobody import not_as_root

ADA = 4242


def owner(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_uid, found.st_gid, found.st_mode & 0o777


def test_a_file_and_its_directories_are_private_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file"
    for content in ("one", b"\xff"):
        write_private(path, content)
        assert path.read_bytes() == (content.encode() if isinstance(content, str) else content)
    assert owner(path)[2] == 0o600
    assert owner(path.parent)[2] == owner(path.parent.parent)[2] == 0o700
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]


def test_what_was_there_stays_when_writing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_private(path, "before")

    def full(_file: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FileError, match="No space left on device") as caught:
        write_private(path, "after")
    assert caught.value.errno == errno.ENOSPC
    assert str(path) in caught.value.observed
    assert "space" in caught.value.hint
    assert path.read_text() == "before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_a_failure_is_an_error_for_people_and_for_programs(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    acts: list[Callable[[], object]] = [
        lambda: private_directory(tmp_path / "file" / "below"),
        lambda: write_private(tmp_path / "file" / "below", ""),
    ]
    for act in acts:
        for kind in (InstallerError, OSError):
            with pytest.raises(kind, match="Not a directory"):
                act()


def test_a_directory_that_cannot_be_made_is_named() -> None:
    with TemporaryDirectory() as name:
        place = Path(name)
        place.chmod(0o555)
        with not_as_root(), pytest.raises(FileError, match=f"{place}/a: Permission denied") as caught:
            private_directory(place / "a" / "b")
    assert "CRATON_HOME" in caught.value.hint


@pytest.mark.parametrize("kind", ["directory", "pipe", "link to a device"])
def test_what_is_no_file_is_not_replaced(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "file"
    match kind:
        case "directory":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case _:
            path.symlink_to(os.devnull)
    before = path.lstat()
    with pytest.raises(FileError, match="not a regular file"):
        write_private(path, "text")
    assert os.path.samestat(before, path.lstat())
    with pytest.raises(FileError, match="/dev/null: not a regular file"):
        write_private(Path(os.devnull), "text")


@pytest.mark.needs("root")
def test_what_root_makes_in_a_users_directory_is_the_users(tmp_path: Path) -> None:
    home = tmp_path / "ada"
    home.mkdir()
    os.chown(home, ADA, ADA + 1)
    path = home / "a" / "b" / "file"
    write_private(path, "text")
    for made in (path, path.parent, path.parent.parent):
        assert owner(made)[:2] == (ADA, ADA + 1)
    os.chown(path, ADA, 5)
    path.chmod(0o644)
    write_private(path, "more")
    assert owner(path) == (ADA, 5, 0o600)
    private_directory(tmp_path / "root")
    assert owner(tmp_path / "root")[:2] == (0, 0)


@pytest.mark.needs("root")
def test_a_file_may_be_made_like_another(tmp_path: Path) -> None:
    other, path = tmp_path / "other", tmp_path / "file"
    other.touch()
    os.chown(other, ADA, 7)
    other.chmod(0o640)
    write_private(path, "text", like=other.stat())
    assert owner(path) == (ADA, 7, 0o640)
