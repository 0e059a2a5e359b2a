"""A table of states with a cursor on one cell: machines by checks, nodes by nodes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.reactive import reactive

from screens import theme
from screens.theme import Mark
from screens.widgets.rows import Rows, Spans
from screens.words import fit


@dataclass(frozen=True, slots=True)
class Grid:
    """What a matrix shows: `mark(row, column)` is asked only for visible cells; None where there is nothing to say."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    mark: Callable[[int, int], Mark | None]


EMPTY = Grid((), (), lambda _row, _column: None)


class Matrix(Rows):
    """The first column and the heading stay; the other columns scroll sideways with the cursor."""

    HEADING = True
    DEFAULT_CSS = "Matrix:nocolor:focus > .rows--cursor { text-style: bold; }"  # only the cell is reversed
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "across(-1)", "Previous column", show=False),
        Binding("right", "across(1)", "Next column", show=False),
    ]
    column: reactive[int] = reactive(0)

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.grid = EMPTY
        self._first_column = 0
        self._widths: list[int] = []
        self._label_width = 8

    def show(self, grid: Grid) -> None:
        """Draw another grid; the cursor stays where it is as far as it can."""
        self.grid = grid
        self._widths = [max(3, len(title)) + 2 for title in grid.columns]
        self._label_width = min(24, max((len(label) for label in grid.rows), default=8)) + 4
        self.column = max(0, min(self.column, len(grid.columns) - 1))
        self.update_rows()

    @property
    def row_count(self) -> int:
        return len(self.grid.rows)

    @property
    def cell(self) -> tuple[int, int] | None:
        """Row and column of the cursor, or None in an empty grid."""
        return (self.cursor, self.column) if self.grid.rows and self.grid.columns else None

    def heading(self, width: int) -> Spans:
        spans: Spans = [("◂ ".rjust(self._label_width) if self._first_column else " " * self._label_width, "faint")]
        visible = self._visible(width)
        for number in visible:
            spans.append(
                (fit(self.grid.columns[number], self._widths[number]), "bold" if number == self.column else "faint")
            )
        if visible and visible[-1] + 1 < len(self.grid.columns):
            spans.append(("▸", "faint"))
        return spans

    def row(self, index: int, width: int) -> Spans:
        spans: Spans = [(f"  {fit(self.grid.rows[index], self._label_width - 2)}", "")]
        for number in self._visible(width):
            mark = self.grid.mark(index, number)
            under = index == self.cursor and number == self.column
            style = f"{mark.colour if mark else 'faint'}{' reverse' if under else ''}"
            spans.append((f" {theme.shape(mark) if mark else ' '} ", style))
            spans.append((" " * (self._widths[number] - 3), ""))
        return spans

    def _visible(self, width: int) -> list[int]:
        """Numbers of the columns that fit next to the first one."""
        room, visible = width - self._label_width - 1, []
        for number in range(self._first_column, len(self.grid.columns)):
            room -= self._widths[number]
            if room < 0:
                break
            visible.append(number)
        return visible

    def watch_column(self) -> None:
        self._show_column()
        self.refresh()

    def resized(self) -> None:
        super().resized()
        self._show_column()

    def _show_column(self) -> None:
        width = self.scrollable_content_region.width
        self._first_column = min(self._first_column, self.column)
        while self._first_column < self.column and self.column not in self._visible(width):
            self._first_column += 1

    def place_cell(self, row: int, column: int) -> None:
        """Put the cursor on a cell as the user would."""
        before = self.cell
        self.place_cursor(row)
        self.column = max(0, min(column, len(self.grid.columns) - 1))
        if self.cell != before:
            self.post_message(self.Moved(self))

    def action_across(self, columns: int) -> None:
        self.place_cell(self.cursor, self.column + columns)

    def clicked(self, column: int, line: int) -> None:
        left = self._label_width
        for number in self._visible(self.scrollable_content_region.width):
            if left <= column < left + self._widths[number] and line < self.row_count:
                self.place_cell(line, number)
            left += self._widths[number]
