"""A run after one that ended well logs in to each machine once, and takes nothing for granted once it did something."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from installer.common.errors import ExitCode, InstallerError
from installer.common.paths import ClusterDirectory
from installer.engine.context import Stop
from installer.engine.events import EventType, RunKind, StepState
from installer.engine.journal import Reader
from installer.node.program import PATH
from installer.operations import worker
from installer.operations.assignment import Assignment
from installer.plan import planfile
from installer.plan.model import InstallPlan
from installer.platforms.rehearsal.client import SiteClient
from installer.ssh import connections
from installer.ssh.client import SSHConnection
from installer.ssh.connection import Result
from installer.ssh.transport.dial import dial
from installer.steps.platform import RunOptions
from tests.doubles.rehearsal import SPEED

pytestmark = pytest.mark.usefixtures("quick_sites")

PLAN = InstallPlan(name="demo", subdomain="example.com", masters=1, workers=3)
WORKERS = [f"demo-worker-{number}" for number in (1, 2, 3)]


class Heard:
    """Logins and commands of a run, by machine."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.logins: Counter[str] = Counter()
        self.commands: list[tuple[str, str]] = []
        run = SSHConnection.run

        def running(connection: SSHConnection, command: str, **given: Any) -> Result:
            self.commands.append((connection._machine, command.removeprefix("sudo -n ").removeprefix(PATH).strip()))
            return run(connection, command, **given)

        def dialling(machine: str, *given: Any) -> Any:
            self.logins[machine] += 1
            return dial(machine, *given)

        monkeypatch.setattr(SSHConnection, "run", running)
        monkeypatch.setattr("installer.ssh.connections.dial", dialling)

    def by(self, machine: str) -> list[str]:
        return [command for name, command in self.commands if name == machine]

    def asked(self, what: str) -> int:
        return sum(command.startswith(what) for _, command in self.commands)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ClusterDirectory]:
    """A cluster that was installed, whose connections are closed as soon as nobody uses them."""
    monkeypatch.setenv("CRATON_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(connections, "MOST_OPEN", 1)
    path = tmp_path / "demo.yaml"
    planfile.save(path, PLAN)
    try:
        assert run(path) is ExitCode.DONE
        yield ClusterDirectory.of(PLAN.name)
    finally:
        SiteClient(PLAN.name).stop()


def run(path: Path, settled: str = "", begun: Callable[[], None] = lambda: None) -> ExitCode:
    assignment = Assignment(RunKind.INSTALL, PLAN.name, str(path), RunOptions(speed=SPEED), settled)
    return worker.work(assignment, ClusterDirectory.of(PLAN.name), {}, Stop(), begun, lambda: None)


def applied(directory: ClusterDirectory) -> set[str]:
    """Steps that the last run applied."""
    with Reader(directory.journal) as reader:
        last = reader.runs()[-1].id
        events = [event for event in reader.events() if event.run == last and event.type is EventType.STEP]
    return {str(event.step) for event in events if event.data["state"] == StepState.APPLYING}


def test_a_machine_is_logged_in_to_once_and_asked_one_question(
    installed: ClusterDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = Heard(monkeypatch)
    assert run(installed.plan) is ExitCode.DONE
    assert applied(installed) == set()
    assert {machine: heard.logins[machine] for machine in WORKERS} == dict.fromkeys(WORKERS, 1)
    assert {machine: heard.by(machine) for machine in WORKERS} == {machine: ["sh -s"] for machine in WORKERS}
    assert heard.asked("kubectl get nodes") == 1
    assert heard.asked("kubectl get node ") == 0


def test_the_engine_keeps_to_one_processor_and_its_stand_ins_do_not(installed: ClusterDirectory) -> None:
    every, during = os.sched_getaffinity(0), list[set[int]]()
    assert run(installed.plan, begun=lambda: during.append(os.sched_getaffinity(0))) is ExitCode.DONE
    assert [len(processors) for processors in during] == [1]
    site = json.loads((SiteClient(PLAN.name).directory / "site.json").read_text())
    assert os.sched_getaffinity(site["pid"]) == os.sched_getaffinity(0) == every


def test_what_is_not_as_planned_any_more_is_found_and_done(
    installed: ClusterDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = SiteClient(PLAN.name)
    site.call("delete", name=WORKERS[1])
    heard = Heard(monkeypatch)
    assert run(installed.plan) is ExitCode.DONE
    assert {f"machines/create/{WORKERS[1]}", f"join/{WORKERS[1]}"} <= applied(installed)
    # What was seen before the change doesn't prove anything after it.
    joined = heard.commands.index((WORKERS[1], "join"))
    assert {name for name, command in heard.commands[joined:] if command == "sh -s"} >= set(WORKERS)


def test_a_run_with_a_plan_from_elsewhere_expects_nothing(
    installed: ClusterDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = Heard(monkeypatch)
    assert run(tmp_path / "demo.yaml") is ExitCode.DONE
    assert {machine: heard.by(machine) for machine in WORKERS} == {machine: ["survey", "sh -s"] for machine in WORKERS}


class RefusedError(Exception):
    pass


def test_a_plan_with_new_sums_is_the_clusters_once_its_run_has_begun(
    installed: ClusterDirectory, tmp_path: Path
) -> None:
    before = installed.plan.read_text()
    settled = tmp_path / "settled.yaml"
    settled.write_text(f"# with sums\n{before}")

    def end() -> None:
        raise RefusedError

    with pytest.raises(RefusedError):
        run(installed.plan, str(settled), end)
    assert installed.plan.read_text() == settled.read_text()
    # What is refused before that changes nothing.
    settled.write_text(before.replace("subdomain: example.com", "subdomain: example.org"))
    now = installed.plan.read_text()
    with pytest.raises(InstallerError, match="subdomain"):
        run(tmp_path / "demo.yaml", str(settled))
    assert installed.plan.read_text() == now
