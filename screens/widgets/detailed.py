"""A table, and below it all there is to say about the row under the cursor."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from screens.widgets.table import Column, Row, Table


class Detailed(Vertical):
    """`describe` gives the text below the rows for an index; it is asked only for rows that are looked at.

    `legend` says what the marks in the table mean.
    """

    DEFAULT_CSS = """
    Detailed {
        Table { height: 1fr; }
        VerticalScroll {
            height: auto;
            max-height: 45%;
            padding: 0 1 0 2;
            border-top: solid $panel;
            border-title-color: $faint;
        }
    }
    """

    def __init__(
        self, columns: Sequence[Column], help: str = "", id: str | None = None, legend: Content | None = None
    ) -> None:
        super().__init__(id=id)
        self._legend = legend
        self._table = Table(columns, help)
        self._detail = Static()
        self._describe: Callable[[int], Content] = lambda _index: Content("")

    def compose(self) -> ComposeResult:
        yield self._table
        with VerticalScroll() as around:
            around.border_title = self._legend
            yield self._detail

    def fill(self, rows: Sequence[Row], describe: Callable[[int], Content]) -> None:
        """Show other rows."""
        self._describe = describe
        self._table.fill(rows)
        self.on_rows_moved()

    def on_rows_moved(self) -> None:
        if self._table.row_count:
            self._detail.update(self._describe(self._table.cursor))
