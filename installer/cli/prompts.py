"""The questions as prompts, one after the other: for plain terminals and for screen readers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import questionary

from installer.common.console import result
from installer.common.errors import ExitCode, InstallerError
from installer.common.scrub import safe
from installer.plan.question import Answers, Kind, Page, Question
from installer.plan.questions import reading
from installer.plan.questions.answers import complete, problems
from installer.plan.questions.catalogue import PAGES, page_of, question_of
from installer.plan.questions.draft import save_draft


def ask(answers: Answers) -> dict[str, Any]:
    """Ask every question that applies and that `answers` leaves open; return the answers to all of them.

    Given answers that turn out wrong are asked again. Raises InstallerError (interrupted) on ctrl+c or at the end of
    input; what was answered is then in the draft.
    """
    given = dict(answers)
    for page in PAGES:
        _ask_page(page, given)
    while wrong := problems(given):
        for field, text in wrong.items():
            result(f"{question_of(field).title}: {text}")
            given.pop(field, None)
            _ask_page(page_of(field), given)
    return complete(given)


def confirm(question: str, expected: str | None = None) -> bool:
    """Ask for a yes, or for `expected` to be typed. Raises InstallerError (interrupted) as `ask` does."""
    with _interruptible():
        if expected is None:
            return bool(questionary.confirm(safe(question), default=False, auto_enter=False).unsafe_ask())
        return bool(questionary.text(safe(question)).unsafe_ask().strip() == expected)


def _ask_page(page: Page, given: dict[str, Any]) -> None:
    """Ask the page's open questions and add the answers to `given`."""
    with _interruptible(lambda: save_draft(given, page.title)):
        for question in page.questions:
            if question.field not in given and question.applies(complete(given)):
                _explain(question)
                given[question.field] = _ASKING[question.kind](question, given)


def _explain(question: Question) -> None:
    result(f"\n{question.why}")
    for id, level, quote in question.quotes:
        result(f"  {id} {level}: {quote}")


def _text(question: Question, given: Answers) -> Any:
    def check(text: str) -> bool | str:
        return _error(question, reading.parse(question, text), given) or True

    default = reading.show(question, reading.default(question, complete(given)))
    answer = questionary.text(question.prompt, default=default, validate=check).unsafe_ask()
    return reading.parse(question, answer)


def _error(question: Question, value: object, given: Answers) -> str | None:
    """What is wrong with an answer, by itself or beside those given before it."""
    return reading.error(question, value) or problems({**given, question.field: value}).get(question.field)


def _yes_no(question: Question, given: Answers) -> Any:
    default = bool(reading.default(question, complete(given)))
    return questionary.confirm(question.prompt, default=default, auto_enter=False).unsafe_ask()


def _choice(question: Question, given: Answers) -> Any:
    earlier = complete(given)
    offered = question.choices(earlier)
    default = reading.default(question, earlier)
    choices = [
        questionary.Choice(_words(choice.label, choice.detail), choice.value, disabled=choice.unavailable or None)
        for choice in offered
    ]
    possible = [choice for choice in choices if not choice.disabled]
    first = next((choice for choice in possible if choice.value == default), possible[0])
    return questionary.select(question.prompt, choices, default=first).unsafe_ask()


def _multi_choice(question: Question, given: Answers) -> Any:
    earlier = complete(given)
    default = reading.default(question, earlier)
    choices = [
        questionary.Choice(_words(choice.label, choice.detail), choice.value, checked=choice.value in default)
        for choice in question.choices(earlier)
    ]
    return tuple(questionary.checkbox(question.prompt, choices).unsafe_ask())


def _words(label: str, detail: str) -> str:
    return safe(f"{label} · {detail}" if detail else label)


_ASKING: dict[Kind, Callable[[Question, Answers], Any]] = {
    Kind.TEXT: _text,
    Kind.INTEGER: _text,
    Kind.YES_NO: _yes_no,
    Kind.INVENTORY: _text,
    Kind.CHOICE: _choice,
    Kind.MULTI_CHOICE: _multi_choice,
}


@contextmanager
def _interruptible(keep: Callable[[], None] | None = None) -> Iterator[None]:
    """Turn ctrl+c and the end of input into an InstallerError, after `keep` has kept what is to be kept."""
    try:
        yield
    except (KeyboardInterrupt, EOFError):
        hint = _kept(keep) if keep else "nothing was done"
        raise InstallerError("ask", "interrupted", hint=hint, exit_code=ExitCode.INTERRUPTED) from None


def _kept(keep: Callable[[], None]) -> str:
    """Keep what is to be kept; what came of it, in words."""
    try:
        keep()
    except InstallerError as error:
        return f"Your answers can't be kept: {error.observed}. {error.hint}"
    return "your answers are kept: `craton new` goes on with them"
