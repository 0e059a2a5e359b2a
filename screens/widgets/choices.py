"""A few answers in a column, of which one or several are chosen."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

_INDENT = 6
"""Columns before an answer's title."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: its value, its name, what it brings, and why it cannot be chosen (empty if it can)."""

    value: object
    title: str
    detail: str = ""
    unavailable: str = ""


class Choices(Widget, can_focus=True):
    """Arrows choose among single answers; space switches each of several on and off."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Previous answer", show=False),
        Binding("down,j", "move(1)", "Next answer", show=False),
        Binding("space", "switch", "On/off"),
    ]
    DEFAULT_CSS = """
    Choices { height: auto; }
    """

    cursor: reactive[int] = reactive(0, layout=True)

    class Changed(Message):
        """Other answers are chosen now."""

        def __init__(self, choices: Choices) -> None:
            super().__init__()
            self.choices = choices

        @property
        def control(self) -> Choices:
            return self.choices

    def __init__(
        self, answers: Sequence[Answer], chosen: Collection[object], *, several: bool = False, id: str | None = None
    ) -> None:
        super().__init__(id=id)
        self._answers = answers
        self._several = several
        self._chosen = [answer.value for answer in answers if answer.value in chosen]
        if self._chosen and not several:
            self.set_reactive(Choices.cursor, [answer.value for answer in answers].index(self._chosen[0]))

    @property
    def chosen(self) -> tuple[object, ...]:
        """Values of the chosen answers, in the order in which they are shown."""
        return tuple(answer.value for answer in self._answers if answer.value in self._chosen)

    @property
    def at_hand(self) -> object:
        """The value under the cursor."""
        return self._answers[self.cursor].value if self._answers else None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return self._several if action == "switch" else True

    def action_move(self, lines: int) -> None:
        line = self.cursor + lines
        while 0 <= line < len(self._answers):
            if not self._answers[line].unavailable:
                self._go(line)
                return
            line += lines

    def _go(self, line: int) -> None:
        self.cursor = line
        value = self._answers[line].value
        if not self._several and self._chosen != [value]:
            self._chosen = [value]
            self.post_message(self.Changed(self))

    def action_switch(self) -> None:
        value = self._answers[self.cursor].value
        if value in self._chosen:
            self._chosen.remove(value)
        else:
            self._chosen.append(value)
        self.refresh()
        self.post_message(self.Changed(self))

    def on_focus(self) -> None:
        self.refresh(layout=True)

    def on_blur(self) -> None:
        self.refresh(layout=True)

    def on_click(self, event: events.Click) -> None:
        drawn = [number for number, _ in self._lines()]
        if event.y < len(drawn) and not self._answers[drawn[event.y]].unavailable:
            self._go(drawn[event.y])
            if self._several:
                self.action_switch()

    def render(self) -> Content:
        return Content("\n").join(line for _, line in self._lines())

    def _lines(self) -> Iterator[tuple[int, Content]]:
        """(Number of the answer, line): details next to the titles where there is room, else below the one at hand."""
        width = max((len(answer.title) for answer in self._answers), default=0)
        room = max(20, self.content_size.width - width - _INDENT - 3)
        beside = all(len(_detail(answer)) <= room for answer in self._answers)
        for number, answer in enumerate(self._answers):
            line = self._line(number, answer, width)
            yield number, line + Content.styled(f"   {_detail(answer)}", "$faint") if beside else line
            if not beside and (answer.unavailable or self._at_hand(number)):
                for more in textwrap.wrap(_detail(answer), max(20, self.content_size.width - _INDENT)):
                    yield number, Content(" " * _INDENT) + Content.styled(more, "$faint")

    def _at_hand(self, number: int) -> bool:
        return number == self.cursor and (self.has_focus or not self._several)

    def _line(self, number: int, answer: Answer, width: int) -> Content:
        chosen = answer.value in self._chosen
        box = ("[x]" if chosen else "[ ]") if self._several else ("(•)" if chosen else "( )")
        here = self.has_focus and number == self.cursor
        return Content.assemble(
            ("› " if here else "  ", "$primary bold"),
            (box, "$primary" if chosen else "$faint"),
            " ",
            (answer.title.ljust(width), "bold" if here else "$faint" if answer.unavailable else ""),
        )


def _detail(answer: Answer) -> str:
    return answer.unavailable or answer.detail
