"""The keys at the bottom of a screen, built again only if others are to be shown; none of them is cut off."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.cells import cell_len
from textual import events, widgets
from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets._footer import FooterKey

ROOMY = 100
"""Columns from which a description has two blanks after it (`style.tcss`)."""


class Footer(widgets.Footer):
    """Textual's builds every key again whenever the focus moves, and works out the style of each three times."""

    _built: list[tuple[Any, ...]] | None = None
    _columns = 0

    def compose(self) -> ComposeResult:
        self._built = self._keys() if self._bindings_ready else None
        self._columns = self.app.size.width
        made = list(super().compose())
        keys = [widget for widget in made if isinstance(widget, FooterKey)]
        for key in keys:
            key.set_reactive(FooterKey.compact, self.compact)
        kept = fitting(keys, self._columns)
        yield from (widget for widget in made if widget in kept or not isinstance(widget, FooterKey))

    def on_resize(self, event: events.Resize) -> None:
        if self._built is not None and event.size.width != self._columns:
            self.refresh(recompose=True)

    def bindings_changed(self, screen: Screen[Any]) -> None:
        if self._built != self._keys() or not self._bindings_ready:
            super().bindings_changed(screen)

    def _keys(self) -> list[tuple[Any, ...]]:
        return [
            (key, binding, enabled, tooltip)
            for key, (_, binding, enabled, tooltip) in self.screen.active_bindings.items()
            if binding.show or key == self.app.COMMAND_PALETTE_BINDING
        ]


def fitting(keys: Iterable[FooterKey], columns: int) -> list[FooterKey]:
    """The keys that fit: on a narrow terminal the last ones give way, but never the one for help, which lists them."""
    found, gap = list(keys), 2 if columns < ROOMY else 3
    while sum(_width(key, gap) for key in found) + 1 > columns:
        others = [key for key in found if key.action != "explain" and not key.has_class("-command-palette")]
        if not others:
            break
        found.remove(others[-1])
    return found


def _width(key: FooterKey, gap: int) -> int:
    """In cells; `gap` are the blanks around its description."""
    if key.has_class("-command-palette") and gap < 3:
        return 3
    return cell_len(key.key_display) + (cell_len(key.description) + gap if key.description else 0)
