"""Machines of one's own: a text to type and paste them into, and below it a table of how far each can be reached.

Over 300 lines because the text, its table and the line under them are one widget, and follow each other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Static, TextArea

from installer.operations.login.connection_tests import Trial, Trials
from installer.plan.host import Host
from installer.plan.inventory import Inventory, parse, replaced
from installer.plan.sections import SSH
from screens import theme
from screens.widgets.inventory_rows import COLUMNS, Line, describe, lines, rows, tally
from screens.widgets.inventory_text import InventoryText
from screens.widgets.still import Still
from screens.widgets.table import Table

IDLE = 0.6
"""Seconds without a key after which the line that is being typed is taken for complete."""
LOOKS = 0.1
"""Seconds between looks at what has come of the trials."""

Role = Literal["master", "infra", "worker"]
_ROLES: tuple[Role | None, ...] = (None, "master", "infra", "worker")

Arrange = Callable[[Sequence[Host]], Mapping[Host, str]]
"""Which names machines would get, without the cluster's own."""


class InventoryTable(Table):
    """The machines. A role that was chosen here is written into the text."""

    HELP = (
        "Every machine, and how far its SSH connection got; nothing is changed on it. Machines without a role get one "
        "in the order of the list. A name needs an address for the other machines: f fills in those that were found."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "turn", "Role"),
        Binding("m", "role('master')", "Master", show=False),
        Binding("i", "role('infra')", "Infra node", show=False),
        Binding("w", "role('worker')", "Worker", show=False),
        Binding("r", "again", "Again"),
        Binding("f", "fill_in", "Fill"),
    ]

    class Asked(Message):
        """Something is to be done about the machine under the cursor: `turn`, `again`, `fill in`, or a role."""

        def __init__(self, what: str) -> None:
            super().__init__()
            self.what = what

    def __init__(self) -> None:
        super().__init__(COLUMNS, self.HELP)
        self.offers_addresses = False

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "fill_in":
            return self.offers_addresses
        return bool(self.row_count) if action in ("turn", "role", "again") else True

    def action_turn(self) -> None:
        self.post_message(self.Asked("turn"))

    def action_role(self, role: Role) -> None:
        self.post_message(self.Asked(role))

    def action_again(self) -> None:
        self.post_message(self.Asked("again"))

    def action_fill_in(self) -> None:
        self.post_message(self.Asked("fill in"))


