"""The machines of a run: a table of rows, or a grid of cells when there are many."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.geometry import Size

from installer.engine.events import StepState
from installer.engine.progress import StepView
from screens import theme
from screens.models.fleet import Fleet, MachineView
from screens.theme import Mark
from screens.widgets.rows import Line, Rows, Spans
from screens.words import bar, clock, duration, fit, retry_words

ROLE_WIDTH = 8
TIME_WIDTH = 8
BAR_WIDTH = 13


class Machines(Rows):
    """What table and grid share: names in order, and a cursor that stays on its machine when the order changes."""

    def __init__(self, fleet: Fleet, pick: Callable[[str], object], id: str | None = None) -> None:
        super().__init__(id=id)
        self._fleet = fleet
        self._pick = pick
        """Called at once, not with a message: what hangs on the cursor is painted in the same frame."""
        self.names: list[str] = []
        self.now = 0.0
        self._name_width = 8

    @property
    def selected(self) -> str | None:
        """Name of the machine under the cursor, or None where there is none."""
        index = self.selected_index
        return self.names[index] if 0 <= index < len(self.names) else None

    @property
    def selected_index(self) -> int:
        return self.cursor

    def move_to(self, index: int) -> None:
        before = self.selected_index
        super().move_to(index)
        if self.selected is not None and self.selected_index != before:
            self._pick(self.selected)

    def show(self, names: list[str], selected: str | None, now: float) -> None:
        """Draw these machines as of `now` (Unix seconds) with the cursor on `selected`."""
        self.now = now
        if names != self.names:
            self.names = names
            shorts = (self._fleet.machines[name].short for name in names)
            self._name_width = min(24, max((len(short) for short in shorts), default=8))
        if selected in self.names and selected != self.selected:
            self.select(self.names.index(selected))
        self.update_rows()

    def select(self, index: int) -> None:
        self.place_cursor(index)


class MachineTable(Machines):
    """One machine per row: state, name, role, what it does, for how long."""

    HEADING = True
    HELP = (
        "One row per machine, failed ones first. The row says what the machine does now, or waits for; "
        "its steps and its log are next to it, or behind the tab key where the terminal is narrow."
    )

    @property
    def row_count(self) -> int:
        return len(self.names)

    def heading(self, width: int) -> Spans:
        state = fit("state", self._state_width(width))
        return [
            (f"    {fit('machine', self._name_width)}  {fit('role', ROLE_WIDTH)}{state}{'time':>{TIME_WIDTH}}", "faint")
        ]

    def row(self, index: int, width: int) -> Spans:
        machine = self._fleet.machines[self.names[index]]
        mark = machine.mark
        time = duration(machine.duration(self.now)) if any(view.started for view in machine.steps) else ""
        return [
            (f"  {theme.shape(mark)} ", mark.colour),
            (f"{fit(machine.short, self._name_width)}  ", ""),
            (fit(machine.role, ROLE_WIDTH), "faint"),
            *self._state(machine, self._state_width(width)),
            (f"{time:>{TIME_WIDTH}}", "faint"),
        ]

    def _state_width(self, width: int) -> int:
        return max(8, width - 4 - self._name_width - 2 - ROLE_WIDTH - TIME_WIDTH - 1)

    def _state(self, machine: MachineView, width: int) -> Spans:
        words = state_words(self._fleet, machine)
        if machine.mark is theme.FAILED:
            return [(fit(words, width), "error")]
        if machine.census:
            return [(fit(words, width), "")]
        room = BAR_WIDTH if width >= 3 * BAR_WIDTH else BAR_WIDTH // 2
        if machine.mark is not theme.RUNNING or width < room + 12:
            return [(fit(words, width), "faint" if machine.mark is theme.WAITING else "")]
        done, rest = bar(machine.fraction, room)
        return [(done, "primary"), (rest, "rule"), (fit(f"  {words}", width - room), "")]


class MachineGrid(Machines):
    """One cell per machine, for as many machines as no table can show; failed ones first."""

    HELP = (
        "One shape per machine, failed ones first; the arrow keys go from machine to machine. "
        "Type / and some words to see those machines in a table: worker failed, master-2, running."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "step(-1)", "Previous machine", show=False),
        Binding("right", "step(1)", "Next machine", show=False),
    ]

    @property
    def pitch(self) -> int:
        """Cells of the terminal from one shape to the next."""
        room = max(1, self.scrollable_content_region.width - 4) * max(1, self.body_height)
        return 2 if len(self.names) * 2 <= room else 1

    @property
    def columns(self) -> int:
        return max(1, (self.scrollable_content_region.width - 4) // self.pitch)

    @property
    def row_count(self) -> int:
        return -(-len(self.names) // self.columns)

    @property
    def selected_index(self) -> int:
        return self.cursor

    def line_of(self, cursor: int) -> int:
        return cursor // self.columns

    def update_rows(self) -> None:
        size = Size(self.size.width, self.row_count)
        if size != self.virtual_size:
            self.virtual_size = size
        self.refresh_changed()

    def place_cursor(self, index: int) -> None:
        self.cursor = max(0, min(index, len(self.names) - 1))

    def action_step(self, machines: int) -> None:
        self.move_to(self.cursor + machines)

    def action_move(self, rows: int) -> None:
        self.move_to(self.cursor + rows * self.columns)

    def action_page(self, pages: int) -> None:
        self.move_to(self.cursor + pages * self.body_height * self.columns)

    def action_edge(self, direction: int) -> None:
        self.move_to(0 if direction < 0 else len(self.names) - 1)

    def clicked(self, column: int, line: int) -> None:
        column = (column - 2) // self.pitch
        index = line * self.columns + column
        if 0 <= column < self.columns and index < len(self.names):
            self.move_to(index)

    def _mark(self, number: int) -> Mark:
        return self._fleet.machines[self.names[number]].mark

    def line(self, y: int, width: int) -> Line | None:
        index, columns, pitch = y + self.scroll_offset.y, self.columns, self.pitch
        spans: Spans = [("  ", "")]
        first, last = index * columns, min((index + 1) * columns, len(self.names))
        gap = " " * (pitch - 1)
        for mark, numbers in groupby(range(first, last), lambda number: self._mark(number)):
            shape, own = theme.shape(mark), list(numbers)
            before = self.cursor - own[0]
            if 0 <= before < len(own):
                spans.append(((shape + gap) * before, mark.colour))
                spans += [(shape, f"{mark.colour} reverse"), (gap, "")]
                own = own[before + 1 :]
            spans.append(((shape + gap) * len(own), mark.colour))
        return spans, ""


def state_words(fleet: Fleet, machine: MachineView) -> str:
    """What a machine does or waits for, in a few words."""
    view = machine.current
    if machine.mark is theme.DONE:
        return f"done: {machine.census}" if machine.census else "done"
    if machine.mark is theme.RUNNING and machine.census:
        return machine.census
    if view is None:
        return ""
    if view.state is StepState.FAILED:
        return f"failed: {view.error['observed'] if view.error else view.record.title}"
    if view.state is StepState.BLOCKED:
        return view.because or "did not run"
    if view.state is StepState.WAITING:
        need = fleet.awaited(view)
        return f"waits: {need.record.title}" if need and need.record.machine != view.record.machine else "waiting"
    return doing(view)


def doing(view: StepView) -> str:
    """What an active step is at: a retry, a wait, a stage, else its title."""
    if view.wait:
        return f"{view.wait.what}, until {clock(view.wait.until)}"
    if view.retry:
        return retry_words(view)
    if view.stage:
        return f"{view.stage[0]} of {view.stage[1]} {view.stage[2]}"
    return view.record.title
