"""What the home screen does with an installed cluster by key: machines, upgrade, backup, kubeconfig."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from installer.common.paths import ClusterDirectory
from installer.operations import clusters, lookup, runs
from installer.plan.model import InstallPlan
from screens.app import CratonApp
from screens.keys import listed
from screens.pages.home import HomeScreen
from tests.screens.stand_ins import ProgressScreen, replace, settle, summary, visible
from tests.screens.watching import until


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Any]:
    """What was started, of one installed cluster on this computer."""
    monkeypatch.setenv("CRATON_HOME", str(tmp_path))
    replace(monkeypatch, ProgressScreen)
    plan = InstallPlan.model_validate({"name": "demo", "subdomain": "example.test", "platform": "local"})
    calls: list[Any] = []

    def started(*given: Any) -> ClusterDirectory:
        calls.append(given[:-1])
        return ClusterDirectory.of("demo")

    monkeypatch.setattr(lookup, "load", lambda _: plan)
    monkeypatch.setattr(clusters, "summaries", lambda: [summary("demo", "installed")])
    monkeypatch.setattr(runs, "start_upgrade", started)
    monkeypatch.setattr(runs, "start_changed", started)
    return calls


async def test_an_upgrade_goes_to_a_release_that_is_offered(started: list[Any]) -> None:
    async with CratonApp(HomeScreen).run_test() as pilot:
        await settle(pilot)
        await pilot.press("u")
        await until(pilot, lambda: "Upgrade to v1.36.5" in visible(pilot))
        await pilot.press("2")
        await until(pilot, lambda: isinstance(pilot.app.screen, ProgressScreen))
        assert started == [("demo", "v1.37.1")]


async def test_a_worker_is_added(started: list[Any]) -> None:
    async with CratonApp(HomeScreen).run_test() as pilot:
        await settle(pilot)
        await pilot.press("m")
        await until(pilot, lambda: "Add a worker" in visible(pilot))
        await pilot.press("w")
        await until(pilot, lambda: isinstance(pilot.app.screen, ProgressScreen))
        assert started[0][0].workers == 3


async def test_commands_for_kubectl_are_copied(started: list[Any]) -> None:
    async with CratonApp(HomeScreen).run_test() as pilot:
        await settle(pilot)
        await pilot.press("e")
        await until(pilot, lambda: "Use demo with kubectl" in visible(pilot))
        await pilot.press("m")
        assert pilot.app.clipboard == "craton kubeconfig demo --merge --use"


async def test_the_actions_are_in_the_palette_and_the_help(started: list[Any]) -> None:
    async with CratonApp(HomeScreen).run_test() as pilot:
        await settle(pilot)
        found = {active.binding.description for active in listed(pilot.app.screen)}
        assert found >= {"Add a machine", "Upgrade Kubernetes", "Back up etcd", "Use with kubectl", "Check"}
