"""The keys at the bottom of a screen, built again only if others are to be shown."""

from __future__ import annotations

from typing import Any

from textual import widgets
from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets._footer import FooterKey


class Footer(widgets.Footer):
    """Textual's builds every key again whenever the focus moves, and works out the style of each three times."""

    _built: list[tuple[Any, ...]] | None = None

    def compose(self) -> ComposeResult:
        self._built = self._keys() if self._bindings_ready else None
        for widget in super().compose():
            if isinstance(widget, FooterKey):
                widget.set_reactive(FooterKey.compact, self.compact)
            yield widget

    def bindings_changed(self, screen: Screen[Any]) -> None:
        if self._built != self._keys() or not self._bindings_ready:
            super().bindings_changed(screen)

    def _keys(self) -> list[tuple[Any, ...]]:
        return [
            (key, binding, enabled, tooltip)
            for key, (_, binding, enabled, tooltip) in self.screen.active_bindings.items()
            if binding.show or key == self.app.COMMAND_PALETTE_BINDING
        ]
