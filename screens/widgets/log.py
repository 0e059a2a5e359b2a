"""The log of one machine as it comes in: times in front, long lines wrapped, old lines dropped."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from rich.cells import cell_len, chop_cells

from installer.engine.events import LogLine
from screens.widgets.rows import Rows, Spans
from screens.words import clock

KEPT = 2000
"""Lines that are kept of a log; the journal has the rest."""

TIME_WIDTH = 10


class LogView(Rows):
    """Follows the end of the log unless the user has scrolled up; going to the end follows again."""

    HELP = "The log of the selected machine, newest line last. Page up stops following it, the end key follows again."

    # A scrollbar that comes and goes with every other machine's log would cost a layout each time.
    DEFAULT_CSS = "LogView { overflow-y: scroll; }"

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines: list[LogLine] = []
        self._rows: list[tuple[str, str]] = []
        self._wrapped_at = 0
        self._end = 0

    @property
    def lines(self) -> list[str]:
        """The texts that are kept, oldest first."""
        return [line.text for line in self._lines]

    @property
    def following(self) -> bool:
        """Whether the user has not scrolled up since the end was last shown; another size is not scrolling."""
        return self.scroll_offset.y >= min(self._end, self.max_scroll_y)

    def _follow(self) -> None:
        self.scroll_end(animate=False, immediate=True)
        self._end = self.max_scroll_y

    @property
    def row_count(self) -> int:
        return len(self._rows)

    @property
    def shows_cursor(self) -> bool:
        return False

    def row(self, index: int, width: int) -> Spans:
        time, text = self._rows[index]
        return [(time.ljust(TIME_WIDTH), "faint"), (text, "")]

    def replace_lines(self, lines: Iterable[LogLine]) -> None:
        """Show another log, from its end."""
        self._lines, self._rows = [], []
        self.write_lines(lines, follow=True)

    def write_lines(self, lines: Iterable[LogLine], *, follow: bool = False) -> None:
        """Add a batch of lines in order."""
        follow = follow or self.following
        self._lines.extend(lines)
        if len(self._lines) > KEPT + KEPT // 4:
            del self._lines[:-KEPT]
            self._wrap_from(0)
        else:
            self._wrap_from(self._wrapped_at)
        self.update_rows()
        if follow:
            self._follow()

    def _wrap_from(self, start: int) -> None:
        if start == 0:
            self._rows = []
        width = max(16, self.scrollable_content_region.width - TIME_WIDTH)
        for line in islice(self._lines, start, None):
            time = clock(line.at)
            for text in wrap(line.text, width):
                self._rows.append((time, text))
                time = ""
        self._wrapped_at = len(self._lines)

    def resized(self) -> None:
        follow = self.following
        self._wrap_from(0)
        self.update_rows()
        if follow:
            self._follow()

    def clicked(self, _column: int, _line: int) -> None:
        """A line of a log is nothing to select."""

    def action_move(self, rows: int) -> None:
        self.scroll_relative(y=rows, animate=False)

    def action_page(self, pages: int) -> None:
        self.scroll_relative(y=pages * self.body_height, animate=False)

    def action_edge(self, direction: int) -> None:
        if direction < 0:
            self.scroll_home(animate=False)
        else:
            self._follow()


def wrap(text: str, width: int) -> list[str]:
    """`text` in pieces of at most `width` cells."""
    if len(text) <= width and (text.isascii() or cell_len(text) <= width):
        return [text]
    return chop_cells(text, width)
