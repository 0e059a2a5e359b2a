"""Changing values inside a YAML text: comments, order, quotes and spacing of everything else stay as they were."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from installer.common import yaml_reader
from installer.common.yaml_reader import Node, Sequence

REMOVED = object()
"""In place of a new value: the key goes."""

_PLAIN = re.compile(r"[A-Za-z0-9]([A-Za-z0-9 ._/@+=-]*[A-Za-z0-9._/@+=-])?")
# What some YAML reader, of version 1.1 or 1.2, takes for something else than text.
_AMBIGUOUS = re.compile(r"[0-9.e+-]+|0x[0-9a-f]+|0o[0-7]+|y|n|yes|no|on|off|true|false|null", re.IGNORECASE)
_ADDRESS = re.compile(r"[0-9]{1,3}(\.[0-9]{1,3}){3}")  # and no reader takes it for a number
_ESCAPED = {'"': '\\"', "\\": "\\\\"}


@dataclass(frozen=True, slots=True)
class _Edit:
    start: int
    end: int
    text: str


def changed(text: str, root: yaml_reader.Mapping, changes: Mapping[str, Any]) -> str:
    """`text` with `changes`: nested like the text's `root`, with new values or REMOVED at the leaves."""
    edits = enumerate(_Editor(text).mapping(root, changes))
    # From the end, so that offsets hold. Where two insertions meet, the inner mapping's, found first, comes first.
    for _, edit in sorted(edits, key=lambda numbered: (numbered[1].start, numbered[1].end, numbered[0]), reverse=True):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text


def flow(value: Any) -> str:
    """A value on one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(key)}: {flow(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, str):
        safe = _PLAIN.fullmatch(value) and (_ADDRESS.fullmatch(value) or not _AMBIGUOUS.fullmatch(value))
        return value if safe else _quoted(value)
    return json.dumps(value)


def _quoted(text: str) -> str:
    """Text in double quotes; JSON's escapes would tear what lies beyond 16 bits into two characters."""
    return '"' + "".join(_ESCAPED.get(c, c if c.isprintable() else f"\\U{ord(c):08x}") for c in text) + '"'


def block(values: Mapping[str, Any], indent: int = 0, newline: str = "\n") -> str:
    """A mapping as lines, each ended; inner mappings are indented, lists stand on one line, of mappings on one each."""
    lines = []
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            lines += [f"{' ' * indent}{_key(key)}:{newline}", block(value, indent + 2, newline)]
        elif _is_table(value):
            lines += [f"{' ' * indent}{_key(key)}:{newline}", *_items(value, f"{' ' * indent}- ", newline)]
        else:
            lines.append(f"{' ' * indent}{_key(key)}: {flow(value)}{newline}")
    return "".join(lines)


def _key(key: str) -> str:
    """Names stand as they are; a path, say, as text does."""
    return key if key.isidentifier() else flow(key)


def _is_table(value: Any) -> bool:
    """Whether a value is a list of mappings, which reads better line by line."""
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(item, Mapping) for item in value)


def _items(values: Any, dash: str, newline: str) -> list[str]:
    return [f"{dash}{flow(value)}{newline}" for value in values]


def _without_removed(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _without_removed(value) if isinstance(value, Mapping) else value
        for key, value in values.items()
        if value is not REMOVED
    }


