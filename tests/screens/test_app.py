"""The application: themes, the command palette, help, and how it ends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.app import ComposeResult
from textual.command import CommandPalette
from textual.filter import Monochrome, NoColor
from textual.pilot import Pilot
from textual.widgets import Input, Static

from installer.common.paths import ClusterDirectory
from installer.operations import clusters
from installer.plan import planfile
from screens import app as entrance
from screens import theme
from screens.app import CratonApp
from screens.dialogs.help import HelpDialog
from screens.models.subject import Subject
from screens.pages.base import CratonScreen
from screens.pages.destroy import DestroyScreen
from screens.pages.health import HealthScreen
from screens.pages.home import HomeScreen
from screens.pages.progress import ProgressScreen
from screens.pages.review import ReviewScreen
from screens.pages.wizard import WizardScreen
from screens.theme import DARK, LIGHT, preferred
from tests.screens.journals import finish, halfway, run
from tests.screens.stand_ins import footer, plan, settle, summary, visible


class Typing(CratonScreen[None]):
    """A screen with an input whose text it keeps."""

    kept = ""
    HELP = "A place to type."

    def compose(self) -> ComposeResult:
        yield Input()

    def keep(self) -> None:
        Typing.kept = self.query_one(Input).value


class Broken(CratonScreen[None]):
    def compose(self) -> ComposeResult:
        yield Static("soon")

    def key_x(self) -> None:
        raise RuntimeError("a mistake of ours")


OPENED: dict[str, Callable[[ClusterDirectory], CratonScreen[Any]]] = {
    "destroy": lambda directory: DestroyScreen(directory.cluster),
    "health": lambda directory: HealthScreen(directory.cluster),
    "home": lambda _: HomeScreen(),
    "progress": lambda directory: ProgressScreen(directory, replay=True),
    "review": lambda directory: ReviewScreen(Subject(plan(), directory.plan, directory.cluster)),
    "wizard": lambda _: WizardScreen({}),
}
"""Every screen that a command opens."""


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path))
    return tmp_path


async def listed(pilot: Pilot[Any]) -> str:
    """What the command palette offers."""
    await pilot.press("ctrl+p")
    await pilot.pause()
    assert isinstance(pilot.app.screen, CommandPalette)
    await settle(pilot)
    return visible(pilot)


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        ({}, DARK.name),
        ({"COLORFGBG": "0;15"}, LIGHT.name),
        ({"COLORFGBG": "15;0"}, DARK.name),
        ({"COLORFGBG": "0;default;15"}, LIGHT.name),
        ({"CRATON_THEME": "light"}, LIGHT.name),
        ({"CRATON_THEME": "dark", "COLORFGBG": "0;15"}, DARK.name),
        ({"CRATON_THEME": "odd"}, DARK.name),
    ],
)
def test_the_theme_is_the_one_asked_for_or_that_of_the_terminal(environ: dict[str, str], name: str) -> None:
    assert preferred(environ) == name


def test_every_mark_has_a_shape_and_a_letter_of_its_own() -> None:
    marks = [mark for mark in vars(theme).values() if isinstance(mark, theme.Mark)]
    assert len({mark.glyph for mark in marks}) == len(marks) == len({mark.letter for mark in marks})
    assert all(mark.letter.isascii() and mark.colour in DARK.variables | vars(DARK) for mark in marks)


def test_a_linux_console_gets_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "linux")
    assert theme.shape(theme.DONE) == "+"


async def test_the_palette_lists_what_works_here_and_switches_the_theme(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "summaries", lambda: [summary("demo", "failed")])
    app = CratonApp(HomeScreen)
    async with app.run_test(size=(80, 60)) as pilot:
        await settle(pilot)
        shown = await listed(pilot)
        expected = {"Open", "New", "Resume", "Review", "Watch", "Check", "Destroy", "Quit", "Help"}
        assert {action for action in expected if action not in shown} == set()
        await pilot.press(*"light theme")
        await settle(pilot)
        await pilot.press("enter")
        await settle(pilot)
        assert app.theme == LIGHT.name


async def test_an_action_of_the_palette_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "summaries", list)
    app = CratonApp(HomeScreen)
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("ctrl+p", *"quit")
        await settle(pilot)
        await pilot.press("enter")
        await settle(pilot)
    assert app.return_value == 0


class Eager(CratonApp):
    """Somebody types before the first screen can be seen."""

    CSS_PATH = str(Path(entrance.__file__).with_name("style.tcss"))

    def on_mount(self) -> None:
        super().on_mount()
        for key in "xz7":  # letters that no screen has a key for
            self.post_message(events.Key(key, key))


@pytest.mark.parametrize("page", sorted(OPENED))
async def test_keys_typed_while_a_screen_opens_never_land_in_what_cannot_be_seen(page: str, tmp_path: Path) -> None:
    with run(tmp_path, plan()) as demo:
        halfway(demo)
        finish(demo)
        async with Eager(lambda: OPENED[page](demo.directory)).run_test(size=(120, 40)) as pilot:
            await settle(pilot)
            hidden = [box for box in pilot.app.screen.query(Input) if not box.region]
            assert [box.value for box in hidden if box.value] == []
            assert [box for box in hidden if box.focusable] == []


async def test_without_colours_the_terminal_keeps_its_own_background(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with CratonApp(Typing).run_test() as pilot:
        await settle(pilot)
        app = pilot.app
        strip = app.screen._compositor.render_strips()[0].apply_filter(NoColor(), app.screen.background_colors[1])
        assert not [one for one in app.get_line_filters() if isinstance(one, Monochrome)]
        assert [one for one in app.get_line_filters() if isinstance(one, NoColor)]
        assert all(style is None or style.bgcolor is None or style.bgcolor.is_default for _, style, _ in strip)


async def test_leaving_from_anywhere_keeps_what_was_typed() -> None:
    app = CratonApp(Typing)
    async with app.run_test() as pilot:
        await pilot.press(*"words", "f1")
        await pilot.pause()
        assert isinstance(pilot.app.screen, HelpDialog)
        await pilot.press("ctrl+q")
    assert Typing.kept == "words"
    assert app.return_value == 0


async def test_help_shows_the_screens_words_and_every_key() -> None:
    async with CratonApp(Typing).run_test() as pilot:
        await pilot.press("f1")
        await pilot.pause()
        assert "A place to type." in visible(pilot)
        assert "Actions" in visible(pilot)
        assert footer(pilot) == {"Close"}
        await pilot.press("escape")
        assert isinstance(pilot.app.screen, Typing)


async def test_no_cursor_blinks_and_nothing_is_animated() -> None:
    app = CratonApp(Typing)
    async with app.run_test() as pilot:
        await pilot.pause()
        assert app.animation_level == "none"
        assert not app.screen.query_one(Input).cursor_blink


async def test_a_mistake_of_ours_is_one_sentence_and_a_file(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    app = CratonApp(Broken)
    with pytest.raises(RuntimeError, match="a mistake of ours"):
        async with app.run_test() as pilot:
            await pilot.press("x")
    assert "a mistake of ours" in (home / "crash.log").read_text()
    assert app.return_code == 1


@pytest.mark.parametrize(("of_cluster", "cluster"), [(True, "demo"), (False, None)])
def test_reviewing_the_copy_of_a_cluster_reviews_the_cluster(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, of_cluster: bool, cluster: str | None
) -> None:
    path = ClusterDirectory.of("demo").plan if of_cluster else tmp_path / "plan.yaml"
    planfile.save(path, plan())
    started: list[Any] = []

    def run(start: Any) -> int:
        started.append(start())
        return 0

    monkeypatch.setattr(entrance, "run", run)
    assert entrance.run_review(path) == 0
    (screen,) = started
    assert isinstance(screen, ReviewScreen)
    assert screen.subject.cluster == cluster


async def test_a_key_that_comes_after_the_last_screen_has_gone_is_nobodys() -> None:
    app = CratonApp(HomeScreen)
    assert not app.screen_stack
    await app.on_event(events.Key("enter", None))
