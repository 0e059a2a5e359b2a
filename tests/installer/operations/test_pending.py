"""An upgrade or a removal that hasn't finished goes on before anything else is done."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from installer.common.errors import ExitCode, InstallerError
from installer.common.paths import ClusterDirectory, write_private
from installer.engine import process
from installer.engine.events import Outcome, RunKind
from installer.engine.journal import Journal
from installer.operations import pending, runs
from installer.plan import planfile
from installer.plan.model import InstallPlan
from installer.steps.platform import RunOptions
from tests.doubles.actions import Effects, fake_step

PLAN = """\
# the shop's cluster
name: demo
subdomain: example.test
workers: 3  # for now
kubernetes: v1.35.6
"""
UPGRADE = {"speed": 7.0, "upgrade_from": "v1.34.1", "upgrade_to": "v1.35.6"}
"""The saved plan says so already."""
CHECKING = {"speed": 7.0, "upgrade_from": "v1.35.6", "upgrade_to": "v1.36.2"}
"""The saved plan is that of the old release yet: nothing was touched."""
REMOVAL = {"speed": 7.0, "machines": ["demo-worker-3"], "force": True}


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ClusterDirectory:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path))
    found = ClusterDirectory.of("demo")
    write_private(found.plan, PLAN)
    return found


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The assignments of the engines that were started, each with the text of its plan."""
    assignments: list[dict[str, Any]] = []

    def launch(argv: Sequence[str], _directory: ClusterDirectory, **_secrets: object) -> int:
        assignment = json.loads(argv[-1])
        assignments.append({**assignment, "plan": Path(assignment["plan_path"]).read_text()})
        return 1

    monkeypatch.setattr(process, "launch", launch)
    return assignments


def ran(directory: ClusterDirectory, kind: RunKind, options: dict[str, Any], outcome: Outcome | None = None) -> None:
    with Journal(directory.journal) as journal:
        journal.begin(kind, [fake_step(Effects(), "a")], options)
        if outcome:
            journal.end(outcome, ExitCode.DONE if outcome is Outcome.DONE else ExitCode.CLUSTER)


@pytest.mark.parametrize(
    ("kind", "options", "outcome", "words"),
    [
        (RunKind.UPGRADE, UPGRADE, None, "the upgrade from v1.34.1 to v1.35.6"),
        (RunKind.UPGRADE, UPGRADE, Outcome.FAILED, "the upgrade from v1.34.1 to v1.35.6"),
        (RunKind.UPGRADE, UPGRADE, Outcome.DONE, None),
        (RunKind.UPGRADE, CHECKING, Outcome.FAILED, "the upgrade from v1.35.6 to v1.36.2"),
        (RunKind.REMOVE, REMOVAL, Outcome.STOPPED, "the removal of demo-worker-3"),
        (RunKind.REMOVE, REMOVAL, Outcome.DONE, None),
        (RunKind.REMOVE, {"machines": ["demo-worker-4"]}, None, None),
        (RunKind.REMOVE, {"machines": ["demo-worker-4"], **UPGRADE}, None, "the upgrade from v1.34.1 to v1.35.6"),
        (RunKind.INSTALL, {}, None, None),
        (RunKind.DESTROY, {}, Outcome.FAILED, None),
    ],
)
def test_a_change_is_pending_until_it_is_done_or_nothing_of_it_is_left_to_do(
    directory: ClusterDirectory, kind: RunKind, options: dict[str, Any], outcome: Outcome | None, words: str | None
) -> None:
    ran(directory, kind, options, outcome)
    found = pending.pending(directory)
    assert (found.words if found else None) == words


def test_a_cluster_that_never_ran_has_nothing_pending(directory: ClusterDirectory) -> None:
    assert pending.pending(directory) is None


@pytest.mark.parametrize(("kind", "options"), [(RunKind.UPGRADE, UPGRADE), (RunKind.REMOVE, REMOVAL)])
def test_a_resume_goes_on_with_what_was_begun_and_what_it_was_told(
    directory: ClusterDirectory, launched: list[dict[str, Any]], kind: RunKind, options: dict[str, Any]
) -> None:
    ran(directory, kind, options)
    runs.start_resume("demo", RunOptions(speed=2.0))
    assert launched[0]["kind"] == kind
    assert {name: launched[0]["options"][name] for name in options} == {**options, "speed": 2.0}


def test_an_install_waits_for_the_change_that_was_begun(
    directory: ClusterDirectory, launched: list[dict[str, Any]], tmp_path: Path
) -> None:
    ran(directory, RunKind.UPGRADE, UPGRADE)
    path = tmp_path / "demo.yaml"
    path.write_text(PLAN)
    with pytest.raises(InstallerError, match=r"the upgrade from v1\.34\.1 to v1\.35\.6 hasn't finished") as caught:
        runs.start_install(path, RunOptions())
    assert "craton resume demo" in caught.value.hint
    assert launched == []


@pytest.mark.parametrize("again", ["resume", "retry", "upgrade"])
def test_an_upgrade_that_failed_its_checks_starts_over(
    directory: ClusterDirectory, launched: list[dict[str, Any]], again: str
) -> None:
    ran(directory, RunKind.UPGRADE, CHECKING, Outcome.FAILED)
    if again == "resume":
        runs.start_resume("demo", RunOptions())
    elif again == "retry":
        runs.retry("demo")
    else:
        runs.start_upgrade("demo", "v1.36.2", RunOptions())
    assert launched[0]["plan"] == PLAN.replace("v1.35.6", "v1.36.2")
    assert {name: launched[0]["options"][name] for name in CHECKING} | {"speed": 0} == {**CHECKING, "speed": 0}


