"""Trying again where no engine runs any more: a new run of the same kind, without the faults of the last."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from installer.common.errors import ExitCode, InstallerError
from installer.common.paths import ClusterDirectory, write_private
from installer.engine import process
from installer.engine.events import Outcome, RunKind, StepState
from installer.engine.journal import Journal
from installer.operations import runs
from installer.plan.model import InstallPlan
from installer.plan.planfile import dump
from installer.ssh.keys import identities
from installer.steps.platform import RunOptions
from tests.doubles.actions import Effects, fake_step
from tests.patience import PATIENCE

KEPT = {"speed": 40.0, "seed": 7, "artifacts": "/srv/artifacts"}
NOTHING = {"machines": [], "force": False, "upgrade_from": None, "upgrade_to": None, "take_over": False}
"""What a run is told that is no removal and no upgrade."""
OPTIONS = {**KEPT, "faults": ["worker-1:prepare:exit"]}


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ClusterDirectory:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path))
    found = ClusterDirectory.of("demo")
    write_private(found.plan, dump(InstallPlan(name="demo", subdomain="example.test")))
    return found


def failed_run(directory: ClusterDirectory, kind: RunKind, options: Mapping[str, Any]) -> None:
    step = fake_step(Effects(), "a")
    with Journal(directory.journal) as journal:
        journal.begin(kind, [step], options)
        journal.transition(step, StepState.FAILED, error={"operation": "prepare", "observed": "no"})
        journal.end(Outcome.FAILED, ExitCode.MACHINES)


@pytest.mark.parametrize("kind", [RunKind.INSTALL, RunKind.DESTROY])
@pytest.mark.parametrize("steps", [None, ["a"]])
def test_a_run_that_ended_is_followed_by_one_of_its_kind_with_its_options_but_not_its_faults(
    directory: ClusterDirectory, launched: list[dict[str, Any]], kind: RunKind, steps: list[str] | None
) -> None:
    failed_run(directory, kind, OPTIONS)
    assert runs.retry("demo", steps) == directory
    [assignment] = launched
    assert (assignment["kind"], assignment["plan_path"]) == (kind, str(directory.plan))
    assert assignment["options"] == {**KEPT, **NOTHING, "faults": []}


@pytest.mark.needs("ssh-keygen")
def test_passphrases_that_were_typed_here_are_handed_to_the_engine(
    directory: ClusterDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handed: list[Mapping[str, str]] = []
    monkeypatch.setattr(process, "launch", lambda *_, secrets: handed.append(dict(secrets)))
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-N", "hunter2 is long", "-t", "ed25519", "-f", str(key)], check=True)
    identities.remember(key, "hunter2 is long")
    runs.start_resume("demo", RunOptions())
    assert handed[0][str(key)] == "hunter2 is long"


def test_the_engine_runs_no_program_of_the_directory_where_a_command_was_given(
    directory: ClusterDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`python -m` looks for a module there first: in a directory of somebody else's, or of another Craton."""
    started: list[Sequence[str]] = []
    monkeypatch.setattr(process, "launch", lambda argv, *_, **__: started.append(argv))
    runs.start_resume("demo", RunOptions())
    foreign = tmp_path / "there" / "installer"
    foreign.mkdir(parents=True)
    (foreign / "__init__.py").write_text("print('foreign code')")
    ended = subprocess.run(
        [*started[0][:-1], "{}"], cwd=foreign.parent, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert ended.stdout == ""
    assert "from_json" in ended.stderr, "the engine's own program refuses an empty assignment"


def test_a_cluster_that_never_ran_is_installed(directory: ClusterDirectory, launched: list[dict[str, Any]]) -> None:
    runs.retry("demo")
    assert [(one["kind"], one["options"]["speed"]) for one in launched] == [("install", 1.0)]


def test_there_is_nothing_to_try_again_of_a_cluster_that_nobody_knows(
    directory: ClusterDirectory, launched: list[dict[str, Any]]
) -> None:
    with pytest.raises(InstallerError, match="no cluster 'other'"):
        runs.retry("other")
    assert launched == []
