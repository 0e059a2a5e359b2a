"""The user's own kubeconfig is changed in its place, and stays the user's; the one that Craton keeps is checked."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from installer.common.errors import InstallerError
from installer.common.paths import ClusterDirectory, write_private
from installer.operations import kubeconfig
from installer.operations.kubeconfig_entries import merged, without
from installer.plan.model import InstallPlan
from tests.doubles.kubeconfigs import access, given_by_master

PLAN = InstallPlan(name="demo", subdomain="example.test", platform="local")
OWN, ACCESS = given_by_master(PLAN), access(PLAN)
THEIRS = "# mine\nkind: Config\ncurrent-context: work\ncontexts:\n- name: work\n"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "kube" / "config"


def merge(text: str) -> str:
    return merged(text, ACCESS, Path("config"))


def remove(text: str) -> str:
    return without(text, "demo", Path("config"))[0]


def test_a_new_file_is_private_and_what_was_there_is_kept_beside_a_changed_one(config: Path) -> None:
    assert kubeconfig.change(config, merge) == kubeconfig.Changed(True)
    assert config.stat().st_mode & 0o777 == 0o600
    config.write_text(THEIRS)
    backup = config.with_name("config.before-craton")
    assert kubeconfig.change(config, merge) == kubeconfig.Changed(True, backup)
    assert backup.read_text() == THEIRS
    before = config.stat().st_ino
    assert kubeconfig.change(config, merge) == kubeconfig.Changed(False)
    assert config.stat().st_ino == before
    assert sorted(path.name for path in config.parent.iterdir()) == ["config", "config.before-craton"]


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o400])
def test_a_file_keeps_its_mode_and_who_can_read_it_is_told(config: Path, mode: int) -> None:
    config.parent.mkdir()
    config.write_text(THEIRS)
    config.chmod(mode)
    changed = kubeconfig.change(config, merge)
    assert changed.backup is not None
    assert config.stat().st_mode & 0o777 == changed.backup.stat().st_mode & 0o777 == mode
    assert changed.readable == bool(mode & 0o044)


def test_a_file_that_was_not_there_is_gone_again_and_an_empty_one_is_empty_again(config: Path) -> None:
    kubeconfig.change(config, merge)
    kubeconfig.change(config, remove)
    assert not config.exists()
    config.with_name("config.before-craton").unlink()
    config.touch()
    kubeconfig.change(config, merge)
    kubeconfig.change(config, remove)
    assert config.read_bytes() == b""


@pytest.mark.needs("root")
def test_what_root_writes_in_a_users_home_is_the_users(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    home = tmp_path / "ada"
    home.mkdir()
    os.chown(home, 4242, 4343)
    config = home / ".kube" / "more" / "config"
    kubeconfig.change(config, merge)
    kubeconfig.save(home / "own", OWN, force=False)
    for path in (config, config.parent, config.parent.parent, home / "own"):
        assert (path.stat().st_uid, path.stat().st_gid) == (4242, 4343), path
    config.write_text(THEIRS)
    os.chown(config, 4242, 4444)
    config.chmod(0o640)
    kubeconfig.change(config, merge)
    found = config.stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (4242, 4444, 0o640)
    backup = config.with_name("config.before-craton").stat()
    assert (backup.st_uid, backup.st_gid, backup.st_mode & 0o777) == (4242, 4444, 0o640)
    assert [path.name for path in config.parent.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("kind", ["directory", "pipe", "device", "link to a device"])
def test_what_is_no_file_is_left_alone(config: Path, kind: str) -> None:
    config.parent.mkdir()
    match kind:
        case "directory":
            config.mkdir()
        case "pipe":
            os.mkfifo(config)
        case "device":
            config = Path(os.devnull)
        case _:
            config.symlink_to(os.devnull)
    before = config.lstat()
    for act in (lambda: kubeconfig.change(config, merge), lambda: kubeconfig.save(config, OWN, force=True)):
        with pytest.raises(InstallerError, match="not a regular file"):
            act()
    assert os.path.samestat(before, config.lstat())


def test_links_in_a_circle_are_told(config: Path) -> None:
    config.parent.mkdir()
    config.symlink_to("config")
    with pytest.raises(InstallerError, match="config"):
        kubeconfig.change(config, merge)


def test_a_link_stays_a_link(config: Path, tmp_path: Path) -> None:
    config.parent.mkdir()
    config.symlink_to(tmp_path / "elsewhere")
    kubeconfig.change(config, merge)
    assert config.is_symlink()
    assert "demo-admin" in (tmp_path / "elsewhere").read_text()


def test_another_program_that_changes_the_file_is_waited_for(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubeconfig, "_PATIENCE", 0.0)
    config.parent.mkdir()
    lock = config.with_name("config.lock")
    lock.touch()
    with pytest.raises(InstallerError, match=r"config\.lock is there"):
        kubeconfig.change(config, lambda text: text + "kind: Config\n")
    assert not config.exists()
    assert lock.exists()


def test_a_file_that_is_not_text_or_cannot_be_written_is_told(config: Path) -> None:
    config.parent.mkdir()
    config.write_bytes(b"kind: Config\n\xff")
    with pytest.raises(InstallerError, match="line 2: not UTF-8"):
        kubeconfig.change(config, str)
    with pytest.raises(InstallerError, match="Not a directory"):
        kubeconfig.save(config / "below", OWN, force=True)


def test_a_file_of_its_own_replaces_nothing_else_unless_forced(config: Path) -> None:
    assert kubeconfig.save(config, OWN, force=False)
    assert not kubeconfig.save(config, OWN, force=False)
    config.write_text(THEIRS)
    with pytest.raises(InstallerError, match="exists and holds something else"):
        kubeconfig.save(config, OWN, force=False)
    assert config.read_text() == THEIRS
    assert kubeconfig.save(config, OWN, force=True)
    assert config.read_text() == OWN
    assert config.stat().st_mode & 0o777 == 0o600


def test_the_kept_file_is_refused_if_it_holds_more_than_certificates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path))
    directory = ClusterDirectory.of("demo")
    with pytest.raises(InstallerError, match="has none yet"):
        kubeconfig.kept_access(directory, PLAN)
    write_private(directory.kubeconfig, OWN)
    assert kubeconfig.kept_access(directory, PLAN) == ACCESS
    for text, said in [
        (OWN.replace("  user:\n", "  user:\n    tokenFile: /etc/shadow\n"), r"users\[0\]\.user\.tokenFile"),
        (OWN.replace("demo-k8s", "other"), "not to https://demo-k8s"),
        ("\udcff", "utf-8"),
    ]:
        write_private(directory.kubeconfig, text.encode(errors="surrogateescape"))
        with pytest.raises(InstallerError, match=said) as caught:
            kubeconfig.kept_access(directory, PLAN)
        assert str(directory.kubeconfig) in caught.value.observed
        assert "resume demo" in caught.value.hint


@pytest.mark.parametrize(
    ("given_", "found"), [("", ".kube/config"), ("one:two", "one"), (":two", "two"), ("~/mine", "mine")]
)
def test_the_file_is_the_one_that_kubectl_reads_first(
    given_: str, found: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join(given_.split(":")))
    assert str(kubeconfig.user_file()).endswith(found)
