"""The glossary: the terms on the screen below first, then all others, and a line to search them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen, Screen
from textual.widget import Widget
from textual.widgets import Input, Static
from textual.widgets._footer import FooterKey

from installer.plan import glossary
from installer.plan.glossary import GLOSSARY, Term
from screens.widgets.footer import Footer
from screens.widgets.in_order import LineInput


class GlossaryDialog(ModalScreen[None]):
    """Typing narrows the list, arrows scroll it, and the key that opened it closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f3,enter", "dismiss", "Close", key_display="esc", priority=True),
        Binding("down", "scroll(1)", "Scroll", key_display="↑↓"),
        Binding("up", "scroll(-1)", "Scroll up", show=False),
        Binding("pagedown", "scroll(10)", "Scroll down a page", show=False),
        Binding("pageup", "scroll(-10)", "Scroll up a page", show=False),
    ]
    DEFAULT_CLASSES = "dialog"
    DEFAULT_CSS = """
    GlossaryDialog {
        & > Vertical { height: 90%; }
        Input { margin-bottom: 1; }
        VerticalScroll { height: 1fr; }
    }
    """

    def __init__(self, here: Sequence[Term], sought: str = "") -> None:
        super().__init__()
        self._here = tuple(here)
        self._sought = sought

    @classmethod
    def about(cls, screen: Screen[Any]) -> GlossaryDialog:
        """The glossary, with the terms that `screen` shows now at the top."""
        return cls(glossary.mentioned(words_on(screen)))

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static("Terms", classes="title")
            yield LineInput(self._sought, placeholder="type to search", compact=True)
            with VerticalScroll(can_focus=False):
                yield Static(id="terms")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        self._show(self._sought)
        self.query_one(Input).focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        self._show(event.value)

    def _show(self, text: str) -> None:
        others = [term for term in GLOSSARY if term not in self._here]
        found = [glossary.matching(text, terms) for terms in (self._here, others)]
        titled = [
            Content.styled(title, "$primary") + Content("\n\n") + _entries(terms)
            for title, terms in zip(("On this screen", "Other terms"), found, strict=True)
            if terms
        ]
        nothing = Content(f"No term has {text} in its name or its meaning.")
        self.query_one("#terms", Static).update(Content("\n\n").join(titled or [nothing]))
        self.query_one(VerticalScroll).scroll_home(animate=False)

    def action_scroll(self, lines: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)


def words_on(screen: Screen[Any]) -> str:
    """The text that `screen` shows now, widget by widget, without its footer."""
    leaves = [widget for widget in screen.query(Widget) if widget.is_on_screen and not widget.children]
    return "\n".join(
        " ".join(strip.text for strip in widget.render_lines(widget.size.region))
        for widget in leaves
        if not isinstance(widget, FooterKey)
    )


def _entries(terms: Sequence[Term]) -> Content:
    return Content("\n\n").join(Content.styled(term.name, "bold") + Content(f"\n{term.meaning}") for term in terms)
