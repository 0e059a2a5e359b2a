"""What every screen looks like: in two sizes, on dark and on light terminals, and without colours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.screens.scenes import SCENES
from tests.screens.world import world

SIZES = {"80x24": (80, 24), "120x40": (120, 40)}
CASES = [(name, size, look) for name, scene in SCENES.items() for size in SIZES for look in scene.looks]


@pytest.mark.parametrize(("name", "size", "look"), CASES, ids=["-".join(case) for case in CASES])
def test_looks_as_it_was_approved(
    name: str, size: str, look: str, snap_compare: Callable[..., bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = SCENES[name]
    with world(scene.home, look) as here:

        async def play(pilot: Any) -> None:
            await scene.play(pilot, here)

        assert snap_compare(scene.app(here, monkeypatch), terminal_size=SIZES[size], run_before=play)
