"""What tests of screens that show a run share: waiting until something is seen, and an engine that seems alive."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from textual.pilot import Pilot
from textual.widgets import Static

from tests.patience import PATIENCE
from tests.screens.stand_ins import visible


async def until(pilot: Pilot[Any], holds: Callable[[], object], what: str = "") -> None:
    """Let the application run until `holds`; fail after PATIENCE seconds with what is on the screen."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what or holds} never held; the screen shows\n{visible(pilot)}")
        await pilot.pause()
        await asyncio.sleep(0.01)


async def shows(pilot: Pilot[Any], *texts: str) -> None:
    """Wait until all of `texts` are on the screen."""
    for text in texts:
        await until(pilot, partial(_shown, pilot, text), f"{text!r} on the screen")


def _shown(pilot: Pilot[Any], text: str) -> bool:
    return text in visible(pilot)


async def hides(pilot: Pilot[Any], text: str) -> None:
    """Wait until `text` is not on the screen."""
    await until(pilot, lambda: text not in visible(pilot), f"{text!r} off the screen")


async def ended(pilot: Pilot[Any], code: int) -> None:
    """Wait until the application has ended, and with `code`."""
    await until(pilot, lambda: pilot.app._exit, "the end")
    assert pilot.app.return_value == code


def words(pilot: Pilot[Any], selector: str) -> str:
    """What a Static of the current screen says."""
    return str(pilot.app.screen.query_one(selector, Static).content)
