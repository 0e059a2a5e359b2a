"""A YAML text of somebody else's, read so that it can be changed in place: whatever YAML allows may be in it.

Tags are ignored, an alias is a value of its own, and nothing is built from either: a text can't multiply itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from installer.common import yaml_reader
from installer.common.yaml_reader import Event, Flaw, Node, Reader, Scalar

_LINE = re.compile(r"\S[^\n]*")


class Alias(str):
    """The value of an alias, as it is written: `*name`."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Document:
    """`root` is None where the text holds no value, or is no YAML from some point on; `anchors` is what aliases mean.

    `start` is the offset just after the mark `---`, 0 without one.
    """

    root: Node | None
    flaws: tuple[Flaw, ...]
    anchors: dict[str, Node]
    start: int


def read(text: str) -> Document:
    """Parse `text`; raises nothing.

    Tabs count as spaces but where they indent: ruamel.yaml refuses some of those that YAML allows.
    """
    reader = _ForeignReader(_LINE.sub(lambda line: line[0].replace("\t", " "), text))
    root = reader.read()
    return Document(root, tuple(reader.flaws), reader.anchors, reader.start)


def is_json(text: str) -> bool:
    """Whether `text` is JSON, maybe behind a byte order mark."""
    try:
        json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        return False
    return True


@dataclass
class _ForeignReader(Reader):
    depth: ClassVar[int] = 50
    anchors: dict[str, Node] = field(default_factory=dict)

    def _node(self, event: Event, stream: Iterator[Event]) -> Node:
        from ruamel.yaml import events

        span = yaml_reader.span_of(event)
        if isinstance(event, events.AliasEvent):
            return Scalar(span, Alias(self.text[span.start : span.end]))
        node = self._collection(event, stream, span)
        if isinstance(node, Scalar) and event.tag is not None:
            node = Scalar(span, None if str(event.tag).endswith("null") else str(event.value))
        if event.anchor is not None:
            self.anchors[f"*{event.anchor}"] = node
        return node

    def _key(self, event: Event, stream: Iterator[Event]) -> str | None:
        from ruamel.yaml import events

        return str(event.value) if isinstance(event, events.ScalarEvent) else super()._key(event, stream)
