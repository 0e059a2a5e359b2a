"""A question with a few answers, each on a key of its own, which stay on the screen however much is said above them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from screens.widgets.footer import Footer


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer: `value` is returned, `key` chooses it at once, `title` and `detail` say what happens then."""

    value: str
    key: str
    title: str
    detail: str = ""


class ChoiceDialog(ModalScreen[str | None]):
    """Returns the chosen value, or None if the question was put aside."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Back"),
        Binding("pagedown", "read(1)", "Read on", show=False, priority=True),
        Binding("pageup", "read(-1)", "Read back", show=False, priority=True),
    ]
    DEFAULT_CLASSES = "dialog"

    def __init__(self, question: str, choices: Sequence[Choice], detail: str = "") -> None:
        super().__init__()
        self._question = question
        self._choices = choices
        self._detail = detail
        for choice in choices:
            self._bindings.bind(choice.key, f"choose('{choice.value}')", choice.title, show=False)

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(Content(self._question), classes="title")
            if self._detail:
                with VerticalScroll(can_focus=False):
                    yield Static(Content.styled(self._detail, "$faint"), classes="hint")
            yield OptionList(*(Option(_line(choice), id=choice.value) for choice in self._choices))
        yield Footer(show_command_palette=False)

    def explain(self, detail: str) -> None:
        """Say something else about the question, where it said something before."""
        self.query_one(".hint", Static).update(Content.styled(detail, "$faint"))

    def on_resize(self, event: events.Resize) -> None:
        """Let the detail have the rows that question, answers, margins and footer leave."""
        for detail in self.query(VerticalScroll):
            around = 4 if self.has_class("-low") else 10
            detail.styles.max_height = max(2, event.size.height - around - len(self._choices))

    def action_read(self, pages: int) -> None:
        for detail in self.query(VerticalScroll):
            detail.scroll_relative(y=pages * detail.size.height, animate=False)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option.id)

    def action_choose(self, value: str) -> None:
        self.dismiss(value)


def _line(choice: Choice) -> Content:
    detail = Content.styled(f"  {choice.detail}", "$faint") if choice.detail else Content("")
    return Content.styled(f" {choice.key}", "$primary") + Content(f"  {choice.title}") + detail
