"""Footers: every key that one shows has an effect that is seen, and no key is cut off."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.screen import ModalScreen
from textual.widgets import Footer
from textual.widgets._footer import FooterKey

from screens.app import CratonApp
from tests.screens.scenes import SCENES, Scene
from tests.screens.stand_ins import visible
from tests.screens.watching import until
from tests.screens.world import World, world

NARROW = (80, 24)
PRESSED = [
    "home-empty",
    "home",
    "wizard-masters",
    "wizard-networks",
    "wizard-machines",
    "wizard-machines-table",
    "wizard-draft",
    "wizard-preview",
    "wizard-save",
    "review-overview",
    "review-ran",
    "review-install",
    "progress-running",
    "progress-machine",
    "progress-failed",
    "progress-details",
    "progress-timeline",
    "progress-log",
    "progress-leave",
    "progress-done",
    "summary",
    "health",
    "health-reach",
    "health-contract",
    "destroy",
    "destroy-running",
    "destroy-receipt",
    "help",
]
"""One scene for each footer there is."""


BACK = {"tab": "shift+tab", "right": "left", "ctrl+down": "ctrl+up", "escape": "ctrl+down"}
"""What undoes a key that opens no other screen, where it is not Escape."""
VISITED = str.maketrans("○", "●")
"""What a visit changes for good: the mark of a page of the wizard."""


@contextmanager
def played(name: str) -> Iterator[tuple[CratonApp, World, Scene]]:
    """A scene whose application goes on when it would end; the lifecycle's `calls` then have "exit"."""
    scene = SCENES[name]
    with world(scene.home) as here, pytest.MonkeyPatch.context() as patch:
        app = scene.app(here, patch)
        patch.setattr(app, "exit", lambda *_, **__: here.calls.append("exit"))
        yield app, here, scene


def keys(pilot: Pilot[Any]) -> list[str]:
    """Every key that the footer shows, and those that do the same, without F1 where the whole application's ? works."""
    screen = pilot.app.screen
    shown = [key for key, active in screen.active_bindings.items() if active.binding.show and active.enabled]
    if "question_mark" in shown and not isinstance(screen, ModalScreen):
        shown.remove("f1")
    return [*shown, "ctrl+p"] if screen.query_one(Footer).show_command_palette else shown


@pytest.mark.parametrize("name", PRESSED)
async def test_every_key_that_is_shown_has_an_effect_and_none_is_cut_off(name: str) -> None:
    pressed: set[str] = set()
    while await _press_some(name, pressed):
        pass


async def _press_some(name: str, pressed: set[str]) -> bool:
    """Press the keys that are not `pressed` yet while the scene can be had back; returns whether any is left."""
    with played(name) as (app, here, scene):
        async with app.run_test(size=NARROW, notifications=True) as pilot:
            await scene.play(pilot, here)
            assert cut_off(pilot) == []
            before = _seen(pilot, here)
            left = [key for key in keys(pilot) if key not in pressed]
            for number, key in enumerate(left, 1):
                await pilot.press(key)
                await until(pilot, partial(_differs, pilot, here, before), f"an effect of {key}")
                pressed.add(key)
                if not await _had_back(pilot, before, BACK.get(key, "escape")):
                    return number < len(left)
                before = _seen(pilot, here)
    return False


def _seen(pilot: Pilot[Any], here: World) -> tuple[Any, ...]:
    """All that a key can change: the screen, what it shows, and what was asked of the lifecycle."""
    return pilot.app.screen, visible(pilot), len(here.calls)


def _differs(pilot: Pilot[Any], here: World, before: tuple[Any, ...]) -> bool:
    return _seen(pilot, here) != before


async def _had_back(pilot: Pilot[Any], before: tuple[Any, ...], back: str) -> bool:
    """Go back as a user would; returns whether everything is as it was, but for marks of pages that were visited."""
    screen, shown = before[0], before[1].translate(VISITED)
    if (pilot.app.screen, visible(pilot).translate(VISITED)) != (screen, shown):
        await pilot.press(back)
    return (pilot.app.screen, visible(pilot).translate(VISITED)) == (screen, shown)


def cut_off(pilot: Pilot[Any]) -> list[str]:
    """Keys for which the footer has no room."""
    footer = pilot.app.screen.query_one(Footer)
    shown = list(footer.query(FooterKey))
    actions = [key for key in shown if key.has_class("-command-palette")]
    end = actions[0].region.x if actions else footer.region.right
    return [key.description for key in shown if key not in actions and key.region.right > end]
