"""What `terraform output` prints for people: `name = value`, with strings, lists and objects in HCL's own writing."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from installer.common.text import shown

_FIRST = re.compile(r"\s*(?:Outputs:\s*)?[A-Za-z_][\w-]*[ \t]+=[ \t]+(?:\"|\[|\{|<|-?\d|true|false|null|to\w+\()")
_TOKEN = re.compile(
    r"""\s*(?:
      (?P<string>"(?:[^"\\\n]|\\.)*")
    | (?P<hidden><\w[\w ]*>)
    | (?P<word>[A-Za-z_][\w.-]*)
    | (?P<number>-?\d[\d.eE+-]*)
    | (?P<sign>[=\[\]{}(),:])
    | (?P<comment>\#[^\n]*)
    )""",
    re.VERBOSE,
)
_DEPTH = 20
_HIDDEN = object()


@dataclass(frozen=True, slots=True)
class Outputs:
    """The outputs by name; `hidden` are those that Terraform doesn't print."""

    values: dict[str, Any]
    hidden: list[str]


@dataclass(frozen=True, slots=True)
class Flaw:
    """Where the text can't be read any further, and why."""

    start: int
    end: int
    error: str


class _FlawError(Exception):
    """The token at hand is none that can be there."""


def read(text: str) -> Outputs | Flaw | None:
    """The outputs of a print, where it can't be read, or None if it is none."""
    if not _FIRST.match(text):
        return None
    reader = _Reader(text)
    try:
        return reader.outputs()
    except _FlawError:
        start, end = reader.place
        found = shown(text[start:end]) or "the end"
        return Flaw(start, end, f"{found} can't be there: paste all that terraform output prints, or its -json form.")


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._end = 0
        self.place = (0, 0)
        """[start, end) of the token at hand."""
        self._kind, self._word = "", ""
        self._next()

    def outputs(self) -> Outputs:
        values: dict[str, Any] = {}
        hidden: list[str] = []
        if (self._kind, self._word) == ("word", "Outputs"):
            self._next()
            self._take(":")
        while self._kind:
            name = self._name()
            self._take("=")
            value = self._value(0)
            if value is _HIDDEN:
                hidden.append(name)
            else:
                values[name] = value
        return Outputs(values, hidden)

    def _next(self) -> None:
        while True:
            found = _TOKEN.match(self._text, self._end)
            if found is None:
                left = self._text[self._end :]
                start = self._end + len(left) - len(left.lstrip())
                self.place = (start, min(len(self._text), start + 20))
                self._kind, self._word = ("?" if left.strip() else ""), ""
                return
            self._kind = str(found.lastgroup)
            self._word = found[self._kind]
            self.place = found.span(self._kind)
            self._end = found.end()
            if self._kind != "comment":
                return

    def _take(self, sign: str) -> None:
        if (self._kind, self._word) != ("sign", sign):
            raise _FlawError
        self._next()

    def _at(self, sign: str) -> bool:
        return (self._kind, self._word) == ("sign", sign)

    def _name(self) -> str:
        if self._kind not in ("word", "string"):
            raise _FlawError
        name = self._word if self._kind == "word" else self._string()
        self._next()
        return name

    def _string(self) -> str:
        try:
            return str(json.loads(self._word))
        except ValueError:  # an escape of HCL's own
            return self._word[1:-1]

    def _value(self, depth: int) -> Any:
        if depth > _DEPTH:
            raise _FlawError
        if self._at("["):
            return self._list(depth)
        if self._at("{"):
            return self._object(depth)
        kind, word = self._kind, self._word
        if kind == "string":
            word = self._string()
        elif kind not in ("word", "number", "hidden"):
            raise _FlawError
        self._next()
        if kind == "word" and self._at("("):  # tolist([...]) and the like
            self._next()
            value = self._value(depth + 1)
            self._take(")")
            return value
        if kind == "hidden":
            return _HIDDEN
        return word if kind == "string" else None

    def _list(self, depth: int) -> list[Any]:
        self._take("[")
        items = []
        while not self._at("]"):
            items.append(self._value(depth + 1))
            if not self._at("]"):
                self._take(",")
        self._next()
        return items

    def _object(self, depth: int) -> dict[str, Any]:
        self._take("{")
        items: dict[str, Any] = {}
        while not self._at("}"):
            name = self._name()
            self._take(":" if self._at(":") else "=")
            items[name] = self._value(depth + 1)
            if self._at(","):
                self._next()
        self._next()
        return items
