from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from installer.cli.local import app
from installer.common.errors import ExitCode, InstallerError
from installer.common.paths import ClusterDirectory, write_private


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path))


@pytest.mark.parametrize("fault", ["stop", "start", "pause", "partition"])
def test_faults_are_refused_for_machines_that_are_not_on_this_computer(fault: str) -> None:
    text = "craton: 1\nname: demo\nsubdomain: example.com\nplatform: rehearsal\n"
    write_private(ClusterDirectory.of("demo").plan, text)
    result = CliRunner().invoke(app, [fault, "demo", "worker-1"])
    assert isinstance(result.exception, InstallerError)
    assert "not on this computer" in result.exception.observed
    assert result.exception.exit_code is ExitCode.USAGE


def test_prune_works_without_an_engine_and_says_what_it_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    archive = tmp_path / "local" / "machine-abc.tar"
    archive.parent.mkdir()
    archive.touch()
    assert CliRunner().invoke(app, ["prune"]).output == f"removed {archive}\n"
    assert not archive.exists()
    assert CliRunner().invoke(app, ["prune"]).output == "nothing to remove\n"
