"""Names from ~/.ssh/config."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from installer.cli.new import complete_aliases
from installer.ssh.config_hosts import aliases


@pytest.fixture
def ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory ~/.ssh."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh").mkdir()
    return tmp_path / ".ssh"


def test_without_a_configuration_there_are_no_names(ssh: Path) -> None:
    assert aliases() == ()


def test_every_name_without_a_pattern_is_listed_once_and_in_order(ssh: Path) -> None:
    (ssh / "config").write_text(
        '# mine\nHost bastion web-1 *.example.com !web-9\n  HostName 10.0.0.1\nhost=db\nHOST "db" web-?\n'
        'Match host later exec "true"\nHost \'open\nHost last # Host never\n'
    )
    assert aliases() == ("bastion", "web-1", "db", "last")


def test_files_whose_names_are_not_text_are_followed(ssh: Path, tmp_path: Path) -> None:
    (ssh / "config").write_bytes(b"Include ~/cl\xe9\nHost m\xe9\nHost last\n")
    Path(os.fsdecode(bytes(tmp_path) + b"/cl\xe9")).write_text("Host first\n")
    assert aliases() == ("first", "last")


def test_included_files_are_followed(ssh: Path, tmp_path: Path) -> None:
    (ssh / "config.d").mkdir()
    (ssh / "config.d" / "b").write_text("Host two\n")
    (ssh / "config.d" / "a").write_text("Host one\nInclude ~/more\n")
    (tmp_path / "more").write_text("Host deep\n")
    (ssh / "config").write_text(f"Include config.d/* nowhere\nInclude {tmp_path}/more\nHost three\n")
    assert aliases() == ("one", "deep", "two", "three")


def test_stars_cross_no_directories_and_no_pattern_takes_forever(ssh: Path) -> None:
    (ssh / "x" / "y").mkdir(parents=True)
    (ssh / "x" / "y" / "z").write_text("Host deeper\n")
    (ssh / "x" / "z").write_text("Host deep\n")
    (ssh / "x" / ".hidden").write_text("Host hidden\n")
    (ssh / "config").write_text(f"Include **/z\nInclude x/*\nInclude {'[' * 60_000}\nHost last\n")
    assert aliases() == ("deep", "last")


def test_files_that_include_each_other_and_bytes_that_are_no_text_do_no_harm(ssh: Path) -> None:
    (ssh / "config").write_bytes(b"Host a\xff\x1b[31m ok\nInclude config\nInclude \0\n")
    assert "ok" in aliases()
    assert all(name.isprintable() for name in aliases())


@pytest.mark.parametrize(
    ("begun", "expected"),
    [("", ["web-1", "db"]), ("we", ["web-1"]), ("10.0.0.1, d", ["10.0.0.1, db"]), ("10.0.0.1 x", [])],
)
def test_the_shell_completes_the_word_begun_last(ssh: Path, begun: str, expected: list[str]) -> None:
    (ssh / "config").write_text("Host web-1 db\n")
    assert complete_aliases(begun) == expected
