"""Pictures of scenes: SVG documents that need nothing else and are the same each time."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest
from textual.app import App
from textual.filter import Monochrome
from textual.pilot import Pilot

from screens.theme import DARK, LIGHT
from tests.screens.scenes import Scene, come_to_rest
from tests.screens.world import world

_FONT_FACES = re.compile(r"\s*@font-face \{.*?\}", re.DOTALL)
_UNIQUE = re.compile(r"terminal-\d+-")
_REMARK = re.compile(r"\s*<!--.*?-->", re.DOTALL)
_FONT = "Fira Code"
FONT_SIZE = "font-size: 20.26px"
FONTS = "DejaVu Sans Mono, Menlo, Consolas"
"""In the order of preference; the first has every shape that is drawn."""


async def pictures(scene: Scene, size: tuple[int, int], looks: tuple[str, ...]) -> dict[str, str]:
    """The scene in each of `looks`, taken in one run of the application unless they are to be taken apart."""
    groups = [(look,) for look in looks] if scene.apart else [looks]
    return {look: svg for group in groups for look, svg in (await _together(scene, size, group)).items()}


async def _together(scene: Scene, size: tuple[int, int], looks: tuple[str, ...]) -> dict[str, str]:
    with world(scene.home, looks[0]) as here, pytest.MonkeyPatch.context() as patch:
        async with scene.app(here, patch).run_test(size=size) as pilot:
            await scene.play(pilot, here)
            taken = {looks[0]: await _picture(pilot)}
            for look in looks[1:]:
                _change(pilot.app, look)
                taken[look] = await _picture(pilot)
            return taken


def _change(app: App[Any], look: str) -> None:
    """What the application does by itself if its environment asks for `look` as it starts."""
    app.theme = LIGHT.name if look == "light" else DARK.name
    if look == "plain":
        app.no_color = True
        app._filters.append(Monochrome())
        app.refresh_css(animate=False)
        app.screen.refresh(layout=True)


async def _picture(pilot: Pilot[Any]) -> str:
    await pilot.pause()
    return self_contained(pilot.app.export_screenshot(simplify=True))


def self_contained(svg: str) -> str:
    """The picture without fonts from the network, without the random numbers in its names, and with every blank."""
    svg = _UNIQUE.sub("terminal-", _REMARK.sub("", _FONT_FACES.sub("", svg))).replace(_FONT, FONTS)
    svg = svg.replace("font-size: 20px", FONT_SIZE)  # at which a character is as wide as a cell: 0.602 em
    return svg.replace("<svg ", '<svg xml:space="preserve" ', 1)


async def resized_pictures(
    scene: Scene, sizes: Mapping[str, tuple[int, int]], looks: tuple[str, ...]
) -> dict[tuple[str, str], str]:
    """The scene by size and look, all in one run: the terminal is resized as a person would do it."""
    taken = {}
    with world(scene.home, looks[0]) as here, pytest.MonkeyPatch.context() as patch:
        async with scene.app(here, patch).run_test(size=next(iter(sizes.values()))) as pilot:
            await scene.play(pilot, here)
            for look in looks:
                _change(pilot.app, look)
                for name, size in sizes.items():
                    await pilot.resize_terminal(*size)
                    await come_to_rest(pilot, here)
                    taken[name, look] = await _picture(pilot)
    return taken
