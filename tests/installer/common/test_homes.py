"""Which home a `~` means, with and without an account, a HOME, and both of them different."""

from __future__ import annotations

import os
import pwd
import subprocess
from pathlib import Path

import pytest

from installer.common import homes, paths
from installer.common.errors import ExitCode, InstallerError
from installer.common.text import tilde

ADA = pwd.struct_passwd(("ada", "x", 1000, 1000, "", "/home/ada", "/bin/sh"))


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pwd, "getpwuid", lambda _user: ADA)


@pytest.fixture
def no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(user: int) -> pwd.struct_passwd:
        raise KeyError(user)

    monkeypatch.setattr(pwd, "getpwuid", nobody)


@pytest.mark.usefixtures("account")
def test_shells_go_by_home_and_openssh_by_the_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/github/home")
    assert homes.user_home() == homes.expanded("~") == Path("/github/home")
    assert homes.ssh_home() == homes.expanded_by_ssh("~") == Path("/home/ada")
    assert homes.is_openssh_home()
    assert homes.expanded("~/a b") == Path("/github/home/a b")
    assert homes.expanded_by_ssh("~/a b") == Path("/home/ada/a b")
    assert homes.account_name() == "ada"


@pytest.mark.usefixtures("account")
def test_a_home_with_ssh_files_is_used_whole_and_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert homes.ssh_home() == Path("/home/ada")
    assert "keys, known hosts and configuration are those in /home/ada/.ssh" in homes.difference()
    (tmp_path / ".ssh").mkdir()
    assert homes.ssh_home() == tmp_path
    assert not homes.is_openssh_home()
    assert homes.expanded_by_ssh("~/.ssh/id") == tmp_path / ".ssh" / "id"
    said = homes.difference()
    assert f"HOME is {tmp_path}, but OpenSSH looks in /home/ada" in said
    assert f"from {tmp_path}/.ssh alone" in said


@pytest.mark.usefixtures("account")
def test_one_home_written_in_two_ways_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for same in ("/home/ada", "/home/ada/", "/home/./ada"):
        monkeypatch.setenv("HOME", same)
        assert homes.difference() == ""
        assert homes.is_openssh_home()
    monkeypatch.delenv("HOME")
    assert homes.difference() == ""


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("given", [None, ""])
def test_without_home_it_is_the_accounts(monkeypatch: pytest.MonkeyPatch, given: str | None) -> None:
    monkeypatch.setenv("HOME", given) if given is not None else monkeypatch.delenv("HOME")
    assert homes.user_home() == Path("/home/ada")


@pytest.mark.usefixtures("no_account")
def test_without_an_account_it_is_home_and_without_both_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/")
    assert homes.user_home() == homes.ssh_home() == Path("/")
    assert homes.account_name() is None
    assert homes.difference() == ""
    monkeypatch.delenv("HOME")
    for look in (homes.user_home, homes.ssh_home, lambda: homes.expanded("~/x")):
        with pytest.raises(InstallerError, match=f"the user id {os.getuid()} has no account") as caught:
            look()
        assert "CRATON_HOME" in caught.value.hint
        assert caught.value.exit_code is ExitCode.USAGE


@pytest.mark.parametrize("given", ["home", ".", "~", "../x"])
def test_a_home_that_is_relative_is_told(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("HOME", given)
    with pytest.raises(InstallerError, match="not an absolute path"):
        homes.user_home()


def test_paths_are_shown_as_they_are_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    shown = {path: tilde(Path(path)) for path in ("/home/ada/x", "/home/ada", "/home/adam/x", "/x")}
    assert shown == {"/home/ada/x": "~/x", "/home/ada": "/home/ada", "/home/adam/x": "/home/adam/x", "/x": "/x"}
    monkeypatch.setenv("HOME", "relative")
    assert tilde(Path("/home/ada/x")) == "/home/ada/x"


def test_homes_of_others_and_names_that_begin_with_a_tilde() -> None:
    assert homes.expanded("~root/x") == Path(pwd.getpwnam("root").pw_dir) / "x"
    for text in ("~nobody-by-that-name", "~nobody-by-that-name/x"):
        with pytest.raises(InstallerError, match="no account nobody-by-that-name"):
            homes.expanded(text)
    assert homes.expanded("./~x") == Path("./~x")
    assert homes.expanded("") == Path()


def test_state_is_found_by_craton_home_then_by_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("CRATON_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    usual = paths.home()
    assert usual.is_relative_to(tmp_path)
    monkeypatch.setenv("CRATON_HOME", "~/a b")
    assert paths.home() == tmp_path / "a b"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CRATON_HOME", "relative/../here")
    assert paths.home() == tmp_path / "here"
    monkeypatch.delenv("CRATON_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    assert paths.home().is_absolute()


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[2Jb", "a\x7f", "a\x9bb"])
def test_a_name_of_state_that_no_line_can_hold_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path / name))
    with pytest.raises(InstallerError, match="control character") as caught:
        paths.home()
    assert caught.value.observed.isprintable()


@pytest.mark.usefixtures("no_account")
def test_without_any_home_state_is_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CRATON_HOME", "XDG_DATA_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(InstallerError, match="has no account"):
        paths.home()


@pytest.mark.needs("ssh")
def test_openssh_itself_goes_by_the_account(tmp_path: Path) -> None:
    """What this module rests on."""
    done = subprocess.run(
        ["ssh", "-G", "-F", "none", "host"], env={**os.environ, "HOME": str(tmp_path)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert f"userknownhostsfile {pwd.getpwuid(os.getuid()).pw_dir}/.ssh/known_hosts" in done.stdout
