"""A run that is shown is left with the exit code of what goes on, or of what ended."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer

from installer.cli.common import Mode, show
from installer.common.errors import ExitCode
from installer.common.paths import ClusterDirectory
from installer.engine.events import Outcome, RunKind
from installer.engine.journal import Journal


def test_what_goes_on_is_left_with_success_even_if_the_screen_saw_only_the_failed_run_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path))
    monkeypatch.setattr("screens.app.run_progress", lambda _directory, close: int(ExitCode.MACHINES))
    directory = ClusterDirectory.of("demo")
    codes = []
    with Journal(directory.journal) as journal:
        for _ in range(2):
            journal.begin(RunKind.INSTALL, [], {})
            with pytest.raises(typer.Exit) as left:
                show(lambda: directory, Mode.SCREEN, close=False)
            codes.append(left.value.exit_code)
            journal.end(Outcome.FAILED, ExitCode.MACHINES)
    with pytest.raises(typer.Exit) as left:
        show(lambda: directory, Mode.SCREEN, close=False)
    assert (codes, left.value.exit_code) == ([ExitCode.DONE] * 2, ExitCode.MACHINES)
    assert capsys.readouterr().out.count("left running") == 2
