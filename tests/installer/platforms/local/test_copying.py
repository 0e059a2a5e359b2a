"""Files go straight into a machine's volume, and nothing in there leads a copy out of it."""

from __future__ import annotations

from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import pytest

from installer.common.errors import InstallerError
from installer.platforms.local import copying
from installer.platforms.local.engine import Engine

TARGET = "/var/lib/craton/artifacts/images/pause.tar"
DATA = bytes(range(256)) * 1024


@pytest.fixture
def volume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The place of the machine's /var on this computer."""
    place = tmp_path / "volume"
    place.mkdir()

    def inspect(_engine: Engine, kind: str, *names: str) -> list[dict[str, Any]]:
        assert (kind, names) == ("volume", ("m-var",))
        return [{"Mountpoint": str(place)}]

    monkeypatch.setattr(Engine, "inspect", inspect)
    (tmp_path / "pause.tar").write_bytes(DATA)
    return place


def copy(volume: Path, deadline: float = 60.0) -> Path:
    copying.copy_in(Engine("podman"), "m", {TARGET: volume.parent / "pause.tar"}, deadline)
    return volume / "lib/craton/artifacts/images/pause.tar"


def test_a_copy_is_whole_and_nobody_else_s_to_read(volume: Path) -> None:
    there = copy(volume)
    assert there.read_bytes() == DATA
    assert (there.stat().st_mode & 0o777, there.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_artifacts_may_be_on_another_disk(volume: Path) -> None:
    with NamedTemporaryFile(dir="/dev/shm") as elsewhere:
        elsewhere.write(DATA)
        elsewhere.flush()
        copying.copy_in(Engine("podman"), "m", {TARGET: Path(elsewhere.name)}, 60.0)
    assert (volume / "lib/craton/artifacts/images/pause.tar").read_bytes() == DATA


def test_what_an_earlier_copy_left_is_replaced(volume: Path) -> None:
    copy(volume).write_bytes(b"half")
    assert copy(volume).read_bytes() == DATA


@pytest.mark.parametrize("link", ["lib", "lib/craton", "lib/craton/artifacts/images"])
def test_a_directory_that_leads_out_of_the_volume_is_refused(volume: Path, tmp_path: Path, link: str) -> None:
    (tmp_path / "outside").mkdir()
    (volume / link).parent.mkdir(parents=True, exist_ok=True)
    (volume / link).symlink_to(tmp_path / "outside")
    with pytest.raises(InstallerError, match=r"Not a directory|Too many levels of symbolic links"):
        copy(volume)
    assert not list((tmp_path / "outside").iterdir())


def test_a_file_that_leads_out_of_the_volume_is_replaced(volume: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("kept")
    there = volume / "lib/craton/artifacts/images/pause.tar"
    there.parent.mkdir(parents=True)
    there.symlink_to(tmp_path / "outside")
    assert copy(volume).read_bytes() == DATA
    assert (tmp_path / "outside").read_text() == "kept"
    assert not there.is_symlink()


def test_a_copy_ends_at_its_deadline_and_says_so(volume: Path) -> None:
    with pytest.raises(InstallerError, match="not done in time"):
        copy(volume, deadline=0.0)


def test_what_is_not_there_is_said(volume: Path) -> None:
    (volume.parent / "pause.tar").unlink()
    with pytest.raises(InstallerError, match=r"pause\.tar: No such file or directory"):
        copy(volume)


def test_where_the_volume_is_not_here_the_engine_copies(volume: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[tuple[str, ...]] = []
    monkeypatch.setattr(Engine, "inspect", lambda *_: [{"Mountpoint": "/nowhere/at/all"}])
    monkeypatch.setattr(Engine, "call", lambda _engine, *words, **_: called.append(words))
    copy(volume)
    assert called == [("cp", str(volume.parent / "pause.tar"), f"m:{TARGET}")]
