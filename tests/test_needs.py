"""What a computer lacks is installed, or named once; tests that need it are skipped for that reason, and fail in CI."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import needs, set_up
from tests.craton import ROOT

SUITE = """
import pytest
from tests.needs import require

@pytest.fixture
def shell():
    require("fish")

@pytest.mark.needs("zsh")
@pytest.mark.parametrize("number", range(3))
def test_marked(number): ...

def test_by_its_fixture(shell): ...
def test_by_its_fixture_too(shell): ...
def test_free(): ...
"""


def run_suite(directory: Path, ci: str) -> str:
    """What pytest says of SUITE at its end, on a computer without zsh and fish."""
    (directory / "test_suite.py").write_text(SUITE)
    argv = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "tests.conftest",
        "-p",
        "no:cacheprovider",
        "-c",
        os.devnull,
        "-rs",
        "-q",
        str(directory),
    ]
    environment = {"PATH": str(directory), "PYTHONPATH": str(ROOT), "CI": ci}
    return subprocess.run(argv, cwd=directory, env=environment, capture_output=True, text=True, check=False).stdout


def test_what_is_missing_skips_tests_and_the_end_counts_them_by_reason(tmp_path: Path) -> None:
    said = run_suite(tmp_path, ci="false")
    assert re.search(r"^SKIPPED \[3\] .*: zsh is not installed \(Debian: zsh\)$", said, re.MULTILINE), said
    assert re.search(r"^SKIPPED \[2\] .*: fish is not installed \(Debian: fish\)$", said, re.MULTILINE), said
    assert "1 passed, 5 skipped" in said


def test_what_is_missing_fails_tests_in_ci(tmp_path: Path) -> None:
    said = run_suite(tmp_path, ci="true")
    assert "CI has to have this: zsh is not installed (Debian: zsh)" in said
    assert "1 passed, 5 errors" in said


def test_a_right_that_builds_on_another_lacks_for_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert needs.lacking.__wrapped__("root") == "only root may do this: run the tests as root"
    needs.lacking.cache_clear()
    try:
        assert needs.lacking("network namespaces") == "only root may do this: run the tests as root"
    finally:
        needs.lacking.cache_clear()


def test_every_need_has_a_name_in_the_table_and_no_test_skips_for_another_reason() -> None:
    for path in (ROOT / "tests").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        for names in re.findall(r"\b(?:mark\.needs|require|tool)\(((?:\"[^\"]+\"(?:, )?)+)\)", text):
            for name in re.findall(r'"([^"]+)"', names):
                assert name in needs.TOOLS or name in needs.RIGHTS, f"{path}: {name}"
        if path.name not in ("needs.py", "test_needs.py"):
            assert not re.search(r"\bpytest\.(skip|importorskip|mark\.skip|mark\.skipif|mark\.xfail)\b", text), path


class Computer:
    """A PATH of its own, with an apt-get that installs what it is told to, and a file of what was called."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bin = directory / "bin"
        self.bin.mkdir()
        self._calls = directory / "calls"
        for name in ("env", "touch", "sh", "chmod"):
            (self.bin / name).symlink_to(shutil.which(name) or name)
        monkeypatch.setenv("PATH", str(self.bin))
        monkeypatch.setenv("CI", "")
        monkeypatch.setattr(needs, "PATH", str(self.bin))
        monkeypatch.setattr(set_up, "TOOLS", {"craton-zsh": "craton-zsh", "craton-ip": "craton-iproute2"})
        monkeypatch.setattr("sys.stdin", io.StringIO())

    def program(self, name: str, script: str) -> None:
        path = self.bin / name
        path.write_text(f'#!/bin/sh\necho {name} "$@" >>{self._calls}\n{script}\n')
        path.chmod(0o755)

    @property
    def calls(self) -> list[str]:
        return self._calls.read_text().splitlines() if self._calls.exists() else []


INSTALLS = 'cd "${0%/*}"; [ "$1" = update ] || { touch craton-zsh craton-ip; chmod 755 craton-zsh craton-ip; }'


@pytest.fixture
def computer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Computer:
    return Computer(tmp_path, monkeypatch)


def test_root_installs_what_is_missing(computer: Computer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    computer.program("apt-get", INSTALLS)
    assert set_up.main() == 0
    assert [call.split()[1] for call in computer.calls] == ["update", "install"]
    assert computer.calls[-1].endswith(" craton-iproute2 craton-zsh")
    assert set_up.main() == 0
    assert len(computer.calls) == 2, "nothing is missing any more"


def test_somebody_with_sudo_installs_what_is_missing(computer: Computer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    computer.program("apt-get", INSTALLS)
    computer.program("sudo", '[ "$1" != -n ] || shift; exec "$@"')
    (computer.bin / "true").symlink_to("/bin/true")
    assert set_up.main() == 0
    assert [call.split()[0] for call in computer.calls] == ["sudo", "sudo", "apt-get", "sudo", "apt-get"]


@pytest.mark.parametrize("sudo", ["", "echo 'a password is required' >&2; exit 1"])
def test_others_are_told_once_what_is_missing_and_the_command(
    computer: Computer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], sudo: str
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    computer.program("apt-get", INSTALLS)
    if sudo:
        computer.program("sudo", sudo)
    assert set_up.main() == 0, "the tests run all the same"
    said = capsys.readouterr().err
    assert "craton-zsh, craton-ip" in said
    assert "sudo apt-get install --yes --no-install-recommends craton-iproute2 craton-zsh\n" in said
    assert "skipped" in said
    assert not [call for call in computer.calls if call.startswith("apt-get")]


def test_what_cannot_be_installed_ends_ci(
    computer: Computer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    computer.program("apt-get", "exit 100")
    assert set_up.main() == 0
    monkeypatch.setenv("CI", "true")
    assert set_up.main() == 1
    assert "apt-get failed" in capsys.readouterr().err


def test_set_up_needs_python_alone() -> None:
    code = "import sys; sys.path.insert(0, sys.argv[1]); import tests.set_up; sys.exit('pytest' in sys.modules)"
    assert subprocess.run([sys.executable, "-I", "-S", "-c", code, str(ROOT)], check=False).returncode == 0


def test_ci_runs_what_make_test_runs() -> None:
    command = re.search(
        r"^test: prepared .*\n\t\$\(BIN\)/(python -m pytest .*?) \$\(TESTS\)$", (ROOT / "Makefile").read_text(), re.M
    )
    assert command
    assert f"exec .venv/bin/{command[1]}\n" in (ROOT / ".ci/run").read_text()


@pytest.mark.parametrize(("status", "says"), [(0, "== 9 passed in 1.00s =="), (1, "== 1 failed, 8 passed in 1.00s ==")])
def test_pytest_has_the_last_word_in_ci(tmp_path: Path, status: int, says: str) -> None:
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci/run", tmp_path / ".ci/run")
    for path, script in {
        ".venv/bin/python": f"echo '{says}'; exit {status}",
        "bin/make": 'echo "make $* CI=$CI"',
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / path).chmod(0o755)
    environment = {"PATH": f"{tmp_path}/bin:/usr/bin:/bin"}
    done = subprocess.run(
        ["bash", ".ci/run"], cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == status
    assert done.stdout.splitlines() == ["make prepared CI=true", says]
    assert done.stderr == ""
