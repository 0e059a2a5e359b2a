"""What stopped a run, on one card: what failed, where, what was seen, what it usually means, and what can be done."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from textual.content import Content
from textual.widgets import Static

from installer.engine.progress import StepView
from screens import theme

_LINES, _LINES_LOW = 7, 5
"""Of the card, without its border; on a low terminal."""


class FailureCard(Static):
    """Hidden while nothing failed. Whatever is too long is cut where it reads worst: the keys always fit."""

    DEFAULT_CSS = """
    FailureCard {
        height: auto;
        max-height: 8;
        padding: 0 2;
        border-top: solid $panel;
        display: none;
        &.-shown { display: block; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._head, self._texts, self._keys = Content(), list[str](), Content()

    def show_failure(self, view: StepView, others: int, keys: str, *, again: bool = False) -> None:
        """Show one failed step, of how many others, and the keys that help; `again`: it was tried once more."""
        error: Mapping[str, Any] = view.error or {}
        machine = view.record.machine or error.get("machine") or ""
        machine = "" if machine in view.record.title else machine
        more = Content.styled(f"   and {others} more failed", "$faint") if others else Content()
        words = f" {'failed again: ' if again else ''}{machine + ': ' if machine else ''}{view.record.title}"
        head = theme.content(theme.FAILED) + Content.styled(words, "bold $error")
        operation = str(error.get("operation", ""))
        seen = f"{operation}: {error.get('observed', '')}" if operation else str(error.get("observed", ""))
        self._show(head + more, [seen, str(error.get("hint", ""))], keys)

    def show_text(self, title: str, seen: str, keys: str) -> None:
        """Show a trouble that is no step's, such as an engine that died."""
        head = theme.content(theme.WARNING) + Content.styled(f" {title}", "bold $warning")
        self._show(head, [seen], keys)

    def show_retry(self, views: Sequence[StepView]) -> None:
        """Say which steps are tried again now, from the moment they were asked for."""
        more = f" and {len(views) - 1} more" if len(views) > 1 else ""
        head = theme.content(theme.RUNNING) + Content.styled(" trying again", "bold $primary")
        self._show(head, [f"{views[0].record.title}{more}"], "")

    def hide(self) -> None:
        self.set_class(False, "-shown")

    def on_resize(self) -> None:
        if self.has_class("-shown"):
            self._draw()

    def _show(self, head: Content, texts: Sequence[str], keys: str) -> None:
        new = (head, [text for text in texts if text], Content.styled(keys, "$primary"))
        if new != (self._head, self._texts, self._keys) or not self.has_class("-shown"):
            self._head, self._texts, self._keys = new
            self.set_class(True, "-shown")
            self._draw()

    def _draw(self) -> None:
        width = max(20, (self.content_size.width or self.app.size.width - 4))
        low = self.screen.has_class("-low")
        head = Content(_cut(self._head.plain, width, 1)).stylize("bold $error") if low else self._head
        lines = _LINES_LOW if low else _LINES
        room = lines - _height(head.plain, width) - _height(self._keys.plain, width)
        shown = [head, *(Content(text) for text in fitted(self._texts, width, room)), self._keys]
        self.update(Content("\n").join(line for line in shown if line))


def fitted(texts: Sequence[str], width: int, room: int) -> list[str]:
    """`texts` in `room` lines of `width`: the last one, which says what to do, in full if any way, the others cut."""
    if not texts:
        return []
    *others, last = texts
    if others:
        kept = max(1, room - min(_height(last, width), room - len(others)))
        return [*(_cut(text, width, kept) for text in others), _cut(last, width, room - kept)]
    return [_cut(last, width, room)]


def _height(text: str, width: int) -> int:
    return len(textwrap.wrap(text, width)) if text else 0


def _cut(text: str, width: int, lines: int) -> str:
    return "\n".join(textwrap.wrap(text, width, max_lines=max(1, lines), placeholder=" …"))
