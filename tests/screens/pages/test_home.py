"""The home screen: what it lists, and what each key does with a cluster."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from installer.common.errors import InstallerError
from installer.operations import clusters as known
from installer.operations import lookup, runs
from screens.app import CratonApp
from screens.dialogs.failure import FailureDialog
from screens.dialogs.help import HelpDialog
from screens.pages.home import HomeScreen
from screens.pages.home_rows import ago
from screens.pages.review import ReviewScreen
from tests.screens.stand_ins import (
    DestroyScreen,
    HealthScreen,
    ProgressScreen,
    StandIn,
    WizardScreen,
    footer,
    plan,
    replace,
    settle,
    summary,
    visible,
)

Clusters = Callable[..., CratonApp]


@pytest.fixture
def clusters(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Clusters:
    """An application whose home screen lists clusters in the given states, each named as its state."""
    monkeypatch.setenv("CRATON_HOME", str(tmp_path))
    replace(monkeypatch, ProgressScreen, HealthScreen, DestroyScreen, WizardScreen)
    monkeypatch.setattr(lookup, "load", lambda name: plan())

    def with_states(*states: str, **fields: Any) -> CratonApp:
        found = [summary(state.replace(" ", "-"), state, **fields) for state in states]
        monkeypatch.setattr(known, "summaries", lambda: found)
        return CratonApp(HomeScreen)

    return with_states


@pytest.mark.parametrize(
    ("state", "actions"),
    [
        ("installing", {"Review", "Watch"}),
        ("destroying", {"Review", "Watch"}),
        ("installed", {"Review", "Watch", "Check", "Destroy"}),
        ("failed", {"Resume", "Review", "Watch", "Check", "Destroy"}),
        ("interrupted", {"Resume", "Review", "Watch", "Check", "Destroy"}),
        ("partly destroyed", {"Review", "Destroy"}),
    ],
)
async def test_the_footer_offers_what_works_for_the_state_of_the_cluster(
    clusters: Clusters, state: str, actions: set[str]
) -> None:
    async with clusters(state).run_test() as pilot:
        await settle(pilot)
        assert footer(pilot) == actions | {"Open", "New", "Quit", "Help"}


@pytest.mark.parametrize(
    ("state", "key", "screen"),
    [
        ("installing", "enter", ProgressScreen),
        ("destroying", "enter", ProgressScreen),
        ("failed", "enter", ProgressScreen),
        ("installed", "enter", ReviewScreen),
        ("partly destroyed", "enter", DestroyScreen),
        ("installed", "n", WizardScreen),
        ("installed", "v", ReviewScreen),
        ("installed", "w", ProgressScreen),
        ("installed", "c", HealthScreen),
        ("installed", "d", DestroyScreen),
        ("installed", "question_mark", HelpDialog),
    ],
)
async def test_a_key_opens_its_screen(clusters: Clusters, state: str, key: str, screen: type[Any]) -> None:
    async with clusters(state).run_test() as pilot:
        await settle(pilot)
        await pilot.press(key)
        await settle(pilot)
        assert isinstance(pilot.app.screen, screen)


@pytest.mark.parametrize(("state", "key"), [("interrupted", "enter"), ("interrupted", "r"), ("failed", "r")])
async def test_resuming_starts_the_engine_and_shows_it(
    clusters: Clusters, monkeypatch: pytest.MonkeyPatch, state: str, key: str
) -> None:
    resumed: list[str] = []
    monkeypatch.setattr(runs, "start_resume", lambda cluster, options: resumed.append(cluster))
    async with clusters(state).run_test() as pilot:
        await settle(pilot)
        await pilot.press(key)
        await settle(pilot)
        assert resumed == [state]
        assert isinstance(pilot.app.screen, StandIn)
        assert pilot.app.screen.given[0].cluster == state


async def test_a_failure_is_shown_until_it_is_dismissed(clusters: Clusters, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise InstallerError("resume", "another engine runs, pid 42", hint="watch it with w")

    monkeypatch.setattr(runs, "start_resume", refuse)
    async with clusters("failed").run_test() as pilot:
        await settle(pilot)
        await pilot.press("r")
        await settle(pilot)
        assert isinstance(pilot.app.screen, FailureDialog)
        assert "another engine runs, pid 42" in visible(pilot)
        assert "watch it with w" in visible(pilot)
        await pilot.press("escape")
        assert isinstance(pilot.app.screen, HomeScreen)


async def test_clusters_are_listed_with_state_in_shape_and_words(clusters: Clusters) -> None:
    app = clusters("installed", "installing", "failed", fraction=0.54, phase="join", machines=1085)
    async with app.run_test(size=(120, 30)) as pilot:
        await settle(pilot)
        text = visible(pilot)
        assert "● installed" in text
        assert "◐ installing   54%  join" in text
        assert "✕ failed" in text
        assert "1,085" in text
        assert "rehearsal · nothing leaves this computer" in text


async def test_moving_the_cursor_changes_what_the_keys_do(clusters: Clusters) -> None:
    async with clusters("installed", "interrupted").run_test() as pilot:
        await settle(pilot)
        assert "Resume" not in footer(pilot)
        await pilot.press("down")
        await pilot.pause()
        assert "Resume" in footer(pilot)


async def test_the_cursor_stays_on_its_cluster_when_another_appears(
    clusters: Clusters, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with clusters("failed").run_test() as pilot:
        await settle(pilot)
        monkeypatch.setattr(known, "summaries", lambda: [summary("another", "installed"), summary("failed", "failed")])
        home = pilot.app.screen
        assert isinstance(home, HomeScreen)
        home.look()
        await settle(pilot)
        assert home.chosen is not None
        assert home.chosen.name == "failed"


async def test_a_newcomer_is_welcomed_and_offered_a_first_cluster(clusters: Clusters) -> None:
    async with clusters().run_test() as pilot:
        await settle(pilot)
        assert "Welcome to Craton" in visible(pilot)
        assert footer(pilot) == {"New", "Quit", "Help"}
        await pilot.press("n")
        assert isinstance(pilot.app.screen, WizardScreen)


@pytest.mark.parametrize("states", [(), ("installed",)])
async def test_a_draft_is_mentioned(
    clusters: Clusters, monkeypatch: pytest.MonkeyPatch, states: tuple[str, ...]
) -> None:
    from installer.plan.questions import draft

    monkeypatch.setattr(draft, "load_draft", lambda: draft.Draft({"name": "prod"}, "Workers"))
    async with clusters(*states).run_test() as pilot:
        await settle(pilot)
        assert "draft" in visible(pilot)


async def test_quitting_ends_with_status_0(clusters: Clusters) -> None:
    app = clusters("installed")
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("q")
    assert app.return_value == 0


async def test_clusters_that_cannot_be_read_are_said_and_not_fatal(
    clusters: Clusters, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = clusters("installed")

    def unreadable() -> None:
        raise InstallerError("read the journal", "it is not a database")

    monkeypatch.setattr(known, "summaries", unreadable)
    async with app.run_test() as pilot:
        await settle(pilot)
        assert "it is not a database" in visible(pilot)


@pytest.mark.parametrize(
    ("seconds", "words"), [(-3, "0 s"), (40, "40 s"), (240, "4 min"), (7300, "2 h"), (100_000, "1 d")]
)
def test_an_age_is_said_in_one_unit(seconds: float, words: str) -> None:
    assert ago(seconds) == words
