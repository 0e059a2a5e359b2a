"""The real engine and the real steps on a cloud that gives addresses late and lists new machines later still."""

from __future__ import annotations

import asyncio
import getpass
import shutil
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import cast

import pytest

from installer.common.errors import ExitCode, InstallerError
from installer.common.paths import ClusterDirectory
from installer.engine import runner
from installer.engine.context import Stop, Timing
from installer.engine.events import Event, EventType, RunKind
from installer.engine.journal import Journal, JournalError, Reader
from installer.engine.runner import run
from installer.operations import lease, pipeline, worker
from installer.operations.assignment import Assignment
from installer.operations.lease import HeldElsewhereError
from installer.plan import planfile
from installer.plan.fields import Part
from installer.plan.model import InstallPlan
from installer.plan.platforms import PLATFORMS
from installer.plan.registration import Registration
from installer.plan.sections import Ingress
from installer.plan.topology import topology
from installer.platforms import open_platform
from installer.platforms.rehearsal.client import SiteClient
from installer.ssh.connections import SSHConnections
from installer.ssh.keys.cluster_key import ensure_key
from installer.steps import ids
from installer.steps.platform import RunOptions
from installer.steps.step import Step
from installer.steps.world import World
from tests.doubles.fake_cloud import platform as cloud_platform
from tests.doubles.fake_cloud import steps as cloud_steps
from tests.doubles.fake_cloud.api import FakeCloud
from tests.doubles.fake_cloud.platform import ACCOUNTS, NAME, TAG, TRAITS
from tests.patience import PATIENCE

TIMING = Timing(min_deadline=PATIENCE, first_wait=0.01, longest_wait=0.01)
SPEED = 1000.0


@dataclass
class Account:
    """One cluster in the cloud; each run opens platform and connections once more, as a process of its own does."""

    cloud: FakeCloud
    stop: Stop = field(default_factory=Stop)
    events: list[Event] = field(default_factory=list)

    def run(self, plan: InstallPlan, steps: tuple[Step, ...], kind: RunKind = RunKind.INSTALL) -> ExitCode:
        directory = ClusterDirectory.of(plan.name)
        ensure_key(directory)
        platform = open_platform(plan)
        world = World(plan, topology(plan), directory, platform, SSHConnections(platform.endpoint, directory))
        before = sum(1 for _ in self._recorded(directory))
        self.cloud.calls.clear()
        self.stop = Stop()
        try:
            with Journal(directory.journal) as journal:
                limits = platform.limits()
                return asyncio.run(
                    run(steps, world, journal, kind=kind, pace=SPEED, limits=limits, timing=TIMING, stop=self.stop)
                )
        finally:
            world.close()
            self.events = self._recorded(directory)[before:]

    def install(self, plan: InstallPlan) -> ExitCode:
        return self.run(plan, pipeline.install_steps(plan))

    def destroy(self, plan: InstallPlan) -> ExitCode:
        return self.run(plan, pipeline.destroy_steps(plan), RunKind.DESTROY)

    @property
    def applied(self) -> set[str]:
        return {
            event.step
            for event in self.events
            if event.type is EventType.STEP and event.data["state"] == "applying" and event.step
        }

    @property
    def machines(self) -> list[str]:
        return sorted(entry.name for entry in self.cloud.exists("machine"))

    @staticmethod
    def _recorded(directory: ClusterDirectory) -> list[Event]:
        if not directory.journal.exists():
            return []
        with Reader(directory.journal) as reader:
            return list(reader.events())


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick_sites: None) -> Iterator[Account]:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path / "home"))
    monkeypatch.setitem(cast(dict[str, Registration], PLATFORMS), NAME, Registration(TRAITS, lambda: Part))
    monkeypatch.setitem(sys.modules, f"installer.platforms.{NAME}.platform", cloud_platform)
    monkeypatch.setitem(sys.modules, f"installer.platforms.{NAME}.steps", cloud_steps)
    site = SiteClient("demo")
    site.start()
    site.call("options", speed=SPEED, seed=0, faults=[])
    cloud = FakeCloud(site)
    monkeypatch.setitem(ACCOUNTS, "demo", cloud)
    yield Account(cloud)
    site.stop()


