"""Of a long list, only the lines are painted again that show something else than before."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.strip import Strip

from screens.theme import DARK, THEMES
from screens.widgets.rows import Rows, Spans


class Numbers(Rows):
    def __init__(self) -> None:
        super().__init__()
        self.words = [f"row-{number}" for number in range(100)]
        self.painted: list[int] = []

    @property
    def row_count(self) -> int:
        return len(self.words)

    def row(self, index: int, width: int) -> Spans:
        return [(self.words[index], "")]

    def render_line(self, y: int) -> Strip:
        self.painted.append(y)
        return super().render_line(y)


class Page(App[None]):
    def __init__(self) -> None:
        super().__init__()
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = DARK.name
        self.rows = Numbers()

    def compose(self) -> ComposeResult:
        yield self.rows


@asynccontextmanager
async def page() -> AsyncIterator[tuple[Page, Pilot[None]]]:
    """A page that was painted, on which nothing counts as painted yet."""
    app = Page()
    async with app.run_test(size=(40, 10)) as pilot:
        app.rows.focus()
        await pilot.pause()
        assert set(app.rows.painted) == set(range(10))
        app.rows.painted.clear()
        yield app, pilot


async def test_a_step_of_the_cursor_paints_two_lines() -> None:
    async with page() as (app, pilot):
        await pilot.press("down")
        await pilot.pause()
        assert set(app.rows.painted) == {0, 1}


async def test_a_changed_row_is_painted_alone_and_the_same_again_not_at_all() -> None:
    async with page() as (app, pilot):
        app.rows.words[4] = "changed"
        app.rows.update_rows()
        await pilot.pause()
        assert set(app.rows.painted) == {4}
        assert "changed" in app.export_screenshot()
        app.rows.painted.clear()
        app.rows.update_rows()
        await pilot.pause()
        assert app.rows.painted == []


async def test_scrolling_paints_every_line() -> None:
    async with page() as (app, pilot):
        await pilot.press("end")
        await pilot.pause()
        assert set(app.rows.painted) == set(range(10))
        assert "row-99" in app.export_screenshot()


async def test_what_changed_while_it_was_hidden_shows_when_it_is_shown_again() -> None:
    async with page() as (app, pilot):
        app.rows.display = False
        await pilot.pause()
        app.rows.words[0] = "meanwhile"
        app.rows.update_rows()
        await pilot.pause()
        app.rows.display = True
        await pilot.pause()
        shown = app.export_screenshot()
        assert "meanwhile" in shown
        assert "row-0" not in shown
