"""Where to save a file."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from installer.common.errors import InstallerError
from installer.common.homes import expanded
from installer.common.text import tilde
from screens.widgets.footer import Footer
from screens.widgets.in_order import LineInput


class SaveDialog(ModalScreen[Path | None]):
    """Returns the path that was entered, or None. A file that exists is named before it is overwritten."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Save", priority=True),
        Binding("escape", "dismiss", "Back"),
    ]
    DEFAULT_CLASSES = "dialog"

    def __init__(self, proposed: Path, title: str = "Save the plan as") -> None:
        super().__init__()
        self._title = title
        self._proposed = proposed

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(Content(self._title), classes="title")
            yield LineInput(tilde(self._proposed), select_on_focus=False, compact=True)
            yield Static(id="remark", classes="hint")
        yield Footer(show_command_palette=False)

    def on_input_changed(self, event: Input.Changed) -> None:
        self.query_one("#remark", Static).update(Content.styled(_remark(_path(event.value)), "$faint"))

    def action_submit(self) -> None:
        value = self.query_one(Input).value
        if value.strip() and not _path(value).is_dir():
            self.dismiss(_path(value))


def _path(value: str) -> Path:
    try:
        return expanded(value.strip()).absolute()
    except InstallerError:  # no such account: as a shell takes it
        return Path(value.strip()).absolute()


def _remark(path: Path) -> str:
    if path.is_dir():
        return f"{tilde(path)} is a directory: add a file name"
    if path.exists():
        return f"overwrites {tilde(path)}"
    return f"a new file {tilde(path)}"
