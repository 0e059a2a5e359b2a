"""Help: what the focused widget is for, and every key that works here."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen, Screen
from textual.widgets import Static

from screens.keys import spelled
from screens.widgets.footer import Footer


class HelpDialog(ModalScreen[None]):
    """A few sentences and a list of keys; any of the closing keys takes it away."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,f1,enter,q", "dismiss", "Close", key_display="esc"),
    ]
    DEFAULT_CLASSES = "dialog"

    def __init__(self, text: str, keys: list[tuple[str, str]]) -> None:
        super().__init__()
        self._text = text
        self._keys = keys

    @classmethod
    def about(cls, screen: Screen[Any]) -> HelpDialog:
        """Help for what has the focus on `screen`: its `help_text` or HELP, its parents', else the screen's."""
        nodes = screen.focused.ancestors_with_self if screen.focused else [screen]
        texts = (getattr(node, "help_text", "") or getattr(node, "HELP", "") for node in nodes)
        return cls(next((text for text in texts if text), "").strip(), spelled(screen))

    def compose(self) -> ComposeResult:
        yield Footer(show_command_palette=False)
        with Vertical(), VerticalScroll():
            yield Static(Content(self._text), classes="help-text")
            yield Static(self._key_lines())

    def _key_lines(self) -> Content:
        width = max((len(key) for key, _ in self._keys), default=0)
        lines = [
            Content.styled(key.ljust(width), "$primary") + Content(f"  {description}")
            for key, description in self._keys
        ]
        return Content("\n").join(lines)
