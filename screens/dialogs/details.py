"""Everything that is known of one thing, to be read and copied."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from screens.widgets.footer import Footer


class DetailsDialog(ModalScreen[None]):
    """Pairs of a label and a text, the texts wrapped to the right of their labels."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,d,q", "dismiss", "Close", key_display="esc"),
    ]
    DEFAULT_CLASSES = "dialog"
    DEFAULT_CSS = """
    DetailsDialog {
        align: center middle;
        & > Vertical { width: 96; max-width: 94%; height: auto; max-height: 90%; }
        VerticalScroll { height: auto; max-height: 100%; scrollbar-size-vertical: 1; }
        Horizontal { height: auto; }
        .label { width: 18; color: $faint; }
        .text { width: 1fr; height: auto; }
    }
    """

    def __init__(self, title: str, pairs: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._title = title
        self._pairs = [(label, text) for label, text in pairs if text]

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(Content(self._title), classes="title")
            with VerticalScroll():
                for label, text in self._pairs:
                    with Horizontal():
                        yield Static(Content(label), classes="label")
                        yield Static(Content(text), classes="text")
        yield Footer(show_command_palette=False)
