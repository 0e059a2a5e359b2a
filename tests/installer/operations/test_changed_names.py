"""A cluster keeps its name: a plan that got another one is refused, with what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from installer.common.errors import ExitCode, InstallerError
from installer.common.paths import ClusterDirectory, write_private
from installer.engine.events import Outcome, RunKind
from installer.engine.journal import Journal
from installer.operations import lookup, runs
from installer.steps.platform import RunOptions
from tests.doubles.actions import Effects, fake_step

PLAN = "name: demo\nsubdomain: example.test\n"


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ClusterDirectory:
    """A cluster that was installed from the file `shop.yaml`."""
    monkeypatch.setenv("CRATON_HOME", str(tmp_path / "home"))
    found = ClusterDirectory.of("demo")
    write_private(found.plan, PLAN)
    (tmp_path / "shop.yaml").write_text(PLAN)
    with Journal(found.journal) as journal:
        journal.begin(RunKind.INSTALL, [fake_step(Effects(), "a")], {"plan": str(tmp_path / "shop.yaml")})
        journal.end(Outcome.DONE, ExitCode.DONE)
    return found


def test_a_saved_plan_with_another_name_is_refused_by_every_command(
    directory: ClusterDirectory, launched: list[dict[str, Any]]
) -> None:
    write_private(directory.plan, PLAN.replace("demo", "other"))
    for begin in (
        lambda: lookup.load("demo"),
        lambda: runs.start_resume("demo", RunOptions()),
        lambda: runs.start_destroy("demo", RunOptions()),
    ):
        with pytest.raises(InstallerError, match="says name: other, and the cluster is demo") as raised:
            begin()
        assert "write `name: demo`" in raised.value.hint
        assert raised.value.exit_code is ExitCode.PLAN
    assert launched == []


def test_a_plan_file_that_made_a_cluster_makes_no_other_under_a_new_name_but_a_copy_does(
    directory: ClusterDirectory, launched: list[dict[str, Any]], tmp_path: Path
) -> None:
    renamed = tmp_path / "shop.yaml"
    renamed.write_text(PLAN.replace("demo", "other"))
    with pytest.raises(InstallerError, match="made the cluster demo, and says name: other now") as raised:
        runs.start_install(renamed, RunOptions())
    assert raised.value.exit_code is ExitCode.PLAN
    assert launched == []
    copy = tmp_path / "copy.yaml"
    copy.write_text(renamed.read_text())
    runs.start_install(copy, RunOptions())
    renamed.write_text(PLAN)
    runs.start_install(renamed, RunOptions())
    assert [one["cluster"] for one in launched] == ["other", "demo"]
