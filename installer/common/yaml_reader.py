"""A YAML text as values that know their positions. Reads what a plan needs of YAML and says what it is not.

ruamel.yaml scans and parses; what its events mean is decided here, so that no tag, alias, date or octal number
is ever constructed, and so that yaml_editor can change a value in the text and leave every other byte as it was.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

from installer.common.text import shown

Event = Any
"""One of ruamel.yaml.events: which attributes it has depends on its class."""

BROKEN = object()
"""Takes the place of a value that was already reported as wrong."""


@dataclass(frozen=True, slots=True)
class Span:
    """Offsets of a value's text, the end excluded, and where it starts: line and column count from 1."""

    start: int
    end: int
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Scalar:
    span: Span
    value: object
    """str, int, bool, None, or BROKEN."""


@dataclass(frozen=True, slots=True)
class Sequence:
    span: Span
    items: tuple[Node, ...]
    flow: bool


@dataclass(frozen=True, slots=True)
class MappingEntry:
    """A key and its value. `span` is that of the key."""

    span: Span
    value: Node


@dataclass(frozen=True, slots=True)
class Mapping:
    span: Span
    entries: dict[str, MappingEntry]
    flow: bool


Node = Scalar | Sequence | Mapping


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something in the text that a plan file may not have."""

    line: int
    column: int
    field: str
    found: str
    allowed: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """`root` is None where the text holds no value, or is no YAML from some point on."""

    root: Node | None
    flaws: tuple[Flaw, ...]


def read(text: str) -> Document:
    """Parse `text`; raises nothing."""
    reader = Reader(text)
    root = reader.read()
    return Document(root, tuple(reader.flaws))


def data(node: Node) -> Any:
    """The plain value of a node: dict, list, str, int, bool, None, or BROKEN where the text has a flaw."""
    if isinstance(node, Mapping):
        return {key: data(entry.value) for key, entry in node.entries.items()}
    if isinstance(node, Sequence):
        return [data(item) for item in node.items]
    return node.value


_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


def plain(text: str) -> str | int | bool | None:
    """What an unquoted scalar means. Numbers that YAML 1.1 and 1.2 read differently (010, 1_000) stay text."""
    if text in _WORDS:
        return _WORDS[text]
    return int(text) if _INTEGER.fullmatch(text) else text


class _NotReadableError(Exception):
    """The text is no YAML from here on; the flaw is recorded."""


@dataclass
class Reader:
    """Folds the parser's events into nodes, and collects flaws on the way."""

    depth: ClassVar[int] = 10
    """Levels of nesting; a plan has 3."""

    text: str
    flaws: list[Flaw] = field(default_factory=list)
    path: list[str] = field(default_factory=list)
    start: int = 0
    """The offset just after the mark `---`, if there is one."""
    _last: Span = Span(0, 0, 1, 1)

    def read(self) -> Node | None:
        """The text's value; None if there is none, or if it is no YAML from some point on."""
        try:
            return self._read()
        except _NotReadableError:
            return None

    def _read(self) -> Node | None:
        from ruamel.yaml import events

        stream = self._events()
        root: Node | None = None
        for event in stream:
            if isinstance(event, events.DocumentStartEvent):
                if root is not None:
                    self._flaw(event, "a second YAML document, where only one is allowed")
                    break
                self.start = span_of(event).end if event.explicit else 0
                root = self._node(next(stream), stream)
        return root

    def _events(self) -> Iterator[Event]:
        from ruamel.yaml import YAML

        parsed = iter(YAML(typ="rt", pure=True).parse(self.text))
        while True:
            try:
                event = next(parsed)
            except StopIteration:
                return
            # ruamel.yaml lets ValueError, AttributeError and others through for some texts that are no YAML.
            except Exception as error:
                raise self._syntax_error(error) from None
            self._last = span_of(event)
            yield event

    def _syntax_error(self, error: Exception) -> _NotReadableError:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        line, column = (mark.line + 1, mark.column + 1) if mark else (self._last.line, self._last.column)
        position = getattr(error, "position", None)
        if mark is None and isinstance(position, int):
            line, column = position_of(self.text, position)
        reason = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
        self.flaws.append(Flaw(line, column, "", f"not YAML: {shown(str(reason))}"))
        return _NotReadableError()

    def _node(self, event: Event, stream: Iterator[Event]) -> Node:
        from ruamel.yaml import events

        span = span_of(event)
        broken = False
        if isinstance(event, events.AliasEvent):
            self._flaw(event, f"an alias ({shown(self.text[span.start : span.end])}); write the value out")
            return Scalar(span, BROKEN)
        if getattr(event, "tag", None) is not None:
            tag = str(event.tag).replace("tag:yaml.org,2002:", "!!")
            self._flaw(event, f"a value with the tag {shown(tag)}; remove the tag")
            broken = True
        node = self._collection(event, stream, span)
        return Scalar(node.span, BROKEN) if broken else node

    def _collection(self, event: Event, stream: Iterator[Event], span: Span) -> Node:
        from ruamel.yaml import events

        if isinstance(event, events.MappingStartEvent):
            return self._mapping(event, stream, span)
        if isinstance(event, events.SequenceStartEvent):
            return self._sequence(event, stream, span)
        return Scalar(span, plain(event.value) if event.style is None else _joined(event.value))

    def _mapping(self, start: Event, stream: Iterator[Event], span: Span) -> Mapping:
        from ruamel.yaml import events

        entries: dict[str, MappingEntry] = {}
        end = span.end
        while not isinstance(event := next(stream), events.MappingEndEvent):
            key = self._key(event, stream)
            self._enter(event, key if key is not None else "?")
            value = self._value(next(stream), stream, span_of(event))
            if key is not None and key in entries:
                self._flaw(event, f"this key is already in line {entries[key].span.line}; keep one of them")
            elif key is not None:
                entries[key] = MappingEntry(span_of(event), value)
            end = max(end, value.span.end)
            self.path.pop()
        return Mapping(_until(span, event, end, start.flow_style), entries, start.flow_style)

    def _sequence(self, start: Event, stream: Iterator[Event], span: Span) -> Sequence:
        from ruamel.yaml import events

        items: list[Node] = []
        end = span.end
        while not isinstance(event := next(stream), events.SequenceEndEvent):
            self._enter(event, str(len(items)))
            items.append(self._node(event, stream))
            end = max(end, items[-1].span.end)
            self.path.pop()
        return Sequence(_until(span, event, end, start.flow_style), tuple(items), start.flow_style)

    def _key(self, event: Event, stream: Iterator[Event]) -> str | None:
        """The key's text, or None for what cannot be a key of a plan."""
        from ruamel.yaml import events

        if isinstance(event, events.ScalarEvent) and event.tag is None:
            return str(event.value)
        self._enter(event, "?")
        before = len(self.flaws)
        self._node(event, stream)
        self.path.pop()
        if len(self.flaws) == before:
            self._flaw(event, "a key of several parts; use a plain name")
        return None

    def _value(self, event: Event, stream: Iterator[Event], key: Span) -> Node:
        """A value; where nothing is written, its span is the place just after the colon."""
        node = self._node(event, stream)
        if isinstance(node, Scalar) and node.span.start == node.span.end:
            colon = self.text.find(":", key.end, node.span.start) + 1
            place = colon or key.end
            return Scalar(Span(place, place, key.line, key.column), node.value)
        return node

    def _enter(self, event: Event, name: str) -> None:
        self.path.append(name)
        if len(self.path) > self.depth:
            self._flaw(event, f"more than {self.depth} levels deep")
            raise _NotReadableError

    def _flaw(self, event: Event, found: str, allowed: str = "") -> None:
        span = span_of(event)
        self.flaws.append(Flaw(span.line, span.column, shown(".".join(self.path)), found, allowed))


def span_of(event: Event) -> Span:
    """The position of an event's text."""
    start, end = event.start_mark, event.end_mark
    return Span(start.index, end.index, start.line + 1, start.column + 1)


def _joined(text: str) -> str:
    """`text` with JSON's pairs of escapes for one character (\\ud83d\\ude42) made that character."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


def _until(span: Span, last: Event, content: int, flow: bool) -> Span:
    """The span of a collection: a block ends with its content, since its end event comes after comments."""
    return Span(span.start, last.end_mark.index if flow else content, span.line, span.column)


def position_of(text: str, offset: int) -> tuple[int, int]:
    """Line and column, from 1, of an offset."""
    before = text[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1
