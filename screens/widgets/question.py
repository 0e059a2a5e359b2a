"""One question of the wizard: the prompt, something to answer it with, and what is wrong with the answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Static

from installer.common.text import tilde
from installer.operations.login.connection_tests import Trials
from installer.plan.question import Answers, Kind, Question
from installer.plan.questions import guide, reading
from installer.plan.suggestions import Suggestions
from screens import theme
from screens.widgets.choices import Answer, Choices
from screens.widgets.in_order import LineInput
from screens.widgets.inventory import InventoryEditor
from screens.widgets.suggested import Suggested


class _Line(LineInput):
    """An input in which `?` asks for help: no answer has one, and a key that is pasted keeps its own."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Suggestion before", show=False),
        Binding("down", "move(1)", "Next suggestion", show=False),
    ]
    suggested: Suggested | None = None
    """What the arrows move through."""

    class Moved(Message):
        """An arrow was pressed."""

        def __init__(self, lines: int) -> None:
            super().__init__()
            self.lines = lines

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return action != "move" or bool(self.suggested and self.suggested.fitting)

    def action_move(self, lines: int) -> None:
        self.post_message(self.Moved(lines))

    def check_consume_key(self, key: str, character: str | None) -> bool:
        return character != "?" and super().check_consume_key(key, character)


class QuestionField(Vertical):
    """Shows `answers`' value for the question, its default where there is none.

    `typed` is how a list of machines was written, with its ranges and remarks; it is shown if it still says the same.
    """

    DEFAULT_CSS = """
    QuestionField {
        height: auto;
        margin-bottom: 1;
        &:last-child { margin-bottom: 0; }
        .prompt { color: $faint; }
        &.-current .prompt { color: $foreground; text-style: bold; }
        .problem { display: none; }
        &.-wrong .problem { display: block; }
        Input { max-width: 60; }
        &.-tall { height: 1fr; }
    }
    """

    class Answered(Message):
        """The user gave another answer."""

        def __init__(self, field: str, value: Any) -> None:
            super().__init__()
            self.field = field
            self.value = value

    def __init__(self, question: Question, answers: Answers, trials: Trials, typed: str = "") -> None:
        super().__init__()
        self.question = question
        self._control = _control(question, answers, trials, typed)
        self._said = self._control.value if isinstance(self._control, Input) else ""
        self._problem = Static(classes="problem")
        self._suggested = None
        if isinstance(self._control, _Line):
            self._suggested = self._control.suggested = Suggested()
        self.set_class(self.editor is not None, "-tall")
        self.help_text = help_of(question, answers)

    def compose(self) -> ComposeResult:
        yield Static(Content(self.question.prompt), classes="prompt")
        yield self._control
        yield self._problem
        if self._suggested:
            yield self._suggested

    @property
    def control(self) -> Widget:
        """What the focus goes to."""
        return self._control.area if isinstance(self._control, InventoryEditor) else self._control

    @property
    def editor(self) -> InventoryEditor | None:
        """What machines are listed in, where that is the question."""
        return self._control if isinstance(self._control, InventoryEditor) else None

    @property
    def value(self) -> object:
        """The answer that is chosen or typed; of several choices, the one at hand."""
        if isinstance(self._control, Choices):
            return self._control.at_hand
        return self._control.value if isinstance(self._control, Input) else None

    def type_path(self, path: Path) -> None:
        """Answer with a file's path, as a person would type it."""
        if isinstance(self._control, InventoryEditor):
            self._control.add_line(f"@{tilde(path)}")
        elif isinstance(self._control, Input):
            self._control.value = tilde(path)
            self._control.cursor_position = len(self._control.value)

    def show_suggestions(self, known: Suggestions | None) -> None:
        """Show what an account has for the answer; nothing for None, nor where there is something to choose from."""
        if self._suggested and isinstance(self._control, Input):
            self._suggested.show(known, self._control.value)

    def on_resize(self) -> None:
        """Keep in view what the answer at hand got below it."""
        if self.has_class("-current"):
            self.scroll_visible(animate=False)

    def on__line_moved(self, event: _Line.Moved) -> None:
        """Answer with the next suggestion, as a person would type it."""
        event.stop()
        text = self._suggested.move(event.lines) if self._suggested else None
        if text is not None and isinstance(self._control, Input):
            self._said = self._control.value = text
            self._control.cursor_position = len(text)
            self.post_message(self.Answered(self.question.field, reading.parse(self.question, text)))

    def show_problem(self, problem: str) -> None:
        """Say what is wrong with the answer; nothing for an empty text."""
        self.set_class(bool(problem), "-wrong")
        self._control.set_class(bool(problem), "-invalid")
        # The table shows the machines' own mistakes.
        said = problem.partition("\n")[0] if self.editor else problem
        self._problem.update(theme.content(theme.FAILED, said) if said else "")

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if event.value != self._said:  # an input also tells of the default that it starts with
            self._said = event.value
            if self._suggested:
                self._suggested.type(event.value)
            self.post_message(self.Answered(self.question.field, reading.parse(self.question, event.value)))

    def on_inventory_editor_changed(self, event: InventoryEditor.Changed) -> None:
        event.stop()
        self.post_message(self.Answered(self.question.field, reading.parse(self.question, event.text)))

    def on_choices_changed(self, event: Choices.Changed) -> None:
        event.stop()
        chosen = event.choices.chosen
        value = chosen if self.question.kind is Kind.MULTI_CHOICE else chosen[0]
        self.post_message(self.Answered(self.question.field, value))


def _control(question: Question, answers: Answers, trials: Trials, typed: str) -> Input | Choices | InventoryEditor:
    value = answers.get(question.field, reading.default(question, answers))
    if question.kind is Kind.INVENTORY:
        same = reading.parse(question, typed) == value
        return InventoryEditor(typed if same else reading.show(question, value), trials)
    if question.kind in (Kind.YES_NO, Kind.CHOICE, Kind.MULTI_CHOICE):
        several = question.kind is Kind.MULTI_CHOICE
        offered = [
            Answer(choice.value, choice.label, choice.detail, choice.unavailable)
            for choice in guide.offered(question, answers)
        ]
        return Choices(offered, value if several else (value,), several=several)
    allowed = reading.allowed(question)
    return _Line(reading.show(question, value), placeholder=allowed, compact=True, select_on_focus=True)


def help_of(question: Question, answers: Answers) -> str:
    """All that is known of a question: its answers explained, what suits the plan, and the rules behind it."""
    return "\n\n".join(guide.text(guide.of_question(question, answers)))


def why(question: Question, answers: Answers, value: object, *, short: bool = False) -> Content:
    """What to know about the answer `value`; where nobody explained it, why the question is asked. And the rules.

    A `short` screen has no room for both a reason and an explanation, nor for more than one rule.
    """
    explained = [_line(label, words) for label, words in guide.of_answer(question, answers, value)]
    rules = [
        Content.assemble((f"{id} ", "bold"), (f"{level} {words}", "$faint"))
        for id, level, words in question.quotes[: 1 if short else 3]
    ]
    if short:
        blocks = [explained] if len(explained) > 1 else [[Content(question.why), *explained, *rules]]
    else:
        blocks = [[Content(question.why)], explained, rules]
    return Content("\n\n").join(Content("\n").join(block) for block in blocks if block)


def _line(label: str, words: str) -> Content:
    return Content.assemble((f"{label}: ", "bold"), words) if label else Content(words)
