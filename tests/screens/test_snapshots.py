"""What every screen looks like: in two sizes, on dark and on light terminals, and without colours."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from textual.app import App

from tests.screens.scenes import SCENES
from tests.screens.taking import pictures

SIZES = {"80x24": (80, 24), "120x40": (120, 40)}
CASES = [
    (name, size, look)
    for name, scene in SCENES.items()
    for size in (SIZES if len(scene.looks) > 1 else ("80x24",))
    for look in scene.looks
]


class Taken(App[Any]):
    """An application that was run before: several looks of a scene are taken in one run."""

    def __init__(self, picture: str) -> None:
        super().__init__()
        self._picture = picture

    def run(self, **_: Any) -> str:
        return self._picture


@cache
def taken(name: str, size: str) -> dict[str, str]:
    return asyncio.run(pictures(SCENES[name], SIZES[size], SCENES[name].looks))


@pytest.mark.parametrize(("name", "size", "look"), CASES, ids=["-".join(case) for case in CASES])
def test_looks_as_it_was_approved(name: str, size: str, look: str, snap_compare: Callable[..., bool]) -> None:
    assert snap_compare(Taken(taken(name, size)[look]))
