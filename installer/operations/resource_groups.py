"""Resources of a cluster by kind: what a destroy deletes, in the same lines and counts before and after."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from installer.common.text import count
from installer.engine.progress import Progress
from installer.steps.platform import Resource

NAMED = 8
"""Names of one kind that are spelled out."""
EXISTED = "existed"
"""Topic of the result in which a destroy records what there was when it began."""
WIDTH = 100
_NARROWEST = 20


@dataclass(frozen=True, slots=True)
class Group:
    """All resources of one kind: how many there are, and the first of their names."""

    kind: str
    count: int
    names: tuple[str, ...]


def grouped(resources: Sequence[Resource]) -> tuple[Group, ...]:
    """`resources` by kind, kinds in the order in which the platform lists them, names sorted."""
    kinds: dict[str, list[str]] = {}
    for one in resources:
        kinds.setdefault(one.kind, []).append(one.name)
    return tuple(Group(kind, len(names), tuple(sorted(names, key=_order)[:NAMED])) for kind, names in kinds.items())


def total(groups: Sequence[Group]) -> str:
    """How many resources there are, in words."""
    return count(sum(group.count for group in groups), "resource")


def group_lines(groups: Sequence[Group], width: int = WIDTH) -> list[tuple[str, str]]:
    """(kind and number, names) for each line of `width`; a line that goes on with the names begins with blanks."""
    longest = max((len(group.kind) for group in groups), default=0)
    lines = []
    for group in groups:
        head = f"{group.kind.ljust(longest)}  {group.count:>5,}  "
        room = max(_NARROWEST, width - len(head))
        for text in textwrap.wrap(_names(group), room, break_on_hyphens=False):
            lines.append((head, text))
            head = " " * len(head)
    return lines


def record(resources: Sequence[Resource]) -> dict[str, Any]:
    """What the journal keeps under EXISTED."""
    groups = grouped(resources)
    return {"groups": [{"kind": one.kind, "count": one.count, "names": list(one.names)} for one in groups]}


def existed(progress: Progress) -> tuple[Group, ...] | None:
    """What there was when the destroy of `progress` began; None if it did not get as far as looking."""
    found: Mapping[str, Any] | None = progress.results.get(EXISTED)
    if found is None:
        return None
    return tuple(Group(one["kind"], one["count"], tuple(one["names"])) for one in found["groups"])


def _names(group: Group) -> str:
    more = group.count - len(group.names)
    return ", ".join(group.names) + (f" and {more:,} more" if more else "")


def _order(name: str) -> list[tuple[bool, int, str]]:
    """As people sort: demo-worker-2 before demo-worker-10."""
    parts = re.split(r"([0-9]{1,18})", name)
    return [(part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts if part]
