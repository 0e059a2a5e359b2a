"""All machines of a run: how many are in which state, a filter, and a table or a grid of them."""

from __future__ import annotations

from collections.abc import Callable

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input

from installer.common.text import count
from screens import theme
from screens.models.fleet import WORDS, Fleet
from screens.widgets.in_order import LineInput
from screens.widgets.machines import MachineGrid, Machines, MachineTable, state_words
from screens.widgets.still import Still

TABLE_LIMIT = 60
"""More machines than this are shown as a grid unless a filter picks some."""


class FilterInput(LineInput):
    HELP = (
        "Shows only machines whose name, role or state has all of these words, such as worker failed. "
        "Enter keeps the filter, esc clears it."
    )


class MachineList(Vertical):
    """The machines that the filter leaves, failed ones first."""

    DEFAULT_CSS = """
    MachineList {
        #tally { padding: 0 2; margin-bottom: 1; }
        #filter { display: none; margin: 0 2 1 2; }
        #filter.-open { display: block; }
        MachineGrid { display: none; }
        #here { padding: 0 2; display: none; }
    }
    """

    def __init__(self, fleet: Fleet, pick: Callable[[str], object], id: str | None = None) -> None:
        super().__init__(id=id)
        self._fleet = fleet
        self._pick = pick
        self._grid: bool | None = None
        self._listed: tuple[int, str] | None = None
        self._names: list[str] = []

    def compose(self) -> ComposeResult:
        yield Still(id="tally")
        yield FilterInput(placeholder="name, role or state", compact=True, id="filter", disabled=True)
        yield MachineTable(self._fleet, self._pick, id="table")
        yield MachineGrid(self._fleet, self._pick, id="grid")
        yield Still(id="here")

    @property
    def names(self) -> list[str]:
        """Names of the machines that the filter leaves, in the order in which they are shown."""
        seen = (self._fleet.version, self.wanted)
        if self._listed != seen:
            self._listed, self._names = seen, self._fleet.names(self.wanted)
        return self._names

    @property
    def wanted(self) -> str:
        """What the filter says."""
        return self.query_one("#filter", Input).value

    @property
    def many(self) -> bool:
        """Whether there is anything to gain from a grid."""
        return self._fleet.size > TABLE_LIMIT // 2

    @property
    def shows_grid(self) -> bool:
        if self._grid is not None:
            return self._grid
        return self._fleet.size > TABLE_LIMIT and not self.wanted

    @property
    def shown(self) -> Machines:
        """The table or the grid, whichever is visible."""
        return self.query_one(MachineGrid) if self.shows_grid else self.query_one(MachineTable)

    def show(self, selected: str, now: float) -> None:
        """Draw the machines as of `now` (Unix seconds) with the cursor on `selected`."""
        grid, table = self.query_one(MachineGrid), self.query_one(MachineTable)
        if grid.display != self.shows_grid:
            had_focus = grid.has_focus or table.has_focus
            grid.display, table.display = self.shows_grid, not self.shows_grid
            if had_focus:
                self.shown.focus()
        self.shown.show(self.names, selected, now)
        self._draw_tally()
        self.show_here()

    def _draw_tally(self) -> None:
        size, found = self._fleet.size, self.names
        head = count(size, "machine") if size else "no machines yet"
        if len(found) != len(self._fleet.machines):
            head = f"{len(found):,} of {head}"
        head += " and a pool" if self._fleet.has_pool else ""
        pieces = [theme.content(mark, f"{number:,} {WORDS[mark]}") for mark, number in self._fleet.tally()]
        self.query_one("#tally", Still).say(Content("  ").join((Content.styled(head, "$faint"), *pieces)))

    def show_here(self) -> None:
        """Name the machine under the grid's cursor where there is no room for more about it."""
        here = self.query_one("#here", Still)
        machine = self._fleet.machines.get(self.shown.selected or "")
        shows = self.shows_grid and self.screen.has_class("-narrow") and machine is not None
        if here.display != shows:
            here.display = shows
        if shows and machine is not None:
            words = Content.styled(f" · {state_words(self._fleet, machine)}", "$faint")
            here.say(theme.content(machine.mark) + Content.styled(f" {machine.short}", "bold") + words)

    def toggle_grid(self) -> None:
        self._grid = not self.shows_grid

    def open_filter(self) -> None:
        box = self.query_one("#filter", Input)
        box.disabled = False
        box.add_class("-open")
        box.focus()

    @property
    def filter_is_open(self) -> bool:
        return self.query_one("#filter").has_class("-open")

    def clear_filter(self) -> None:
        box = self.query_one("#filter", Input)
        box.value = ""
        self._close_empty_filter()

    def on_input_submitted(self) -> None:
        self._close_empty_filter()

    def _close_empty_filter(self) -> None:
        """Back to the machines. A filter that can't be seen takes no keys."""
        box = self.query_one("#filter", Input)
        box.set_class(bool(self.wanted), "-open")
        self.shown.focus()
        box.disabled = not self.wanted
