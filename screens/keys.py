"""Which keys work on a screen: what help and the command palette list."""

from __future__ import annotations

from typing import Any

from textual.binding import ActiveBinding
from textual.screen import Screen
from textual.widgets import Input

_EVERYONE_KNOWS = ("tab", "shift+tab", "super+c", "ctrl+c", "ctrl+shift+c")
"""Keys that are Textual's own and no action of ours."""


def working(screen: Screen[Any]) -> list[ActiveBinding]:
    """Every binding that works on `screen` now and says what it does, in the order of the focus outwards."""
    return [
        active
        for key, active in screen.active_bindings.items()
        if active.enabled
        and active.binding.description
        and key not in _EVERYONE_KNOWS
        and not isinstance(active.node, Input)  # a score of keys that move a cursor
    ]


def listed(screen: Screen[Any]) -> list[ActiveBinding]:
    """One binding for each action that works on `screen`, without that which opened the list."""
    by_action = {active.binding.action: active for active in reversed(working(screen))}
    return [active for action, active in reversed(by_action.items()) if action != "command_palette"]


def spelled(screen: Screen[Any]) -> list[tuple[str, str]]:
    """(keys, what they do) for each action that works on `screen`."""
    by_action: dict[str, tuple[list[str], str]] = {}
    for active in working(screen):
        keys, _ = by_action.setdefault(active.binding.action, ([], active.binding.description))
        keys.append(screen.app.get_key_display(active.binding))
    return [(" ".join(dict.fromkeys(keys)), description) for keys, description in by_action.values()]
