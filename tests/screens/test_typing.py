"""Keys that are pressed faster than a screen takes them: each has its effect on what was typed before it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.app import App, ComposeResult
from textual.widgets import Input, TextArea

from screens.app import CratonApp
from screens.pages.wizard import WizardScreen
from screens.widgets.in_order import LineInput
from screens.widgets.inventory_text import InventoryText
from tests.screens.watching import until

HURRIED: dict[str, tuple[Sequence[str], str]] = {
    "a correction": ((*"shp", "backspace", *"op"), "shop"),
    "a new beginning": ((*"demo", "ctrl+u", *"shop"), "shop"),
    "two corrections": ((*"sxop", "left", "left", "backspace", "h"), "shop"),
    "the front": ((*"hop", "home", "s"), "shop"),
    "a word less": ((*"my demo", "ctrl+w", *"shop"), "my shop"),
}


class One(App[None]):
    """An application with nothing but something to type in."""

    def __init__(self, make: Callable[[], LineInput | InventoryText]) -> None:
        super().__init__()
        self._make = make

    def compose(self) -> ComposeResult:
        yield self._make()


def hurry(app: App[Any], keys: Sequence[str]) -> None:
    """Press keys of which the application has taken none before the last is pressed."""
    for key in keys:
        app.post_message(events.Key(key, key if len(key) == 1 else None))


def typed(app: App[Any]) -> str:
    widget = app.focused
    assert isinstance(widget, Input | TextArea)
    return widget.value if isinstance(widget, Input) else widget.text


@pytest.mark.parametrize("make", [LineInput, lambda: InventoryText("")], ids=["line", "list of machines"])
@pytest.mark.parametrize(("keys", "left"), HURRIED.values(), ids=HURRIED)
async def test_keys_take_effect_in_the_order_in_which_they_were_pressed(
    make: Callable[[], LineInput | InventoryText], keys: Sequence[str], left: str
) -> None:
    async with One(make).run_test() as pilot:
        hurry(pilot.app, keys)
        await until(pilot, lambda: typed(pilot.app) == left, f"{left!r} on the line")


async def test_a_name_and_the_keys_after_it_are_typed_ahead(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path / "craton"))
    monkeypatch.setenv("HOME", str(tmp_path))
    async with CratonApp(lambda: WizardScreen({"name": "demo"})).run_test() as pilot:
        screen = pilot.app.screen
        assert isinstance(screen, WizardScreen)
        await until(pilot, lambda: pilot.app.focused is not None, "the first question")
        hurry(pilot.app, ("ctrl+u", *"shp", "backspace", *"op", "enter"))
        await until(pilot, lambda: not isinstance(pilot.app.focused, Input), "the next question")
        assert screen._state.answers["name"] == "shop"
