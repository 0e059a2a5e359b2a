"""The questions about a plan, line by line: for plain terminals, screen readers and `expect`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from installer.cli import lines
from installer.common.console import notify
from installer.common.errors import ExitCode, InstallerError
from installer.common.scrub import safe
from installer.plan.question import Answers, Kind, Page, Question
from installer.plan.questions import guide, reading
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
            notify(f"{question_of(field).title}: {text}")
            given.pop(field, None)
            _ask_page(page_of(field), given)
    return complete(given)


def confirm(question: str, expected: str | None = None) -> bool:
    """Ask for a yes, or for `expected` to be typed. Raises InstallerError (interrupted) as `ask` does."""
    with _interruptible():
        if expected is None:
            return lines.yes_no(question, default=False)
        return lines.line(question) == expected


def pick(question: str, values: Sequence[tuple[str, str]], *, menu: bool = False) -> str:
    """One of `values`, each with a detail: from a menu with arrow keys and a search, or from a numbered list.

    Raises InstallerError (interrupted) as `ask` does.
    """
    with _interruptible():
        if menu:
            return _picked_from_menu(question, values)
        options = lines.numbered([(value, value, detail, "") for value, detail in values])
        return str(lines.choose(question, options))


def _picked_from_menu(question: str, values: Sequence[tuple[str, str]]) -> str:
    import questionary  # a fifth of a second; plain terminals do without

    width = max(len(value) for value, _ in values)
    choices = [questionary.Choice(safe(f"{value:<{width}}  {detail}".rstrip()), value) for value, detail in values]
    asked = questionary.select(safe(question), choices, use_search_filter=True, use_jk_keys=False)
    return str(asked.unsafe_ask())


def _ask_page(page: Page, given: dict[str, Any]) -> None:
    """Ask the page's open questions and add the answers to `given`."""
    with _interruptible(lambda: save_draft(given, page.title)):
        for question in page.questions:
            if question.field not in given and question.applies(complete(given)):
                _explain(question)
                with lines.explaining(partial(_explained, question, complete(given))):
                    given[question.field] = _ASKING[question.kind](question, given)


def _explain(question: Question) -> None:
    notify(f"\n{question.prompt}\n  {question.why} Type ? for more.")
    for id, level, quote in question.quotes:
        notify(f"  {id} {level}: {quote}")


def _explained(question: Question, earlier: Answers) -> str:
    """All that is known of a question, and its answers explained: what `?` prints."""
    return "\n".join(f"  {text}" for text in guide.text(guide.of_question(question, earlier)))


def _text(question: Question, given: Answers) -> Any:
    return lines.asked(
        question.title,
        reading.show(question, reading.default(question, complete(given))),
        lambda text: reading.parse(question, text),
        lambda value: _error(question, value, given),
    )


def _inventory(question: Question, given: Answers) -> Any:
    """A list of machines; how another program's list was read is said before the next question."""
    typed = ""

    def parse(text: str) -> Any:
        nonlocal typed
        typed = text
        return reading.parse(question, text)

    shown = reading.show(question, reading.default(question, complete(given)))
    value = lines.asked(question.title, shown, parse, lambda value: _error(question, value, given))
    if note := reading.note(question, typed):
        notify(note)
    return value


def _error(question: Question, value: object, given: Answers) -> str | None:
    """What is wrong with an answer, by itself or with those given before it."""
    return reading.error(question, value) or problems({**given, question.field: value}).get(question.field)


def _yes_no(question: Question, given: Answers) -> Any:
    return lines.yes_no(question.title, bool(reading.default(question, complete(given))))


def _choice(question: Question, given: Answers) -> Any:
    earlier = complete(given)
    return lines.choose(question.title, _options(question, earlier), reading.default(question, earlier))


def _multi_choice(question: Question, given: Answers) -> Any:
    earlier = complete(given)
    return lines.choose_some(question.title, _options(question, earlier), reading.default(question, earlier))


def _options(question: Question, earlier: Answers) -> list[lines.Option]:
    return lines.numbered(
        [(choice.value, choice.label, choice.detail, choice.unavailable) for choice in question.choices(earlier)]
    )


_ASKING: dict[Kind, Callable[[Question, Answers], Any]] = {
    Kind.TEXT: _text,
    Kind.INTEGER: _text,
    Kind.YES_NO: _yes_no,
    Kind.INVENTORY: _inventory,
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
    return "your answers are kept: `craton new` continues with them"
