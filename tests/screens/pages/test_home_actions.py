"""What the home screen does with an installed cluster by key: machines, upgrade, backup, kubeconfig."""

from __future__ import annotations

import re
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from installer.common.errors import InstallerError
from installer.common.paths import ClusterDirectory
from installer.operations import backup, clusters, lookup, runs, session
from installer.plan.model import InstallPlan
from screens.app import CratonApp
from screens.dialogs.failure import FailureDialog
from screens.dialogs.save import SaveDialog
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


def _backing_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, wrong: str = "") -> list[Path]:
    """Where backups went, of a cluster whose machines aren't asked; `wrong` is why one can't be taken."""
    taken: list[Path] = []

    def take(world: Any, output: Path) -> None:
        if wrong:
            raise InstallerError("find a master with an etcd", wrong, hint="`craton resume demo` repairs what it can")
        assert world.cluster == "demo"
        taken.append(output)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(lookup, "existing", ClusterDirectory.of)
    world = SimpleNamespace(cluster="demo")
    monkeypatch.setattr(session, "open_world", lambda *_: nullcontext(world))
    monkeypatch.setattr(backup, "take", take)
    return taken


async def test_a_backup_goes_to_the_file_that_is_proposed(
    started: list[Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    taken = _backing_up(monkeypatch, tmp_path)
    async with CratonApp(HomeScreen).run_test(notifications=True) as pilot:
        await settle(pilot)
        await pilot.press("b")
        await until(pilot, lambda: "Save the backup as" in visible(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: "Backed up to" in visible(pilot))
    assert [path.parent for path in taken] == [tmp_path]
    assert re.fullmatch(r"demo-etcd-\d{8}-\d{6}\.tar", taken[0].name)


async def test_a_backup_that_is_put_aside_asks_no_machine(
    started: list[Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    taken = _backing_up(monkeypatch, tmp_path)
    async with CratonApp(HomeScreen).run_test() as pilot:
        await settle(pilot)
        await pilot.press("b")
        await until(pilot, lambda: isinstance(pilot.app.screen, SaveDialog))
        await pilot.press("escape")
        await settle(pilot)
        assert isinstance(pilot.app.screen, HomeScreen)
    assert taken == []


async def test_why_a_backup_could_not_be_taken_is_shown_with_what_to_do(
    started: list[Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _backing_up(monkeypatch, tmp_path, wrong="demo-master-1: connection refused")
    async with CratonApp(HomeScreen).run_test() as pilot:
        await settle(pilot)
        await pilot.press("b")
        await until(pilot, lambda: isinstance(pilot.app.screen, SaveDialog))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, FailureDialog))
        assert "connection refused" in visible(pilot)
        assert "craton resume demo" in visible(pilot)


async def test_a_rehearsal_says_that_it_has_no_etcd_to_back_up(
    started: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"name": "demo", "subdomain": "example.test", "platform": "rehearsal"}
    monkeypatch.setattr(lookup, "load", lambda _: InstallPlan.model_validate(given))
    async with CratonApp(HomeScreen).run_test(notifications=True) as pilot:
        await settle(pilot)
        await pilot.press("b")
        await until(pilot, lambda: "no etcd to back" in visible(pilot))
        assert isinstance(pilot.app.screen, HomeScreen)


@pytest.mark.parametrize("state", ["installing", "failed", "interrupted", "partly destroyed"])
async def test_no_backup_is_offered_of_a_cluster_that_is_not_installed(
    started: list[Any], monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    monkeypatch.setattr(clusters, "summaries", lambda: [summary("demo", state)])
    async with CratonApp(HomeScreen).run_test() as pilot:
        await settle(pilot)
        assert "Back up etcd" not in {active.binding.description for active in listed(pilot.app.screen)}
        await pilot.press("b")
        await settle(pilot)
        assert isinstance(pilot.app.screen, HomeScreen)
