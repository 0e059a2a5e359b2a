"""Host keys that nobody vouched for: new ones all on one page, and a changed one by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from installer.operations.login.questions import known_before
from installer.operations.login.survey import FoundKey
from screens import theme
from screens.widgets.footer import Footer
from screens.widgets.table import Column, Row, Table, cell, marked

_HOW = (
    "Compare them with what ssh-keygen -lf says about the .pub files in /etc/ssh on the machines. If they differ, "
    "something else is answering in their place."
)


class HostKeysDialog(ModalScreen[frozenset[str]]):
    """Returns the names of the keys that are trusted; of none if the question was put aside."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "trust", "Trust these keys"),
        Binding("space", "turn", "Leave one out", key_display="space"),
        Binding("n,escape", "refuse", "No"),
    ]
    DEFAULT_CLASSES = "dialog -broad"
    DEFAULT_CSS = """
    HostKeysDialog {
        Table { height: auto; min-height: 2; max-height: 14; background: $surface; }
        #row { height: auto; min-height: 2; margin-top: 1; }
    }
    """

    def __init__(self, keys: Sequence[FoundKey]) -> None:
        super().__init__()
        self._keys = tuple(keys)
        self._trusted = {key.name for key in keys}

    def compose(self) -> ComposeResult:
        count = len(self._keys)
        asked = "Is this the key of your machine?" if count == 1 else f"Are these {count} keys those of your machines?"
        with Vertical():
            yield Static(Content(asked), classes="title")
            yield Table(_columns(self._keys), "Host keys that were never seen before.")
            yield Static(id="row")
            yield Static(Content.styled(_HOW, "$faint"), classes="hint")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        self._draw()
        table = self.query_one(Table)
        table.styles.height = min(14, len(self._keys) + 1)
        table.focus()

    def on_rows_moved(self) -> None:
        self._draw()

    def _draw(self) -> None:
        table = self.query_one(Table)
        table.fill([self._row(key) for key in self._keys])
        key = self._keys[table.cursor]
        behind = f"\non the way to {', '.join(key.machines)}" if key.machines != (key.name,) else ""
        self.query_one("#row", Static).update(Content(f"{key.title} at {key.address}, {key.type}{behind}"))

    def _row(self, key: FoundKey) -> Row:
        mark = theme.DONE if key.name in self._trusted else theme.FAILED
        return (marked(mark, key.title), cell(key.fingerprint), cell(key.address), cell(key.type, "faint"))

    def action_turn(self) -> None:
        """Leave the key under the cursor out, or take it in again."""
        self._trusted ^= {self._keys[self.query_one(Table).cursor].name}
        self._draw()

    def action_trust(self) -> None:
        self.dismiss(frozenset(self._trusted))

    def action_refuse(self) -> None:
        self.dismiss(frozenset())


class RebuiltDialog(ModalScreen[bool]):
    """Returns whether the machine was rebuilt; it was not unless one says so."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Rebuilt", show=False),
        Binding("n,escape", "answer(False)", "No"),
    ]
    DEFAULT_CLASSES = "dialog -broad"

    def __init__(self, key: FoundKey) -> None:
        super().__init__()
        self._key = key

    def compose(self) -> ComposeResult:
        key = self._key
        with Vertical():
            yield Static(theme.content(theme.FAILED, f"The host key of {key.title} changed"), classes="title")
            yield Static(_pair("at", key.address))
            yield Static(_pair("before", known_before(key)))
            yield Static(_pair("now", f"{key.type} {key.fingerprint}"))
            said = "A rebuilt machine has a new key. So does an impostor."
            yield Static(Content.styled(said, "$faint"), classes="hint")
            yield OptionList(
                Option(_option("n", "No: don't log in"), id="no"),
                Option(_option("y", f"Yes, {key.title} was rebuilt: trust its new key"), id="yes"),
            )
        yield Footer(show_command_palette=False)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option.id == "yes")

    def action_answer(self, rebuilt: bool) -> None:
        self.dismiss(rebuilt)


def _columns(keys: Sequence[FoundKey]) -> tuple[Column, ...]:
    """Fingerprints are never cut; addresses and types are next to them where there is room."""
    longest = [max(cell_len(text) for text in texts) for texts in zip(*map(_texts, keys), strict=True)]
    names, fingerprints, addresses, types = (length + 2 for length in longest)
    known = 4 + names + fingerprints + addresses
    return (
        Column("machine", flexible=True),
        Column("fingerprint"),
        Column("address", wide=known),
        Column("key type", wide=known + types),
    )


def _texts(key: FoundKey) -> tuple[str, ...]:
    return (key.title, key.fingerprint, key.address, key.type)


def _pair(label: str, text: str) -> Content:
    return Content.styled(f"{label:8}", "$faint") + Content(text)


def _option(key: str, title: str) -> Content:
    return Content.styled(f" {key}", "$primary") + Content(f"  {title}")
