"""Ansible inventories in YAML: groups with `hosts`, `children` and `vars`, `all` around them or not."""

from __future__ import annotations

import re

from installer.common import yaml_foreign
from installer.common.yaml_reader import Mapping, Node, Scalar, Sequence
from installer.plan.inventories.ansible import ALL, Groups, ranges
from installer.plan.inventories.reading import Reading, Row, comments, content, numbered

_FIRST = re.compile(r"(---.*|[\"']?[A-Za-z_][\w.-]*[\"']?:\s*(&\S+\s*)?(#.*)?)")
_INNER = re.compile(r"^[ \t]+(hosts|children):\s*(#.*)?$|^[ \t]+(hosts|children):[ \t]*[{\[]", re.MULTILINE)


def read(text: str) -> Reading | None:
    """The hosts as machines, or None if the text doesn't look like such an inventory."""
    lines = content(text)
    if not lines or not _FIRST.fullmatch(lines[0][1].rstrip()) or not _INNER.search(text):
        return None
    found = Groups()
    document = yaml_foreign.read(text)
    starts = [at for at, _ in numbered(text)]
    for flaw in document.flaws:
        start = min(starts[min(flaw.line, len(starts)) - 1] + flaw.column - 1, len(text))
        found.errors.append(Row(start, start, error=f"column {flaw.column}: {flaw.found}"))
    if isinstance(document.root, Mapping):
        for name, entry in document.root.entries.items():
            _group(found, name, entry.value)
    return found.reading("an Ansible inventory in YAML", comments(text))


def _group(found: Groups, name: str, node: Node) -> None:
    found.group(name)
    if not isinstance(node, Mapping):
        return
    for part, entry in node.entries.items():
        if part == "hosts":
            _hosts(found, name, entry.value)
        elif part == "children":
            for child, inner in _children(entry.value):
                found.group(name).children.append(child)
                _group(found, child, inner)
        elif part == "vars":
            found.group(name).variables |= _variables(entry.value)
        else:
            found.other.append(f"the key {part}" if part.isidentifier() else "a key that no group has")


def _children(node: Node) -> list[tuple[str, Node]]:
    if isinstance(node, Mapping):
        return [(name, entry.value) for name, entry in node.entries.items()]
    return []


def _hosts(found: Groups, group: str, node: Node) -> None:
    """Hosts as keys, and as a list as well: Ansible refuses the latter, and people write it."""
    where = group if group != ALL else "ungrouped"
    if isinstance(node, Mapping):
        for name, entry in node.entries.items():
            found.add(where, ranges(name), _variables(entry.value), (entry.span.start, entry.span.end))
    for item in node.items if isinstance(node, Sequence) else ():
        if isinstance(item, Scalar) and isinstance(item.value, str):
            found.add(where, ranges(item.value), {}, (item.span.start, item.span.end))
        else:
            found.errors.append(Row(item.span.start, item.span.end, error="Write each host as a name with a colon."))


def _variables(node: Node) -> dict[str, str]:
    """Variables with plain values as text; of others only the name is kept."""
    if not isinstance(node, Mapping):
        return {}
    return {name: _text(entry.value) for name, entry in node.entries.items()}


def _text(node: Node) -> str:
    if not isinstance(node, Scalar) or isinstance(node.value, bool | yaml_foreign.Alias):
        return ""
    return str(node.value) if isinstance(node.value, str | int) else ""