class _Editor:
    """Turns changes of values into edits of the text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._newline = "\r\n" if "\r\n" in text else "\n"

    def mapping(self, node: yaml_reader.Mapping, changes: Mapping[str, Any]) -> Iterator[_Edit]:
        added = _without_removed({key: new for key, new in changes.items() if key not in node.entries})
        empties = not added and all(changes.get(key) is REMOVED for key in node.entries)
        for key, entry in node.entries.items():
            new = changes.get(key, entry)
            if new is REMOVED and not empties:
                yield self._removal(node, key, changes)
            elif new is not entry:
                indent = None if node.flow else entry.span.column - 1
                yield from self._replacement(entry.value, None if new is REMOVED else new, indent)
        if added:
            yield self._addition(node, added)

    def _replacement(self, old: Node, new: Any, indent: int | None = None) -> Iterator[_Edit]:
        """`indent` is that of the value's key, None within braces."""
        if isinstance(old, yaml_reader.Mapping) and isinstance(new, Mapping) and new:
            yield from self.mapping(old, new)
        elif isinstance(old, Sequence) and not old.flow and _is_table(new):
            yield from self._rows(old, new)
        elif isinstance(old, Sequence) and not old.flow and new:
            yield from self._items(old, new)
        elif indent is not None and _is_table(new) and self._ends_line(old):
            lines = "".join(_items(new, f"{' ' * indent}- ", self._newline)).removesuffix(self._newline)
            yield _Edit(old.span.start, old.span.end, self._newline + lines)
        else:
            yield self._value(old, flow(new))

    def _value(self, old: Node, new: str) -> _Edit:
        """A value in place of another: a space where it needs one, a line's end where the old one had it."""
        start, end = old.span.start, old.span.end
        dashes = isinstance(old, Sequence) and not old.flow
        after_colon = self._text[max(start - 1, 0) : start] == ":"
        ends_line = end > start and self._text[end - 1] == "\n"
        return _Edit(start, end, " " * (dashes or after_colon) + new + self._newline * ends_line)

    def _items(self, old: Sequence, new: Any) -> Iterator[_Edit]:
        """Items of a block list come and go line by line, so that the others keep their comments."""
        kept = [item for item in old.items if yaml_reader.data(item) in new]
        known = [yaml_reader.data(item) for item in kept]
        for item in old.items:
            if item not in kept:
                yield _Edit(self._line_start(item.span.start), self._line_end(item.span.end), "")
        added = [value for value in new if value not in known]
        if added:
            dash = self._text[self._line_start(old.items[0].span.start) : old.items[0].span.start]
            yield self._lines_after(old.items[-1], "".join(f"{dash}{flow(value)}{self._newline}" for value in added))

    def _rows(self, old: Sequence, new: Any) -> Iterator[_Edit]:
        """Items of a list whose order matters. One that changes is changed in its place, and keeps its comment."""
        before = [yaml_reader.data(item) for item in old.items]
        matcher = SequenceMatcher(None, list(map(flow, before)), list(map(flow, new)), autojunk=False)
        for kind, start, end, first, last in matcher.get_opcodes():
            if kind == "equal":
                continue
            both = min(end - start, last - first)
            for place in range(both):
                item, value = old.items[start + place], new[first + place]
                gone = {key: REMOVED for key in before[start + place] if key not in value}
                yield from self._replacement(item, {**gone, **value})
            for item in old.items[start + both : end]:
                yield _Edit(self._line_start(item.span.start), self._line_end(item.span.end), "")
            if first + both < last:
                yield self._new_rows(old, start + both, new[first + both : last])

    def _new_rows(self, old: Sequence, place: int, values: Any) -> _Edit:
        dash = self._text[self._line_start(old.items[0].span.start) : old.items[0].span.start]
        if place:
            return self._lines_after(old.items[place - 1], "".join(_items(values, dash, self._newline)))
        start = self._line_start(old.items[0].span.start)
        return _Edit(start, start, "".join(_items(values, dash, self._newline)))

    def _ends_line(self, node: Node) -> bool:
        """Whether nothing but a comment follows a value."""
        rest = self._text[node.span.end : self._line_end(node.span.end)].strip()
        return not rest or rest.startswith("#")

    def _removal(self, node: yaml_reader.Mapping, key: str, changes: Mapping[str, Any]) -> _Edit:
        entry = node.entries[key]
        if not node.flow:
            return _Edit(self._line_start(entry.span.start), self._line_end(entry.value.span.end), "")
        keys, entries = list(node.entries), list(node.entries.values())
        place = keys.index(key)
        if any(changes.get(later) is not REMOVED for later in keys[place + 1 :]):
            return _Edit(entry.span.start, entries[place + 1].span.start, "")
        start = entries[place - 1].value.span.end if place else entry.span.start
        return _Edit(start, entry.value.span.end, "")

    def _addition(self, node: yaml_reader.Mapping, added: Mapping[str, Any]) -> _Edit:
        """In a block, lines after the last entry; within braces, entries before the first one."""
        entries = list(node.entries.values())
        if not node.flow:
            return self._lines_after(entries[-1].value, block(added, entries[0].span.column - 1, self._newline))
        words = flow(added)[1:-1]
        place = entries[0].span.start if entries else node.span.end - 1
        return _Edit(place, place, f"{words}, " if entries else words)

    def _lines_after(self, node: Node, lines: str) -> _Edit:
        place = self._line_end(node.span.end)
        if place and self._text[place - 1] != "\n":
            lines = self._newline + lines.removesuffix(self._newline)
        return _Edit(place, place, lines)

    def _line_start(self, offset: int) -> int:
        return self._text.rfind("\n", 0, offset) + 1

    def _line_end(self, offset: int) -> int:
        """The offset just after the line of the character before `offset`."""
        if offset and self._text[offset - 1] == "\n":
            return offset
        end = self._text.find("\n", offset)
        return len(self._text) if end < 0 else end + 1