def demo(workers: int = 1, *, balancer: bool = False) -> InstallPlan:
    ingress = Ingress(kind="load-balancer") if balancer else Ingress(kind="infra", infra=1)
    return InstallPlan(name="demo", subdomain="example.com", platform=NAME, masters=1, workers=workers, ingress=ingress)


def through_logins(plan: InstallPlan) -> tuple[Step, ...]:
    """The steps until every machine answers."""
    return tuple(
        step for step in pipeline.install_steps(plan) if step.id.startswith(("network/", "machines/", "connect/"))
    )


@pytest.mark.parametrize("balancer", [False, True])
def test_a_cluster_is_installed_and_a_second_install_applies_nothing(account: Account, balancer: bool) -> None:
    plan = demo(balancer=balancer)
    assert account.install(plan) is ExitCode.DONE, account.events[-3:]
    assert account.machines == sorted(machine.name for machine in topology(plan).machines)
    assert account.install(plan) is ExitCode.DONE
    assert account.applied == set()
    assert set(account.cloud.calls) == {"list_resources"}
    assert account.cloud.calls["list_resources"] <= 2


@pytest.mark.parametrize("stopped", [True, False])
def test_a_run_that_ends_after_machines_were_made_and_before_it_knew_makes_no_twins(
    account: Account, stopped: bool
) -> None:
    def lost() -> None:
        raise InstallerError("create the machines", "the answer was lost")

    account.cloud.after["create_machines"] = (lambda: account.stop.request()) if stopped else lost
    plan = demo(workers=2)
    ended = account.run(plan, through_logins(plan))
    assert ended is (ExitCode.INTERRUPTED if stopped else ExitCode.MACHINES)
    made = account.machines
    assert made
    assert account.run(plan, through_logins(plan)) is ExitCode.DONE
    assert account.machines == sorted(machine.name for machine in topology(plan).machines)
    assert set(made) <= set(account.machines)


def test_a_worker_more_changes_nothing_on_other_machines(account: Account) -> None:
    assert account.install(demo(workers=2)) is ExitCode.DONE  # from two on, addons have all their replicas
    larger = demo(workers=3)
    assert account.install(larger) is ExitCode.DONE
    machine_of = {step.id: step.machine for step in pipeline.install_steps(larger)}
    assert {machine_of[id] for id in account.applied} - {None} == {"demo-worker-3"}
    assert {id for id in account.applied if machine_of[id] is None} <= {"machines/batch/worker"}
    assert ids.joined("demo-worker-3") in account.applied


def test_a_destroy_removes_what_no_step_of_its_plan_made(account: Account) -> None:
    assert account.run(demo(workers=3), through_logins(demo(workers=3))) is ExitCode.DONE
    account.cloud.create("volume", "pvc-77", {TAG: "demo"})
    account.cloud.create("volume", "another-cluster's", {TAG: "other"})
    assert account.destroy(demo(workers=1)) is ExitCode.DONE
    assert account.machines == []
    assert [entry.name for entry in account.cloud.exists("volume")] == ["another-cluster's"]
    assert account.cloud.exists("network") == account.cloud.exists("firewall") == []


def test_a_destroy_waits_for_machines_that_the_cloud_does_not_list_yet(account: Account) -> None:
    plan = demo(workers=2)
    account.cloud.after["create_machines"] = lambda: account.stop.request()
    assert account.run(plan, through_logins(plan)) is ExitCode.INTERRUPTED
    assert account.machines
    assert account.destroy(plan) is ExitCode.DONE
    assert account.cloud.exists("machine") == account.cloud.exists("network") == []


def test_requests_grow_with_kinds_and_not_with_machines(account: Account) -> None:
    counts = []
    for workers in (1, 6):
        plan = demo(workers=workers)
        assert account.run(plan, through_logins(plan)) is ExitCode.DONE
        made = dict(account.cloud.calls)
        assert account.destroy(plan) is ExitCode.DONE
        counts.append((made["create_machines"], made["create"], account.cloud.calls["delete"]))
        # Each batch looks until its own machines have addresses, however many they are.
        assert made["list_resources"] <= 40
    assert counts[0] == counts[1]


