"""Rows of text of which only the visible ones are drawn: the base of every table, list and grid that can be long.

After a change, only lines that show something else than before are painted again: that is what a key waits for.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import Reactive, reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

Spans = list[tuple[str, str]]
"""Pieces of one line: text, and the names of its styles, of STYLES, with blanks between."""
Line = tuple[Spans, str]
"""A line's pieces, and the name of the style under all of them, or nothing."""

STYLES = ("faint", "primary", "success", "warning", "error", "bold", "rule", "reverse")


class Rows(ScrollView, can_focus=True):
    """One line per row and a cursor. Subclasses say how many rows there are and what each shows."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"rows--{name}" for name in STYLES} | {"rows--cursor"}
    DEFAULT_CSS = """
    Rows {
        background: $background;
        overflow-x: hidden;
        scrollbar-gutter: stable;
        scrollbar-size-vertical: 1;
        scrollbar-size-horizontal: 1;
        & > .rows--faint { color: $faint; }
        & > .rows--primary { color: $primary; }
        & > .rows--success { color: $success; }
        & > .rows--warning { color: $warning; }
        & > .rows--error { color: $error; }
        & > .rows--bold { text-style: bold; }
        & > .rows--reverse { text-style: reverse; }
        & > .rows--rule { color: $panel; }
        & > .rows--cursor { background: $block-cursor-blurred-background; }
        &:focus > .rows--cursor { background: $block-cursor-background; text-style: bold; }
        &:nocolor > .rows--cursor { text-style: bold; }
        &:nocolor:focus > .rows--cursor { text-style: bold reverse; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Previous", show=False),
        Binding("down,j", "move(1)", "Next", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", "edge(-1)", "First", show=False),
        Binding("end", "edge(1)", "Last", show=False),
    ]

    HEADING: ClassVar[bool] = False

    cursor: reactive[int] = reactive(0, repaint=False)
    # Rows have the height that their container gives them: more or fewer of them are no reason for a new layout.
    virtual_size = Reactive(Size(0, 0), layout=False)

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self._styles: dict[str, Style] = {}
        self._base: Style | None = None
        """The widget's own style, while it is painted."""
        self._painted: dict[int, tuple[int, Line | None]] = {}
        """Width and content of the lines as they were painted last, by their place."""

    class Moved(Message):
        """The user moved the cursor."""

        def __init__(self, rows: Rows) -> None:
            super().__init__()
            self.rows = rows

        @property
        def control(self) -> Rows:
            return self.rows

    @property
    def row_count(self) -> int:
        raise NotImplementedError

    def row(self, index: int, width: int) -> Spans:
        """The pieces of one row, which are cut at `width` cells."""
        raise NotImplementedError

    def heading(self, width: int) -> Spans:
        """The line that stays on top where HEADING is set."""
        return []

    @property
    def shows_cursor(self) -> bool:
        return True

    @property
    def body_height(self) -> int:
        """Lines for rows, without the heading."""
        return max(1, self.scrollable_content_region.height - self.HEADING)

    def update_rows(self) -> None:
        """Draw again after the data changed; the cursor stays within it."""
        self.set_reactive(Rows.cursor, max(0, min(self.cursor, self.row_count - 1)))
        self._resize()
        self.refresh_changed()

    def refresh_changed(self, lines: Iterable[int] | None = None) -> None:
        """Have those of `lines`, or of all, painted again that are other ones than when they were painted last."""
        width, across = self.scrollable_content_region.width, self.size.width
        changed = [
            Region(0, y, across, 1)
            for y in (range(self.size.height) if lines is None else lines)
            if self._painted.get(y) != (width, self.line(y, width))
        ]
        if changed:
            self.refresh(*changed)

    def _resize(self) -> None:
        size = Size(self.size.width, self.row_count + self.HEADING)
        if size != self.virtual_size:
            self.virtual_size = size

    def watch_virtual_size(self, size: Size) -> None:
        self._scroll_update(size)

    def on_resize(self) -> None:
        self.resized()

    def resized(self) -> None:
        """Fit to another size."""
        self._resize()
        self.show_cursor()

    def place_cursor(self, index: int) -> None:
        """Put the cursor on a row without telling that the user did."""
        self.cursor = max(0, min(index, self.row_count - 1))

    def watch_cursor(self, before: int, now: int) -> None:
        self.show_cursor()
        top = self.scroll_offset.y - self.HEADING  # where it scrolled, every line is painted anyway
        self.refresh_changed({self.line_of(before) - top, self.line_of(now) - top} & set(range(self.size.height)))

    def show_cursor(self) -> None:
        """Scroll just so far that the cursor's row is visible."""
        line, top = self.cursor_line, self.scroll_offset.y
        if line < top:
            self.scroll_to(y=line, animate=False)
        elif line >= top + self.body_height:
            self.scroll_to(y=line - self.body_height + 1, animate=False)

    @property
    def cursor_line(self) -> int:
        return self.line_of(self.cursor)

    def line_of(self, cursor: int) -> int:
        """In which of all lines a cursor at `cursor` is."""
        return cursor

    def move_to(self, index: int) -> None:
        """Put the cursor on a row as the user would."""
        before = self.cursor
        self.place_cursor(index)
        if self.cursor != before:
            self.post_message(self.Moved(self))

    def action_move(self, rows: int) -> None:
        self.move_to(self.cursor + rows)

    def action_page(self, pages: int) -> None:
        self.move_to(self.cursor + pages * self.body_height)

    def action_edge(self, direction: int) -> None:
        self.move_to(0 if direction < 0 else self.row_count - 1)

    def on_click(self, event: events.Click) -> None:
        if event.y >= self.HEADING:
            self.clicked(event.x, event.y - self.HEADING + self.scroll_offset.y)

    def clicked(self, _column: int, line: int) -> None:
        """The mouse went down on a line of rows."""
        if line < self.row_count:
            self.move_to(line)

    def line(self, y: int, width: int) -> Line | None:
        """What line `y` of the widget shows; None where there is no row."""
        if self.HEADING and y == 0:
            return self.heading(width), ""
        index = y - self.HEADING + self.scroll_offset.y
        if index >= self.row_count:
            return None
        under_cursor = self.shows_cursor and index == self.cursor
        return self.row(index, width), "cursor" if under_cursor else ""

    def render_lines(self, crop: Region) -> list[Strip]:
        self._base = self.rich_style
        try:
            return super().render_lines(crop)
        finally:
            self._base = None

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        line = self.line(y, width)
        self._painted[y] = width, line
        return self._strip(*line, width) if line else Strip.blank(self.size.width, self._base or self.rich_style)

    def _strip(self, spans: Spans, line_style: str, width: int) -> Strip:
        """Spans as a line of exactly `width` cells."""
        base = self._base or self.rich_style
        under = self._style(line_style) if line_style else Style.null()
        segments = [Segment(text, base + under + self._style_on(under, style)) for text, style in spans if text]
        return Strip(segments).adjust_cell_length(width, base + under)

    def _style_on(self, under: Style, names: str) -> Style:
        """A reversed line is one block: a colour would cut a hole into it."""
        style = self._style(names)
        return style.without_color if under.reverse else style

    def notify_style_update(self) -> None:
        self._styles.clear()
        super().notify_style_update()

    def _style(self, names: str) -> Style:
        style = self._styles.get(names)
        if style is None:
            style = Style.null()
            for name in names.split():
                style += self.get_component_rich_style(f"rows--{name}", partial=True)
            self._styles[names] = style
        return style
