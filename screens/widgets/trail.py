"""The trail of a wizard's pages: which are done, which is open, which have something to correct."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from screens import theme
from screens.theme import Mark


class Trail(Widget):
    """One line per page. Clicking a line asks for its page; keys do the same on the screen."""

    DEFAULT_CSS = "Trail { width: 17; height: 1fr; padding: 1 0 0 2; }"

    class Asked(Message):
        """A page was clicked."""

        def __init__(self, page: int) -> None:
            super().__init__()
            self.page = page

    def __init__(self) -> None:
        super().__init__()
        self._lines: Sequence[tuple[Mark, str]] = ()
        self._current = 0

    def show(self, lines: Sequence[tuple[Mark, str]], current: int) -> None:
        """Draw the pages' states and titles."""
        self._lines, self._current = lines, current
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        page = event.y - self.styles.padding.top + self._first
        if 0 <= page < len(self._lines):
            self.post_message(self.Asked(page))

    @property
    def _first(self) -> int:
        """The line at the top, where not all fit: the open page then has its neighbours on both sides."""
        room = self.content_size.height
        return max(0, min(self._current - room // 2, len(self._lines) - room))

    def render(self) -> Content:
        return Content("\n").join(
            theme.content(mark) + Content.styled(f" {title}", "bold" if number == self._current else "$faint")
            for number, (mark, title) in list(enumerate(self._lines))[self._first :]
        )