def test_what_the_cloud_refuses_for_the_number_of_requests_is_asked_again(account: Account) -> None:
    account.cloud.throttled.update(create=2, create_machines=1, list_resources=1)
    plan = demo()
    assert account.run(plan, through_logins(plan)) is ExitCode.DONE
    assert account.machines == sorted(machine.name for machine in topology(plan).machines)
    account.cloud.throttled.update(delete=2)
    assert account.destroy(plan) is ExitCode.DONE
    assert account.machines == []
    assert account.cloud.exists("network") == []
    assert not any(account.cloud.throttled.values())


@pytest.mark.parametrize("method", ["create", "create_machines"])
def test_a_request_whose_answer_was_lost_is_repeated_and_makes_nothing_twice(account: Account, method: str) -> None:
    def lost() -> None:
        raise InstallerError("read the answer", "the connection was reset", retryable=True)

    account.cloud.after[method] = lost
    plan = demo()
    assert account.run(plan, through_logins(plan)) is ExitCode.DONE
    assert account.machines == sorted(machine.name for machine in topology(plan).machines)
    assert len(account.cloud.exists("network")) == 1


@dataclass
class Computer:
    """One of several that work on the cluster; its engine's process is a thread here. `user` tells them apart."""

    directory: ClusterDirectory
    user: str
    monkeypatch: pytest.MonkeyPatch

    def work(self, plan: InstallPlan, kind: RunKind = RunKind.INSTALL, *, take_over: bool = False,
             guard: Callable[[], None] = lambda: None) -> ExitCode:  # fmt: skip
        self.monkeypatch.setattr(socket, "gethostname", lambda: f"{self.user}-laptop")
        self.monkeypatch.setattr(getpass, "getuser", lambda: self.user)
        path = self.directory.path.with_name(f"{self.user}.yaml")
        planfile.save(path, plan)
        given = Assignment(kind, plan.name, str(path), RunOptions(speed=SPEED, take_over=take_over))
        return worker.work(given, self.directory, {}, Stop(), lambda: None, guard)


def test_a_second_computer_is_refused_until_it_takes_over_and_the_first_changes_nothing_more(
    account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "_RENEW", 0.05)
    monkeypatch.setattr(runner, "run", partial(runner.run, timing=TIMING))
    ada = Computer(ClusterDirectory(tmp_path / "ada" / "demo"), "ada", monkeypatch)
    ada.directory.path.mkdir(parents=True)
    assert ada.work(demo(workers=1)) is ExitCode.DONE
    shutil.copytree(ada.directory.path, tmp_path / "bob" / "demo")
    bob = Computer(ClusterDirectory(tmp_path / "bob" / "demo"), "bob", monkeypatch)

    at_work, go_on = threading.Event(), threading.Event()

    def waiting() -> None:
        at_work.set()
        assert go_on.wait(PATIENCE)

    with ThreadPoolExecutor(1) as pool:
        try:
            first = pool.submit(ada.work, demo(workers=2), guard=waiting)
            assert at_work.wait(PATIENCE)
            with pytest.raises(HeldElsewhereError, match="ada@ada-laptop has been working on the cluster since 2"):
                bob.work(demo(workers=1), RunKind.DESTROY)
            assert len(account.machines) == len(topology(demo(workers=1)).machines)
            assert bob.work(demo(workers=1), take_over=True) is ExitCode.DONE
        finally:
            go_on.set()
        with pytest.raises(JournalError, match="bob@bob-laptop"):
            first.result(PATIENCE)
    assert "demo-worker-2" not in account.machines
    # Nothing is left of the lease that bob had, so ada goes on, and her destroy leaves nothing.
    assert ada.work(demo(workers=2), RunKind.DESTROY) is ExitCode.DONE
    assert account.machines == []
    assert not ada.directory.path.exists()
