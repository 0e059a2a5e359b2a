"""Machines are asked once in a run that finds everything done, and again once something was done on them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from installer.cluster import masters
from installer.common.errors import InstallerError
from installer.node.program import Asked, run_program, status
from installer.node.survey import runs_commands, survey
from installer.plan.model import InstallPlan
from installer.plan.rules import Role
from installer.ssh.client import SSHConnection
from installer.ssh.connection import Result
from installer.steps import answers
from tests.doubles.node_verbs import FakeCluster
from tests.doubles.rehearsal import Rehearsal

PLAN = InstallPlan(name="demo", subdomain="example.com", masters=3, workers=2)
WORKER = "demo-worker-1"


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path))
    return FakeCluster(PLAN).founded("demo-master-1", WORKER)


def surveyed(cluster: FakeCluster) -> Any:
    """A step's context in a run that has asked the worker."""
    context = cluster.context()
    assert survey(context, WORKER, context.world.connect(WORKER))
    return context


@pytest.mark.usefixtures("quick_sites")
def test_a_run_that_finds_all_done_asks_each_machine_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path / "home"))
    rehearsal = Rehearsal(PLAN)
    commands: list[tuple[str, str]] = []

    def counted(connection: SSHConnection, command: str, **given: Any) -> Result:
        commands.append((connection._machine, command.rpartition("craton-node ")[2]))
        return run(connection, command, **given)

    try:
        rehearsal.run()
        rehearsal.open()
        run = SSHConnection.run
        monkeypatch.setattr(SSHConnection, "run", counted)
        assert rehearsal.run() == []
    finally:
        rehearsal.close()
    machines = {machine.name for machine in rehearsal.topology.machines}
    assert sorted(machine for machine, command in commands if command == "survey") == sorted(machines)
    others = {machine for machine, command in commands if command != "survey"}
    assert others <= {machine.name for machine in rehearsal.topology.machines if machine.role is Role.MASTER}


def test_a_survey_answers_for_what_was_not_touched(cluster: FakeCluster) -> None:
    context = surveyed(cluster)
    cluster.machines[WORKER].member = "other"
    assert status(context, WORKER, Asked.SURVEYED)["member"] == "demo"
    assert masters.condition(context, WORKER, Asked.SURVEYED).member == "demo"
    assert status(context, WORKER)["member"] == "other"


def test_what_was_surveyed_is_asked_again_once_something_was_done_there(cluster: FakeCluster) -> None:
    context = surveyed(cluster)
    run_program(context, WORKER, "reset")
    assert masters.condition(context, WORKER, Asked.SURVEYED).member == ""
    assert status(context, WORKER, Asked.JUST_NOW)["member"] == ""


@pytest.mark.parametrize("words", [("kubectl", "get", "nodes"), ("invite",), ("firewall", "show")])
def test_what_only_asks_leaves_what_was_said(cluster: FakeCluster, words: tuple[str, ...]) -> None:
    context = surveyed(cluster)
    run_program(context, WORKER, *words)
    cluster.machines[WORKER].member = "other"
    assert status(context, WORKER, Asked.SURVEYED)["member"] == "demo"


def test_a_machine_on_which_a_verb_failed_is_asked_again(cluster: FakeCluster) -> None:
    context = surveyed(cluster)
    cluster.fails[f"{WORKER} kubectl get nodes"] = Result(1, "", "error")
    with pytest.raises(InstallerError):
        run_program(context, WORKER, "kubectl", "get", "nodes")
    cluster.machines[WORKER].member = ""
    assert status(context, WORKER, Asked.SURVEYED)["member"] == ""


def test_an_old_survey_is_no_answer(cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    context = surveyed(cluster)
    cluster.machines[WORKER].member = ""
    monkeypatch.setattr(answers, "SURVEY_SECONDS", 0.0)
    assert status(context, WORKER, Asked.SURVEYED)["member"] == ""


def test_a_machine_of_another_cluster_is_looked_at_again_by_whoever_tries_again(cluster: FakeCluster) -> None:
    cluster.machines[WORKER].member = "other"
    context = surveyed(cluster)
    for member, refused in (("other", True), ("demo", False)):
        cluster.machines[WORKER].member = member
        if refused:
            with pytest.raises(InstallerError, match="node of the cluster other"):
                masters.own_condition(context, WORKER, Asked.SURVEYED)
        else:
            assert masters.own_condition(context, WORKER, Asked.SURVEYED).member == "demo"


def test_what_a_step_has_just_heard_answers_itself_and_no_other_step(cluster: FakeCluster) -> None:
    context = cluster.context()
    assert status(context, WORKER)["member"] == "demo"
    cluster.machines[WORKER].member = ""
    assert status(context, WORKER, Asked.JUST_NOW)["member"] == "demo"
    assert status(context, WORKER, Asked.SURVEYED)["member"] == ""


@pytest.mark.parametrize("result", [Result(2, "", "craton-node: no such verb: survey"), Result(127, "", "not found")])
def test_a_machine_that_cannot_be_surveyed_is_asked_step_by_step(cluster: FakeCluster, result: Result) -> None:
    context = cluster.context()
    cluster.fails[f"{WORKER} survey"] = result
    assert not survey(context, WORKER, context.world.connect(WORKER))
    assert status(context, WORKER, Asked.SURVEYED)["member"] == "demo"


@pytest.mark.parametrize(
    ("result", "runs"),
    [(Result(127, "", "not found"), True), (Result(1, "", "This account is currently not available."), False)],
)
def test_a_shell_that_finds_no_program_runs_commands(cluster: FakeCluster, result: Result, runs: bool) -> None:
    context = cluster.context()
    cluster.fails[f"{WORKER} survey"] = result
    assert runs_commands(context, WORKER, context.world.connect(WORKER)) is runs


def test_one_answer_of_all_machines_is_shared_until_something_is_done(cluster: FakeCluster) -> None:
    answers, asked = cluster.context().world.answers, iter(range(3))
    assert answers.of_all("nodes", lambda: f"answer {next(asked)}", 1.0) is None
    answers.expected = True
    assert [answers.of_all("nodes", lambda: f"answer {next(asked)}", 1.0) for _ in range(2)] == ["answer 0"] * 2
    answers.touched = True
    assert answers.of_all("nodes", lambda: f"answer {next(asked)}", 1.0) is None
