"""A table of any length: columns as wide as their content, and only visible rows drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from screens.theme import Mark, shape
from screens.widgets.rows import Rows, Spans
from screens.words import fit

_GAP = 2
_MARGIN = 2


@dataclass(frozen=True, slots=True)
class Column:
    """`wide` is the width of the table below which the column is left out; a `flexible` one takes what is left."""

    title: str
    right: bool = False
    wide: int = 0
    flexible: bool = False


Row = tuple[Spans, ...]


def cell(text: object, style: str = "") -> Spans:
    """A cell of plain text in one of Rows' styles."""
    return [(str(text), style)]


def marked(mark: Mark, words: str = "") -> Spans:
    """A state's shape in its colour, and words after it."""
    return [(shape(mark), mark.colour), (f" {words}" if words else "", "")]


class Table(Rows):
    """Rows of cells under a heading, with a cursor."""

    HEADING = True

    def __init__(self, columns: Sequence[Column], help: str = "", id: str | None = None) -> None:
        super().__init__(id=id)
        self.help_text = help
        self._columns = tuple(columns)
        self._rows: Sequence[Row] = ()
        self._content: list[int] = []

    @property
    def row_count(self) -> int:
        return len(self._rows)

    def fill(self, rows: Sequence[Row]) -> None:
        """Show other rows; the cursor stays on its line."""
        self._rows = rows
        self._content = [
            max([cell_len(column.title), *(_cells(row[number]) for row in rows)])
            for number, column in enumerate(self._columns)
        ]
        self.update_rows()

    def heading(self, width: int) -> Spans:
        return self._line(tuple(cell(column.title, "faint") for column in self._columns), width)

    def row(self, index: int, width: int) -> Spans:
        return self._line(self._rows[index], width)

    def _line(self, row: Row, width: int) -> Spans:
        line: Spans = [(" " * _MARGIN, "")]
        for column, spans, room in zip(self._columns, row, self._widths(width), strict=True):
            if room:
                line += _padded(spans, room, right=column.right)
                line.append((" " * _GAP, ""))
        return line

    def _widths(self, width: int) -> list[int]:
        """Cells for each column, 0 for one that is left out."""
        content = self._content or [cell_len(column.title) for column in self._columns]
        widths = [room if width >= column.wide else 0 for column, room in zip(self._columns, content, strict=True)]
        flexible = [number for number, column in enumerate(self._columns) if column.flexible and widths[number]]
        fixed = sum(room + _GAP for number, room in enumerate(widths) if room and number not in flexible)
        left = width - _MARGIN - fixed - _GAP * len(flexible)
        for still, number in zip(range(len(flexible), 0, -1), sorted(flexible, key=lambda n: widths[n]), strict=True):
            widths[number] = max(0, min(widths[number], left // still))
            left -= widths[number]
        return widths


def _cells(spans: Spans) -> int:
    return sum(cell_len(text) for text, _ in spans)


def _padded(spans: Spans, width: int, *, right: bool) -> Spans:
    length = _cells(spans)
    if length <= width:
        blank = (" " * (width - length), "")
        return [blank, *spans] if right else [*spans, blank]
    kept: Spans = []
    for text, style in spans:
        kept.append((fit(text, min(width, cell_len(text))), style))
        width -= cell_len(kept[-1][0])
    return kept
