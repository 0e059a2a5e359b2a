"""The last look at what a screen draws: nothing that moves a cursor, reorders or hides text reaches the terminal."""

from __future__ import annotations

from functools import lru_cache

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from installer.common.sanitise import clean


class OnlyVisible(LineFilter):
    """Replaces text that cannot be seen by blanks of the same width. Whatever a widget draws comes by here."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        if all(segment.text.isascii() and segment.text.isprintable() for segment in segments):
            return segments
        return [segment if segment.control else segment._replace(text=_seen(segment.text)) for segment in segments]


@lru_cache(4096)
def _seen(text: str) -> str:
    """Remembered: borders, shapes and marks are drawn again and again."""
    seen = clean(text)
    return seen if seen == text else seen.ljust(len(seen) + max(0, cell_len(text) - cell_len(seen)))