def test_an_upgrade_that_failed_its_checks_is_no_obstacle_to_an_install_that_mends_the_cluster(
    directory: ClusterDirectory, launched: list[dict[str, Any]], tmp_path: Path
) -> None:
    ran(directory, RunKind.UPGRADE, CHECKING, Outcome.FAILED)
    path = tmp_path / "demo.yaml"
    path.write_text(PLAN)
    runs.start_install(path, RunOptions())
    assert [one["kind"] for one in launched] == ["install"]


def test_an_upgrade_runs_a_plan_of_the_new_release_and_leaves_the_saved_one_to_the_engine(
    directory: ClusterDirectory, launched: list[dict[str, Any]]
) -> None:
    runs.start_upgrade("demo", "v1.36.2", RunOptions())
    assert (launched[0]["kind"], launched[0]["options"]["upgrade_from"]) == ("upgrade", "v1.35.6")
    assert launched[0]["plan"] == PLAN.replace("v1.35.6", "v1.36.2")
    assert directory.plan.read_text() == PLAN


def test_an_upgrade_reads_the_sums_of_archives_again_whose_names_say_no_release() -> None:
    sums = {"images/kube-apiserver.tar": "0f" * 32, "release/v1.35.6/bin/linux/amd64/kubelet": "1e" * 32}
    fields = {"name": "demo", "subdomain": "example.test", "kubernetes": "v1.35.6", "artifacts": {"sums": sums}}
    upgraded = pending.upgraded(InstallPlan.model_validate(fields), "v1.36.2")
    assert list(upgraded.artifacts.sums) == ["release/v1.35.6/bin/linux/amd64/kubelet"]


def test_asking_for_an_upgrade_again_goes_on_with_it(
    directory: ClusterDirectory, launched: list[dict[str, Any]]
) -> None:
    ran(directory, RunKind.UPGRADE, UPGRADE)
    runs.start_upgrade("demo", "v1.35.6", RunOptions())
    assert [(one["kind"], one["options"]["upgrade_from"]) for one in launched] == [("upgrade", "v1.34.1")]
    with pytest.raises(InstallerError, match="hasn't finished"):
        runs.start_upgrade("demo", "v1.36.2", RunOptions())


@pytest.mark.parametrize(
    ("release", "words", "hint"),
    [
        ("v1.37.0", r"v1\.37\.0", "v1.35 or v1.36"),
        ("1.36", r"1\.36", ""),
        ("v1.34.9", "does not go back", "v1.35 or v1.36"),
        ("v1.35.6", "runs that release already", "v1.35 or v1.36"),
    ],
)
def test_where_a_cluster_cannot_go_is_said_with_where_it_can(
    directory: ClusterDirectory, launched: list[dict[str, Any]], release: str, words: str, hint: str
) -> None:
    ran(directory, RunKind.INSTALL, {}, Outcome.DONE)
    with pytest.raises(InstallerError, match=words) as caught:
        runs.start_upgrade("demo", release, RunOptions())
    assert hint in caught.value.hint
    assert caught.value.exit_code is ExitCode.PLAN
    assert launched == []


def test_a_removal_goes_on_with_the_machines_that_were_leaving_and_the_upgrade_that_was_begun(
    directory: ClusterDirectory, launched: list[dict[str, Any]]
) -> None:
    ran(directory, RunKind.UPGRADE, UPGRADE)
    runs.start_removal("demo", ["demo-worker-3"], RunOptions(force=True))
    ran(directory, RunKind.REMOVE, launched[0]["options"])
    runs.start_removal("demo", ["demo-worker-2"], RunOptions())
    assert [one["kind"] for one in launched] == ["remove", "remove"]
    assert launched[1]["options"]["machines"] == ["demo-worker-3", "demo-worker-2"]
    assert launched[1]["options"]["upgrade_from"] == "v1.34.1"


def test_machines_that_join_stand_in_a_plan_whose_comments_are_kept(
    directory: ClusterDirectory, launched: list[dict[str, Any]]
) -> None:
    plan = InstallPlan.model_validate({**planfile.load(directory.plan).model_dump(), "workers": 5})
    runs.start_changed(plan, RunOptions())
    assert launched[0]["kind"] == "install"
    assert launched[0]["plan"] == PLAN.replace("workers: 3", "workers: 5")


def test_an_upgrade_that_the_journal_knows_nothing_of_asks_every_machine_where_it_is(
    directory: ClusterDirectory, launched: list[dict[str, Any]]
) -> None:
    runs.start_upgrade("demo", "v1.35.6", RunOptions())
    [assignment] = launched
    assert (assignment["kind"], assignment["options"]["upgrade_from"]) == ("upgrade", "")
    ran(directory, RunKind.UPGRADE, {"upgrade_from": "", "upgrade_to": "v1.35.6"})
    found = pending.pending(directory)
    assert found is not None
    assert (found.words, found.touched) == ("the upgrade to v1.35.6", True)
