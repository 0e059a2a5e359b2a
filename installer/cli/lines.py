"""Questions on a plain terminal: one line shows, one line answers.

Nothing is redrawn, no key acts by itself and no escape sequence is written, so a screen reader, `expect` and a serial
console can all follow. Questions go to stderr, as everything does that is not a result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeVar

from installer.common.console import ask_line, notify

T = TypeVar("T")

_explanation: ContextVar[Callable[[], str] | None] = ContextVar("explanation", default=None)
_YES_NO = {"y": True, "yes": True, "n": False, "no": False}


@dataclass(frozen=True, slots=True)
class Option:
    """One line of a numbered list. `number` is what a person types for it; `unavailable` says why they can't."""

    value: str | int
    number: str
    label: str
    detail: str = ""
    unavailable: str = ""

    @property
    def line(self) -> str:
        reason = f" (not available: {self.unavailable})" if self.unavailable else ""
        words = self.label if self.label != self.number else ""
        words = ": ".join(part for part in (words, self.detail) if part)
        return f"  {self.number}. {words}{reason}"


def numbered(values: Sequence[tuple[str | int, str, str, str]]) -> list[Option]:
    """Options of (value, label, detail, unavailable), numbered from 1; values that are numbers keep their own."""
    own = all(isinstance(value, int) for value, *_ in values)
    return [Option(one[0], str(one[0] if own else place), *one[1:]) for place, one in enumerate(values, 1)]


@contextmanager
def explaining(text: Callable[[], str]) -> Iterator[None]:
    """While a question is asked, `?` prints `text()` and asks it again."""
    token = _explanation.set(text)
    try:
        yield
    finally:
        _explanation.reset(token)


def read(title: str, shown: str) -> str:
    """What is typed after `title [shown]:`; `shown` if that is nothing. Raises EOFError at the end of input."""
    while True:
        typed = line(f"{title} [{shown}]:" if shown else f"{title}:")
        explanation = _explanation.get()
        if typed != "?" or explanation is None:
            return typed or shown
        notify(explanation())


def line(prompt: str) -> str:
    """One line without blanks around it. Raises EOFError at the end of input."""
    typed = ask_line(prompt)
    if not typed:
        notify("")
        raise EOFError
    return typed.strip()


def asked(title: str, shown: str, parse: Callable[[str], T], error: Callable[[T], str | None]) -> T:
    """What `parse` makes of a line, asked again for as long as `error` has something to say about it."""
    while True:
        value = parse(read(title, shown))
        if (wrong := error(value)) is None:
            return value
        notify(wrong)


def yes_no(title: str, default: bool) -> bool:
    """A yes or a no, asked until it is one of them."""
    while True:
        typed = read(f"{title} (yes or no)", "yes" if default else "no").lower()
        if typed in _YES_NO:
            return _YES_NO[typed]
        notify("Type yes or no.")


def choose(title: str, options: Sequence[Option], default: str | int | None = None) -> str | int:
    """The value of one of `options`, listed first; by its number, its value or its label."""
    notify("\n".join(option.line for option in options))
    possible = [option for option in options if not option.unavailable]
    shown = next((option.number for option in possible if option.value == default), possible[0].number)
    while True:
        typed = read(title, shown)
        found = _found(typed, options)
        if found and not found.unavailable:
            return found.value
        notify(f"{found.label} is not available: {found.unavailable}." if found else _expected(possible))


def choose_some(title: str, options: Sequence[Option], chosen: Sequence[str | int]) -> tuple[str | int, ...]:
    """The values of any number of `options`, listed first: their numbers or values on one line, or `none`."""
    notify("\n".join(option.line for option in options))
    shown = ", ".join(option.number for option in options if option.value in chosen) or "none"
    while True:
        words = read(f"{title} (numbers, or none)", shown).replace(",", " ").split()
        found = [] if [word.lower() for word in words] == ["none"] else [_found(word, options) for word in words]
        if None not in found:
            return tuple(option.value for option in options if option in found)
        notify(f"{_expected(options)} Put a comma between several, or type none.")


def _found(typed: str, options: Sequence[Option]) -> Option | None:
    wanted = typed.lower()
    names = ((option, (option.number, str(option.value).lower(), option.label.lower())) for option in options)
    return next((option for option, known in names if wanted in known), None)


def _expected(options: Sequence[Option]) -> str:
    return f"Type one of these numbers: {', '.join(option.number for option in options)}."
