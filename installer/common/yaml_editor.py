"""Changing values inside a YAML text: comments, order, quotes and spacing of everything else stay as they were."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import partial
from typing import Any

from installer.common import yaml_foreign, yaml_reader
from installer.common.yaml_reader import Node, Sequence

REMOVED = object()
"""In place of a new value: the key goes."""


class Raw(str):
    """In place of a new value: text of the file's own, which goes in as it is."""

    __slots__ = ()


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
    result = text
    # From the end, so that offsets hold. Where two insertions meet, the inner mapping's, found first, comes first.
    for _, edit in sorted(edits, key=lambda numbered: (numbered[1].start, numbered[1].end, numbered[0]), reverse=True):
        result = result[: edit.start] + edit.text + result[edit.end :]
    return as_ended(text, result)


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """The changes that make `new` of `old`: what differs, nested like them, REMOVED where it is left out."""
    changes: dict[str, Any] = {}
    for key in dict.fromkeys((*old, *new)):
        one, other = old.get(key), new.get(key, REMOVED)
        if isinstance(one, dict) and isinstance(other, dict) and other:
            if inner := difference(one, other):
                changes[key] = inner
        elif one != other:
            changes[key] = other
    return changes


def as_ended(before: str, after: str) -> str:
    """`after` without the line end that its last line has only because the lines behind it went."""
    if before and not before.endswith("\n") and after.endswith("\n"):
        return after.removesuffix("\n").removesuffix("\r")
    return after


def flow(value: Any, *, as_json: bool = False) -> str:
    """A value on one line."""
    if isinstance(value, Raw):
        return str(value)
    if as_json:
        return json.dumps(value, ensure_ascii=False)
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
    """A mapping as lines, each ended; inner mappings are indented, a list of scalars is on one line."""
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
    """Names are written as they are; a path, for example, as text is."""
    return key if key.isidentifier() else flow(key)


def _is_table(value: Any) -> bool:
    """Whether a value is a list of mappings, which reads better line by line."""
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(item, Mapping) for item in value)


def _items(values: Any, dash: str, newline: str) -> list[str]:
    return [f"{dash}{flow(value)}{newline}" for value in values]


def _parts(node: yaml_reader.Mapping | Sequence) -> list[tuple[int, int]]:
    """Where each item or entry starts and ends."""
    if isinstance(node, Sequence):
        return [(item.span.start, item.span.end) for item in node.items]
    return [(entry.span.start, max(entry.span.end, entry.value.span.end)) for entry in node.entries.values()]


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
        self._flow = partial(flow, as_json=yaml_foreign.is_json(text))

    def mapping(self, node: yaml_reader.Mapping, changes: Mapping[str, Any]) -> Iterator[_Edit]:
        added = _without_removed({key: new for key, new in changes.items() if key not in node.entries})
        replaced = all(changes.get(key) is REMOVED for key in node.entries)
        if node.flow and replaced and node.entries and added:
            parts = _parts(node)
            yield _Edit(parts[0][0], parts[-1][1], self._flow(added)[1:-1])
            return
        empties = not node.flow and not added and replaced
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
        elif isinstance(old, Sequence) and old.items and isinstance(new, list | tuple) and new:
            yield from self._rows(old, new) if old.flow or _is_table(new) else self._items(old, new)
        elif indent is not None and _is_table(new) and self._ends_line(old):
            lines = "".join(_items(new, f"{' ' * indent}- ", self._newline)).removesuffix(self._newline)
            yield _Edit(old.span.start, old.span.end, self._newline + lines)
        else:
            yield self._value(old, self._flow(new))

    def _value(self, old: Node, new: str) -> _Edit:
        """A value instead of another: a space where it needs one, a line's end where the old one had it."""
        start, end = old.span.start, old.span.end
        if not new and self._text[start - 2 : start] == ": ":
            return _Edit(start - 1, end, "")
        dashes = isinstance(old, Sequence) and not old.flow
        after_colon = start == end and self._text[max(start - 1, 0) : start] == ":"
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
            yield self._lines_after(old.items[-1], "".join(_items(added, self._dash(old), self._newline)))

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
                if isinstance(item, yaml_reader.Mapping) and isinstance(value, Mapping):
                    value = difference(before[start + place], value)
                yield from self._replacement(item, value)
            if start + both < end:
                yield from self._without_items(old, start + both, end)
            if first + both < last:
                yield self._new_rows(old, start + both, new[first + both : last])

    def _without_items(self, old: Sequence, first: int, last: int) -> Iterator[_Edit]:
        parts = _parts(old)
        if not old.flow:
            yield from (_Edit(self._line_start(start), self._line_end(end), "") for start, end in parts[first:last])
        elif last < len(parts):
            yield _Edit(parts[first][0], parts[last][0], "")
        else:
            yield _Edit(parts[first - 1][1] if first else parts[0][0], parts[last - 1][1], "")

    def _new_rows(self, old: Sequence, place: int, values: Any) -> _Edit:
        if old.flow:
            return self._between(old, place, [self._flow(value) for value in values])
        rows = "".join(_items(values, self._dash(old), self._newline))
        if place:
            return self._lines_after(old.items[place - 1], rows)
        start = self._line_start(old.items[0].span.start)
        return _Edit(start, start, rows)

    def _dash(self, old: Sequence) -> str:
        """What goes before each item of a block list, in its line."""
        start, first = old.span.start, old.items[0].span.start
        if self._text[start] != "-":  # its tag or anchor
            start = self._line_start(first)
            return self._text[start:first]
        return f"{self._text[self._line_start(start) : start]}- "

    def _between(self, node: Sequence | yaml_reader.Mapping, place: int, words: list[str]) -> _Edit:
        """Parts that come before part number `place` within brackets, spaced as their neighbour is."""
        parts = _parts(node)
        if not parts:
            return _Edit(node.span.end - 1, node.span.end - 1, ", ".join(words))
        neighbour = parts[max(place - 1, 0)][0]
        comma = "," + (self._text[len(self._text[:neighbour].rstrip()) : neighbour] or " ")
        if place:
            return _Edit(parts[place - 1][1], parts[place - 1][1], comma + comma.join(words))
        return _Edit(neighbour, neighbour, comma.join(words) + comma)

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
        """Entries after the last one: lines in a block, on its line within braces."""
        entries = list(node.entries.values())
        if not node.flow:
            return self._lines_after(entries[-1].value, block(added, entries[0].span.column - 1, self._newline))
        return self._between(node, len(entries), [self._flow({key: value})[1:-1] for key, value in added.items()])

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
