"""What the command palette finds besides actions: machines, clusters, the wizard's pages and questions, docs, terms."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from textual.command import CommandPalette, Hit, Hits, Provider
from textual.screen import Screen

from screens.place import Place

PLACEHOLDER = "An action, machine, cluster, question, term or docs page"


class Palette(CommandPalette):
    def __init__(self) -> None:
        super().__init__(placeholder=PLACEHOLDER, id="--command-palette")

    def validate__show_busy(self, busy: bool) -> bool:
        """Say that it loads only while it does. Textual's countdown to that may be over, and not yet have been heard,
        as the search ends: its words then stayed where the list ends until something else was looked for.
        """
        return busy and any(worker.node is self and not worker.is_finished for worker in self.workers)


class Places(Provider):
    """Finds places by name. They are collected once, when the palette opens; docs and clusters are read on a thread."""

    async def startup(self) -> None:
        from screens.pages.base import CratonScreen

        self._places: Sequence[Place] = ()
        if isinstance(self.screen, CratonScreen):
            here = list(self.screen.places())
            self._places = [*here, *await asyncio.to_thread(_elsewhere, self.screen)]

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for place in self._places:
            if (score := matcher.match(place.name)) > 0:
                yield Hit(score, matcher.highlight(place.name), partial(self._go, place), help=place.detail)

    def _go(self, place: Place) -> None:
        async def body() -> None:
            arrived = place.go()
            if asyncio.iscoroutine(arrived):
                await arrived

        self.screen.run_worker(body(), group="palette")


def _elsewhere(screen: Screen[Any]) -> list[Place]:
    """What every screen leads to. Blocks."""
    return [*_clusters(screen), *_docs(screen), *_terms(screen)]


def _clusters(screen: Screen[Any]) -> Iterator[Place]:
    from installer.common import paths
    from installer.common.errors import InstallerError
    from screens.pages.home import HomeScreen

    if isinstance(screen, HomeScreen):  # has them among its own
        return

    def show(cluster: str) -> None:
        screen.app.push_screen(HomeScreen(cluster))

    with suppress(InstallerError):  # home says what can't be read; the palette finds the rest
        for directory in paths.clusters():
            yield Place(directory.cluster, "cluster", partial(show, directory.cluster))


def _docs(screen: Screen[Any]) -> Iterator[Place]:
    from installer.common import manual
    from screens.dialogs.manual import ManualDialog

    def show(section: manual.Section) -> None:
        screen.app.push_screen(ManualDialog(section.page, section.begins))

    for section in manual.sections():
        yield Place(section.title, f"docs: {section.page}", partial(show, section))


def _terms(screen: Screen[Any]) -> Iterator[Place]:
    from installer.plan.glossary import GLOSSARY
    from screens.dialogs.glossary import GlossaryDialog

    def show(name: str) -> None:
        screen.app.push_screen(GlossaryDialog((), name))

    for term in GLOSSARY:
        yield Place(term.name, "term", partial(show, term.name))
