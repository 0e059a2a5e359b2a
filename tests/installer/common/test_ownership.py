"""State that somebody else could change is refused, and the directory that lets them is named."""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Callable
from pathlib import Path

import pytest

from installer.common import ownership, paths
from installer.common.errors import ExitCode, InstallerError
from installer.common.ownership import refuse_foreign
from installer.common.paths import ClusterDirectory

ADA, BOB = 4242, 4343


def refusal(path: Path) -> str:
    with pytest.raises(InstallerError) as caught:
        refuse_foreign(path)
    assert caught.value.exit_code is ExitCode.USAGE
    assert "CRATON_HOME" in caught.value.hint
    assert str(path) in caught.value.operation
    return caught.value.observed


@pytest.fixture
def state(tmp_path: Path) -> Path:
    state = tmp_path / "home" / "craton"
    state.mkdir(parents=True)
    for directory in (state, state.parent, tmp_path):
        directory.chmod(0o755)
    return state


def test_what_is_ours_alone_is_used_whether_it_exists_or_not(state: Path) -> None:
    for path in (state, state / "not" / "there", state.parent / ".." / "home" / "craton"):
        refuse_foreign(path)


@pytest.mark.parametrize("mode", [0o777, 0o757, 0o702, 0o1777])
def test_a_directory_that_everybody_can_write_to_is_named(state: Path, mode: int) -> None:
    state.chmod(mode)
    assert f"{state} can be changed by everybody (mode {mode:04o})" in refusal(state)


def test_a_directory_on_the_way_counts_unless_it_is_as_tmp(state: Path) -> None:
    state.parent.chmod(0o777)
    assert f"{state.parent} can be changed by everybody" in refusal(state)
    assert f"{state.parent} can be changed by everybody" in refusal(state / "deep" / "er")
    state.parent.chmod(0o1777)
    refuse_foreign(state)


@pytest.mark.needs("root")
def test_a_group_that_has_others_in_it_is_named_and_a_private_one_is_not(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.chown(state, 0, BOB)
    state.chmod(0o775)
    assert f"{state} can be changed by the group {BOB} (mode 0775)" in refusal(state)
    os.chown(state, 0, 0)
    refuse_foreign(state)
    own = pwd.getpwuid(0)
    account = pwd.struct_passwd((own.pw_name, "x", 0, BOB, "", "/", "/bin/sh"))
    monkeypatch.setattr(pwd, "getpwuid", lambda _user: account)
    os.chown(state, 0, BOB)
    for name, members, private in ((own.pw_name, [], True), (own.pw_name, ["bob"], False), ("staff", [], False)):
        group = grp.struct_group((name, "x", BOB, members))
        monkeypatch.setattr(grp, "getgrgid", lambda _group, group=group: group)
        if private:
            refuse_foreign(state)
        else:
            assert f"can be changed by the group {name}" in refusal(state)


@pytest.mark.needs("root")
@pytest.mark.parametrize("whose", ["state", "parent"])
def test_a_directory_of_somebody_elses_is_named_with_its_owner(state: Path, whose: str) -> None:
    place = state if whose == "state" else state.parent
    os.chown(place, BOB, BOB)
    assert f"{place} belongs to the user id {BOB}" in refusal(state)
    os.chown(place, pwd.getpwnam("daemon").pw_uid, 0)
    assert f"{place} belongs to daemon (user id " in refusal(state)


@pytest.mark.needs("root")
def test_who_called_sudo_is_no_stranger(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.chown(state, ADA, ADA)
    monkeypatch.setenv("SUDO_UID", str(BOB))
    assert f"belongs to the user id {ADA}" in refusal(state)
    for nonsense in ("", "-1", "ada", "0x1092"):
        monkeypatch.setenv("SUDO_UID", nonsense)
        refusal(state)
    monkeypatch.setenv("SUDO_UID", str(ADA))
    refuse_foreign(state)
    monkeypatch.setattr(os, "geteuid", lambda: BOB)  # only root can have become that by sudo
    refusal(state)


def _link(state: Path) -> Path:
    link = state.parent / "link"
    link.symlink_to(state)
    return link


def _links_through(state: Path) -> Path:
    (state / "way").symlink_to("../craton/./way2")
    (state / "way2").symlink_to(state)
    return state / "way" / "more"


@pytest.mark.parametrize("make", [_link, _links_through])
def test_links_are_followed_to_what_they_lead_to(state: Path, make: Callable[[Path], Path]) -> None:
    path = make(state)
    refuse_foreign(path)
    state.chmod(0o1777)
    assert f"{state} can be changed by everybody" in refusal(path) if path.name == "link" else True
    state.chmod(0o777)
    assert f"{state} can be changed by everybody" in refusal(path)


@pytest.mark.needs("root")
def test_a_link_of_somebody_elses_is_named(state: Path) -> None:
    state.parent.chmod(0o1777)
    link = _link(state)
    os.chown(link, BOB, BOB, follow_symlinks=False)
    assert f"{link} belongs to the user id {BOB}" in refusal(link / "more")


def test_links_in_a_circle_end(state: Path) -> None:
    (state / "circle").symlink_to("circle")
    refuse_foreign(state / "circle" / "x")


@pytest.mark.needs("root")
def test_root_outside_of_a_user_namespace_shows_as_nobody(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.chown(state.parent, 65534, 65534)
    assert f"{state.parent} belongs to " in refusal(state)
    monkeypatch.setattr(ownership, "_unmapped", lambda: 65534)
    refuse_foreign(state)
    os.chown(state, 65534, 65534)
    assert f"{state} belongs to " in refusal(state)


def test_craton_home_and_the_clusters_in_it_are_looked_at(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRATON_HOME", str(state))
    (state / "clusters" / "demo").mkdir(parents=True)
    (state / "clusters" / "demo" / "journal.db").touch()
    assert [directory.cluster for directory in paths.clusters()] == ["demo"]
    (state / "clusters" / "demo").chmod(0o777)
    for look in (lambda: ClusterDirectory.of("demo"), paths.clusters):
        with pytest.raises(InstallerError, match="demo can be changed by everybody"):
            look()
    state.chmod(0o777)
    with pytest.raises(InstallerError, match=r"craton can be changed by everybody"):
        paths.home()
