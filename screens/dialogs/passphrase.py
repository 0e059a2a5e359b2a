"""The passphrase of a private key."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from installer.common.text import tilde
from installer.operations.login.questions import Passphrase
from screens import theme
from screens.widgets.footer import Footer
from screens.widgets.in_order import LineInput

_NAMED = 6


class PassphraseDialog(ModalScreen[str | None]):
    """Returns what was typed, or None to do without the key."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Unlock", priority=True),
        Binding("escape", "dismiss", "Do without"),
    ]
    DEFAULT_CLASSES = "dialog"

    def __init__(self, question: Passphrase) -> None:
        super().__init__()
        self._question = question

    def compose(self) -> ComposeResult:
        machines = self._question.machines
        more = f" and {len(machines) - _NAMED} more" if len(machines) > _NAMED else ""
        said = f"{', '.join(machines[:_NAMED])}{more} would take this key. The passphrase stays in memory."
        with Vertical():
            yield Static(Content(f"Passphrase of {tilde(self._question.path)}"), classes="title")
            yield LineInput(password=True, compact=True)
            if self._question.wrong:
                yield Static(theme.content(theme.FAILED, "that isn't the passphrase"), id="wrong")
            yield Static(Content.styled(said, "$faint"), classes="hint")
        yield Footer(show_command_palette=False)

    def action_submit(self) -> None:
        self.dismiss(self.query_one(Input).value or None)
