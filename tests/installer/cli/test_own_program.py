"""Which Craton a kubeconfig names: kubectl has to find it without this terminal's PATH."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from installer.cli.common import own_program


@pytest.fixture
def craton(tmp_path: Path) -> Path:
    """An installed program and its interpreter, neither on the PATH."""
    program = tmp_path / "venv" / "bin" / "craton"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return program


def test_it_is_the_one_that_was_called(craton: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.chdir(craton.parent)
    monkeypatch.setattr(sys, "argv", ["./craton", "kubeconfig"])
    assert own_program() == str(craton)


def test_called_as_a_module_it_is_the_one_of_this_interpreter(
    craton: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "installer" / "__main__.py")])
    monkeypatch.setattr(sys, "executable", str(craton.with_name("python")))
    assert own_program() == str(craton)


def test_without_an_installed_program_it_is_that_of_the_path(
    craton: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(craton.parent))
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "installer" / "__main__.py")])
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert own_program() == str(craton)
