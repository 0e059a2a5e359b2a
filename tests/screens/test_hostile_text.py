"""Text from outside on screens: markup in it is text, and nothing in it moves, reorders or hides what is shown."""

from __future__ import annotations

import sqlite3
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from textual.app import ComposeResult
from textual.content import Content
from textual.pilot import Pilot
from textual.widgets import Input, Label, OptionList, Static, TextArea
from textual.widgets.option_list import Option

from installer.common.errors import InstallerError
from installer.engine import process
from screens.app import CratonApp
from screens.dialogs.failure import FailureDialog
from screens.pages.base import CratonScreen
from screens.pages.home import HomeScreen
from screens.pages.progress import ProgressScreen
from tests.screens.journals import halfway, plan, run
from tests.screens.stand_ins import settle, visible
from tests.screens.watching import shows

MARKUP = "[bold]x[/bold][@click=app.quit]y[/]"
HIDDEN = "\x1b[2J\x1b]0;t\x07\x9b1A\x07\u202e\u200b\u2066\u00ad\u3164\u2800\ufe0f\U000e0041\u061c"
HIDDEN += "\u180e\u206a\u206f\u115f\u1160\U000e0100"
HOSTILE = f"{MARKUP} ad{HIDDEN}min"


class Everything(CratonScreen[None]):
    """Every way in which our screens draw text."""

    def compose(self) -> ComposeResult:
        yield Static(Content(HOSTILE))
        yield Static(HOSTILE, markup=False)
        yield Label(Content.styled(HOSTILE, "bold"))
        yield OptionList(Option(Content(HOSTILE)))
        yield Input(HOSTILE)
        yield TextArea(HOSTILE)


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path))
    monkeypatch.setattr(process, "running_pid", lambda directory: 4711)
    return tmp_path


def is_clean(pilot: Pilot[Any]) -> None:
    seen = visible(pilot)
    assert MARKUP in seen
    for letter in HIDDEN:
        assert not unicodedata.category(letter).startswith("C") or letter not in seen
    assert not set("\u3164\u2800\ufe0f\u115f\u1160\U000e0041\U000e0100") & set(seen)


async def test_no_widget_draws_what_cannot_be_seen_and_none_takes_markup_from_outside() -> None:
    async with CratonApp(Everything).run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        is_clean(pilot)
        assert visible(pilot).count(MARKUP) == 6


async def test_a_notification_is_text_whatever_is_in_it() -> None:
    async with CratonApp(Everything).run_test(size=(120, 40), notifications=True) as pilot:
        pilot.app.screen.notify(HOSTILE + " password=hunter2-Zq8", title=HOSTILE, timeout=60)
        await pilot.pause()
        await shows(pilot, "password=***")
        is_clean(pilot)
        assert visible(pilot).count(MARKUP) > 6


async def test_an_error_from_outside_is_shown_as_text() -> None:
    error = InstallerError(HOSTILE, f"{HOSTILE}\n{HOSTILE}", hint=HOSTILE, machine=HOSTILE)
    async with CratonApp(lambda: FailureDialog(error)).run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        is_clean(pilot)


async def test_a_run_whose_words_are_hostile_is_shown_as_text(tmp_path: Path) -> None:
    """The journal is clean when Craton wrote it; here somebody else has, too."""
    with run(tmp_path, plan()) as written:
        halfway(written)
        written.log("prepare/demo-worker-1", "a line")
        written.fail("prepare/demo-worker-1", InstallerError("install", "it differs", hint="look"))
        written.flush()
    with sqlite3.connect(written.directory.journal) as connection:
        connection.execute("UPDATE logs SET text = ?", (HOSTILE,))
        connection.execute("UPDATE steps SET title = title || ?", (HOSTILE,))
        connection.execute("UPDATE events SET data = replace(data, 'it differs', ?)", (MARKUP + " \u202e\u3164",))
    async with CratonApp(lambda: ProgressScreen(written.directory)).run_test(size=(160, 50)) as pilot:
        await shows(pilot, MARKUP)
        is_clean(pilot)


async def test_a_cluster_whose_directory_is_hostile_is_listed_as_text(tmp_path: Path) -> None:
    with run(tmp_path, plan()) as written:
        written.directory.plan.write_text("no plan", encoding="utf-8")
        (tmp_path / "clusters" / "demo").rename(tmp_path / "clusters" / f"{MARKUP.replace('/', '.')}{HIDDEN}")
    async with CratonApp(HomeScreen).run_test(size=(160, 50)) as pilot:
        await shows(pilot, "[bold]x")
        assert not set("\x1b\x9b\x07\u202e\u200b\u2066\u00ad\u3164\u2800\ufe0f\u061c") & set(visible(pilot))
