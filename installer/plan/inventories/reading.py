"""What every reader of a pasted list returns: where each machine was found, and what was left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

from installer.common.text import count, shown

_NAMED = 4
"""Ignored things of one kind that are named; more are counted."""


@dataclass(frozen=True, slots=True)
class Row:
    """A machine at [`start`, `end`) of the text, or a mistake there.

    `fields` are those of a Host, as text; ranges may be in `address` and `internal`. `name` is what the list calls it.
    """

    start: int
    end: int
    fields: Mapping[str, str] = field(default_factory=dict)
    name: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """`format` completes "Read as ..."; `ignored` is what the text has and a plan doesn't need, in a few words each."""

    format: str
    rows: tuple[Row, ...]
    ignored: tuple[str, ...] = ()


def numbered(text: str) -> Iterator[tuple[int, str]]:
    """(offset, line) of every line."""
    offset = 0
    for line in text.split("\n"):
        yield offset, line
        offset += len(line) + 1


def content(text: str, comments: str = "#") -> list[tuple[int, str]]:
    """(offset, line) of every line that holds more than blanks or a comment."""
    return [(at, line) for at, line in numbered(text) if line.strip() and line.strip()[0] not in comments]


def comments(text: str, marks: str = "#") -> tuple[str, ...]:
    """How many lines are comments, as an ignored thing."""
    number = sum(bool(line.strip()) and line.strip()[0] in marks for line in text.split("\n"))
    return (count(number, "comment"),) if number else ()


def ignored(noun: str, names: Iterable[str]) -> tuple[str, ...]:
    """`the variables a and b` as an ignored thing; nothing without names. Names are shown safely, each once."""
    each = list(Counter(shown(name) for name in names if name.strip()))
    if not each:
        return ()
    words = list(islice(each, _NAMED))
    rest = len(each) - len(words)
    words += [f"{rest} more"] if rest else []
    text = words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
    return (f"the {noun if len(each) == 1 else f'{noun}s'} {text}",)


def at_line(start: int, line: str, fields: Mapping[str, str], name: str = "", error: str = "") -> Row:
    """The row of a line, without the blanks around it."""
    begin = start + len(line) - len(line.lstrip())
    return Row(begin, begin + len(line.strip()), fields, name, error)
