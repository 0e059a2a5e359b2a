"""Which keys work on a screen: what help and the command palette list."""

from __future__ import annotations

from typing import Any

from textual.binding import ActiveBinding
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input, TextArea

_EVERYONE_KNOWS = ("tab", "shift+tab", "super+c", "ctrl+c", "ctrl+shift+c")
"""Keys that are Textual's own and no action of ours."""
_SIDEWAYS = ("scroll_left", "scroll_right", "page_left", "page_right")
"""What every scrolling widget of Textual's can do, and none of ours needs."""


def working(screen: Screen[Any]) -> list[ActiveBinding]:
    """Every binding that works on `screen` now and says what it does: those in the footer first, movement last."""
    found = [
        active
        for key, active in screen.active_bindings.items()
        if active.enabled
        and active.binding.description
        and key not in _EVERYONE_KNOWS
        and active.binding.action not in _SIDEWAYS
        and (active.binding.show or not isinstance(active.node, Input | TextArea))  # a score of keys that move a cursor
    ]
    return sorted(found, key=lambda active: (not active.binding.show, _moves(active)))


def _moves(active: ActiveBinding) -> bool:
    """Whether a key only moves something within a widget."""
    return not active.binding.show and isinstance(active.node, Widget) and not isinstance(active.node, Screen)


def listed(screen: Screen[Any]) -> list[ActiveBinding]:
    """One binding for each action that works on `screen`, without movement and that which opened the list."""
    found = [active for active in working(screen) if not _moves(active)]
    by_action = {active.binding.action: active for active in reversed(found)}
    return [active for action, active in reversed(by_action.items()) if action != "command_palette"]


def spelled(screen: Screen[Any]) -> list[tuple[str, str]]:
    """(keys, what they do) for each action that works on `screen`."""
    by_action: dict[str, tuple[list[str], str]] = {}
    for active in working(screen):
        keys, _ = by_action.setdefault(active.binding.action, ([], active.binding.description))
        keys.append(screen.app.get_key_display(active.binding))
    return [(" ".join(dict.fromkeys(keys)), description) for keys, description in by_action.values()]