class InventoryEditor(Vertical):
    """Text above, table and details below. `trials` tries machines while others are still being typed."""

    DEFAULT_CSS = """
    InventoryEditor {
        height: 1fr;
        InventoryText {
            height: 30%;
            min-height: 3;
            max-height: 12;
            background: $panel 45%;
            scrollbar-size-vertical: 1;
            scrollbar-size-horizontal: 1;
        }
        InventoryText:focus { background: $block-cursor-background; }
        InventoryText .text-area--gutter { color: $faint; }
        InventoryText .text-area--cursor-gutter { color: $faint; background: transparent; text-style: none; }
        InventoryText .text-area--suggestion { color: $faint; }
        InventoryText .text-area--placeholder { color: $faint; }
        #tally { margin: 1 0 0 2; }
        #note { height: auto; max-height: 3; margin: 0 0 0 2; color: $faint; display: none; }
        InventoryTable { height: 1fr; min-height: 3; }
        VerticalScroll { height: auto; max-height: 40%; padding: 0 1 0 2; border-top: solid $panel; }
    }
    .-short InventoryEditor #tally, .-low InventoryEditor #tally { margin: 0 0 0 2; }
    """

    class Changed(Message):
        """The list reads otherwise now."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self, text: str, trials: Trials) -> None:
        super().__init__()
        self.area = InventoryText(text)
        self.table = InventoryTable()
        self._detail = Static()
        self._trials = trials
        self._inventory: Inventory = parse(text)
        self._lines: tuple[Line, ...] = ()
        self._names: Mapping[Host, str] = {}
        self._ssh = SSH()
        self._said = text
        self._seen = -1
        self._idle: Timer | None = None

    def compose(self) -> ComposeResult:
        yield self.area
        yield Still(id="tally")
        yield Static(id="note", markup=False)
        yield self.table
        with VerticalScroll(can_focus=False):
            yield self._detail

    def on_mount(self) -> None:
        self.set_interval(LOOKS, self._look)

    def on_resize(self) -> None:
        self._describe()

    def show(self, arrange: Arrange, ssh: SSH) -> None:
        """Draw the machines by the names that they would get; they are reached by the plan's `ssh`."""
        self._ssh = ssh
        self._names = arrange(self._inventory.hosts)
        self._try(all=not self.area.has_focus)
        self._draw()

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        event.stop()
        if self.area.text != self._said:
            self._said = self.area.text
            self._inventory = parse(self._said)
            self.post_message(self.Changed(self._said))
            self._wait()

    def on_text_area_selection_changed(self, event: TextArea.SelectionChanged) -> None:
        event.stop()
        self._try(all=not self.area.has_focus)

    def _wait(self) -> None:
        """Take the line for complete if nothing is typed for a while."""
        if self._idle:
            self._idle.stop()
        self._idle = self.set_timer(IDLE, self._try_all)

    def _try_all(self) -> None:
        self._try(all=True)

    def _try(self, *, all: bool) -> None:
        """Try the machines, but not the line being typed; what was tried stays wanted as long as its line does."""
        typed = None if all else self.area.cursor_location[0] + 1
        wanted = [
            host
            for entry in self._inventory.entries
            for host in entry.hosts
            if entry.line != typed or self._trials.of(host)
        ]
        self._trials.want(wanted, self._ssh)

    def _look(self) -> None:
        if self._trials.version != self._seen:
            self._draw()

    def _draw(self) -> None:
        self._seen = self._trials.version
        self._lines = lines(self._inventory)
        self.table.fill(rows(self._lines, self._names, self._trials.of))
        offers = any(self._offered(line) for line in self._lines)
        if (offers, bool(self._lines)) != (self.table.offers_addresses, self.table.display):
            self.table.offers_addresses, self.table.display = offers, bool(self._lines)
            self.refresh_bindings()
        pieces = [
            theme.content(mark, f"{number:,} {word}") for mark, number, word in tally(self._lines, self._trials.of)
        ]
        self.query_one("#tally", Still).say(Content("  ").join(pieces))
        note = self.query_one("#note", Static)
        note.display = bool(self._inventory.note)
        note.update(self._inventory.note)
        self._describe()

    def on_rows_moved(self) -> None:
        self._describe()

    def _describe(self) -> None:
        line, around = self._selected, self.query_one(VerticalScroll)
        around.display = line is not None
        if line is not None:
            short = not self.screen.has_class("-tall")
            self._detail.update(describe(line, self._trial(line), short=short))

    @property
    def _selected(self) -> Line | None:
        return self._lines[self.table.cursor] if self.table.cursor < len(self._lines) else None

    def _trial(self, line: Line) -> Trial | None:
        return self._trials.of(line.host) if line.host else None

    # What is done about a machine

    def on_inventory_table_asked(self, event: InventoryTable.Asked) -> None:
        event.stop()
        line = self._selected
        if event.what == "fill in":
            self._fill_in()
        elif line is not None and line.host is not None:
            if event.what == "again":
                self._trials.again(line.host)
            elif event.what == "turn":
                self._give_role(line, _ROLES[(_ROLES.index(line.host.role) + 1) % len(_ROLES)])
            else:
                self._give_role(line, next(role for role in _ROLES if role == event.what))

    def _give_role(self, line: Line, role: Role | None) -> None:
        if line.host is not None:
            self._write(replaced(self.area.text, line.number, line.host.model_copy(update={"role": role})))

    def _offered(self, line: Line) -> Host | None:
        """The machine with the address of its name, where the plan needs one."""
        trial = self._trial(line)
        if line.host is None or line.host.node_address or trial is None or trial.address is None:
            return None
        return line.host.model_copy(update={"internal": trial.address})

    def _fill_in(self) -> None:
        """Write each address that was found into the text, as internal=."""
        text = self.area.text
        for line in self._lines:
            if host := self._offered(line):
                text = replaced(text, line.number, host)
        self._write(text)

    def add_line(self, line: str) -> None:
        """Put a line below the others."""
        text = self.area.text.rstrip("\n")
        self._write(f"{text}\n{line}" if text else line)

    def _write(self, text: str) -> None:
        """Change the text as typing would, so that ctrl+z takes it back."""
        if text == self.area.text:
            self.app.bell()
        else:
            self.area.replace(text, (0, 0), self.area.document.end)
