"""The machines are looked at: how far that is, and a way out."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Static

from installer.common.text import count
from installer.ssh.diagnosis import Diagnosis
from screens import theme
from screens.widgets.footer import Footer


class ReachingDialog(ModalScreen[None]):
    """Shown while machines are looked at over SSH, and hears of each by a message; closing it gives up."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", "Give up")]
    DEFAULT_CLASSES = "dialog"

    class Looked(Message):
        """One machine was looked at."""

        def __init__(self, diagnosis: Diagnosis) -> None:
            super().__init__()
            self.diagnosis = diagnosis

    def __init__(self, machines: int) -> None:
        super().__init__()
        self._machines = machines
        self._diagnoses: dict[str, Diagnosis] = {}

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(Content(f"Looking at {count(self._machines, 'machine')} over SSH"), classes="title")
            yield Static(self._words(), id="looked")
        yield Footer(show_command_palette=False)

    def hear(self, diagnosis: Diagnosis) -> None:
        """A machine was looked at; safe to call from any thread."""
        self.post_message(self.Looked(diagnosis))

    def on_reaching_dialog_looked(self, message: Looked) -> None:
        self._diagnoses[message.diagnosis.machine] = message.diagnosis
        self.query_one("#looked", Static).update(self._words())

    def _words(self) -> Content:
        reached = sum(not diagnosis.error for diagnosis in self._diagnoses.values())
        others = len(self._diagnoses) - reached
        words = theme.content(theme.RUNNING, f"{reached} of {self._machines} reached")
        if others:
            words += Content("   ") + theme.content(theme.WARNING, f"{others} not yet")
        return words
