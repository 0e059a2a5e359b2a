"""Something did not work: what was done, what was seen, what to do next."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from installer.common.errors import InstallerError
from screens import theme
from screens.widgets.footer import Footer


class FailureDialog(ModalScreen[None]):
    """Stays until it is dismissed, so that it can be read and copied."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,enter", "dismiss", "Close", key_display="esc")]
    DEFAULT_CLASSES = "dialog"

    def __init__(self, error: InstallerError) -> None:
        super().__init__()
        self._error = error

    def compose(self) -> ComposeResult:
        error = self._error
        where = f"{error.machine}: " if error.machine else ""
        with Vertical():
            yield Static(theme.content(theme.FAILED, f"{where}{error.operation}"), classes="title")
            yield Static(Content(error.observed))
            if error.hint:
                yield Static(Content.styled(error.hint, "$faint"), classes="hint")
        yield Footer(show_command_palette=False)
