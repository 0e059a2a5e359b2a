"""A backup is whole, private and checked, or there is none; it comes from a master that works."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

from installer.common.errors import ExitCode, InstallerError
from installer.common.paths import write_private
from installer.operations import backup
from installer.plan.model import InstallPlan
from tests.doubles.kubeconfigs import access, given_by_master
from tests.doubles.masters import Masters

PLAN = InstallPlan(name="demo", subdomain="example.test", masters=3, workers=1)


@pytest.fixture
def masters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Masters:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path / "home"))
    return Masters(PLAN)


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "backups" / "demo.tar"


def test_a_backup_holds_the_snapshot_the_plan_and_what_it_is_of(masters: Masters, output: Path) -> None:
    said: list[str] = []
    world = masters.world
    write_private(world.directory.kubeconfig, given_by_master(PLAN))
    archive = backup.take(world, output, said.append)
    assert output.stat().st_mode & 0o777 == 0o600
    with tarfile.open(output) as tar:
        assert tar.getnames() == ["backup.json", "plan.yaml", "snapshot.db"]
    found = backup.read(output)
    assert found == archive.backup
    assert (found.cluster, found.master, found.revision, found.size) == ("demo", "demo-master-1", 7, 11)
    assert found.authority == hashlib.sha256(access(PLAN).authority.encode()).hexdigest()
    assert archive.sha256 == hashlib.sha256(output.read_bytes()).hexdigest()
    assert [line for line in said if not line.startswith(" ")] == [
        "demo-master-1: taking a snapshot of etcd",
        "demo-master-1: bringing it here",
    ]
    assert masters.master(1).files == {}, "nothing is left on the master"
    assert [path.name for path in output.parent.iterdir()] == ["demo.tar"]


def test_the_first_master_that_works_is_asked(masters: Masters, output: Path) -> None:
    masters.master(1).up = False
    assert backup.take(masters.world, output).backup.master == "demo-master-2"


def test_without_a_majority_what_the_last_master_knows_is_taken(masters: Masters, output: Path) -> None:
    masters.master(1).up = masters.master(2).up = False
    said: list[str] = []
    assert backup.take(masters.world, output, said.append).backup.master == "demo-master-3"
    assert said[0] == "demo-master-3: its API server: etcd failed; what its own etcd knows is taken"


def test_without_a_master_that_has_an_etcd_each_ones_trouble_is_told(masters: Masters, output: Path) -> None:
    masters.master(1).up = masters.master(2).up = False
    masters.master(3).etcd = None
    with pytest.raises(InstallerError) as caught:
        backup.take(masters.world, output)
    assert caught.value.observed == (
        "demo-master-1: connect: no answer; demo-master-2: connect: no answer; demo-master-3: its API server: no answer"
    )
    assert caught.value.exit_code is ExitCode.CLUSTER
    assert not output.exists()


def test_a_backup_that_breaks_off_leaves_the_older_one(masters: Masters, output: Path) -> None:
    backup.take(masters.world, output)
    before = output.read_bytes()
    masters.breaks = "demo-master-1 etcd snapshot"
    with pytest.raises(InstallerError, match="the connection dropped"):
        backup.take(masters.world, output)
    assert output.read_bytes() == before
    assert [path.name for path in output.parent.iterdir()] == ["demo.tar"]


def test_a_place_that_takes_no_file_is_told(masters: Masters, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InstallerError, match="Not a directory"):
        backup.take(masters.world, tmp_path / "file" / "below.tar")


def _tar(path: Path, **files: bytes) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name.replace("_", "."))
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return path


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "No such file or directory"),
        (b"", "not a backup, or a damaged one"),
        (b"something else entirely" * 100, "not a backup, or a damaged one"),
        ({"other": b"x"}, r"it holds no backup\.json that can be read"),
        ({"backup_json": b"{"}, r"it holds no backup\.json that can be read"),
        ({"backup_json": b'{"cluster": "demo"}'}, r"it holds no backup\.json that can be read"),
    ],
)
def test_what_is_no_backup_is_told(content: object, said: str, tmp_path: Path) -> None:
    path = tmp_path / "given"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif isinstance(content, dict):
        _tar(path, **content)
    with pytest.raises(InstallerError, match=said) as caught:
        backup.read(path)
    assert str(path) in caught.value.observed


def test_a_snapshot_that_is_damaged_or_missing_is_not_unpacked_silently(
    masters: Masters, output: Path, tmp_path: Path
) -> None:
    backup.take(masters.world, output)
    backup.unpack(output, tmp_path / "whole")
    assert (tmp_path / "whole").read_bytes() == b"all objects"
    with tarfile.open(output) as tar:
        record = tar.extractfile("backup.json")
        assert record
        text = record.read()
    assert json.loads(text)["cluster"] == "demo"
    for snapshot in ({"snapshot_db": b"all objectz"}, {}):
        with pytest.raises(InstallerError, match=r"snapshot\.db in it is damaged"):
            backup.unpack(_tar(tmp_path / "damaged.tar", backup_json=text, **snapshot), tmp_path / "x")
