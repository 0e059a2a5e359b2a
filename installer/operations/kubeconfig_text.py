"""The text of somebody's kubeconfig, read so that its entries can be found and every byte of it kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from installer.common import yaml_foreign, yaml_reader
from installer.common.errors import ExitCode, InstallerError
from installer.common.text import shown
from installer.common.yaml_foreign import Alias, Document
from installer.common.yaml_reader import Mapping, Node, Scalar, Sequence

INNER = {"clusters": "cluster", "users": "user", "contexts": "context", "extensions": "extension"}
"""The lists of a kubeconfig, and the key next to `name` in each item."""
CURRENT = "current-context"


@dataclass(frozen=True)
class Config:
    """A kubeconfig. `values` are what its keys say, empty if it says nothing; an alias stays what is written."""

    text: str
    where: Path
    document: Document
    values: dict[str, Any]

    @classmethod
    def read(cls, text: str, where: Path) -> Config:
        """Raises InstallerError with the line of what is wrong."""
        document = yaml_foreign.read(text)
        if document.flaws:
            flaw = document.flaws[0]
            field = f"{flaw.field}: " if flaw.field else ""
            raise broken(where, f"line {flaw.line}, column {flaw.column}: {field}{flaw.found}")
        root = document.root
        if root is None or (isinstance(root, Scalar) and root.value is None):
            return cls(text, where, document, {})
        if not isinstance(root, Mapping):
            raise broken(where, "line 1: not a kubeconfig: it has no keys")
        config = cls(text, where, document, yaml_reader.data(root))
        config._check()
        return config

    @property
    def root(self) -> Mapping | None:
        """None if the file says nothing, or `null`."""
        return self.document.root if isinstance(self.document.root, Mapping) else None

    def raw(self, key: str) -> str | None:
        """The text of a key's value; None if there is no such key."""
        entry = self.root.entries.get(key) if self.root else None
        return None if entry is None else self.text[entry.value.span.start : entry.value.span.end]

    def items(self, kind: str) -> list[Any]:
        """What the items of a list say; new with each call."""
        return list(self.values.get(kind) or ())

    def named(self, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """(name, settings) of the items of a list; no settings where they are an alias."""
        for node, item in zip(self._nodes(kind), self.items(kind), strict=True):
            inner = item.get(INNER[kind]) if isinstance(item, dict) else None
            yield self._name(node) or "", inner if isinstance(inner, dict) else {}

    def place(self, kind: str, name: str) -> int | None:
        """Which item of a list has that name."""
        return next((place for place, (found, _) in enumerate(self.named(kind)) if found == name), None)

    def inner(self, kind: str, name: str) -> dict[str, Any]:
        """The settings of the item of that name; none if there is none."""
        return next((inner for found, inner in self.named(kind) if found == name), {})

    def _nodes(self, kind: str) -> tuple[Node, ...]:
        entry = self.root.entries.get(kind) if self.root else None
        return entry.value.items if entry and isinstance(entry.value, Sequence) else ()

    def _name(self, node: Node, depth: int = 4) -> str | None:
        """The name of an item, which may come by an alias; `depth` ends circles of those."""
        if isinstance(node, Scalar):
            meant = self.document.anchors.get(str(node.value))
            return self._name(meant, depth - 1) if meant and depth else None
        if not isinstance(node, Mapping):
            return None
        entry, base = node.entries.get("name"), node.entries.get("<<")
        if entry is None:
            return self._name(base.value, depth - 1) if base and depth else None
        meant = entry.value
        if isinstance(meant, Scalar) and isinstance(meant.value, Alias):
            meant = self.document.anchors.get(meant.value, meant)
        return str(meant.value) if isinstance(meant, Scalar) else None

    def _check(self) -> None:
        kind = self.values.get("kind")
        if kind not in (None, "", "Config"):
            raise broken(self.where, f"not a kubeconfig: its kind is {shown(str(kind))}")
        assert self.root is not None
        for kind in INNER:
            if kind in self.root.entries:
                self._check_list(kind, self.root.entries[kind].value)

    def _check_list(self, kind: str, node: Node) -> None:
        if isinstance(node, Scalar) and node.value is None:
            return
        if not isinstance(node, Sequence):
            raise broken(self.where, f"line {node.span.line}: {kind} is not a list")
        for item in node.items:
            if self._name(item) is None:
                raise broken(self.where, f"line {item.span.line}: an item of {kind} has no name")
            inner = item.entries.get(INNER[kind]) if isinstance(item, Mapping) and kind != "extensions" else None
            value = inner.value if inner else None
            if isinstance(value, Scalar) and not isinstance(value.value, Alias | None):
                raise broken(self.where, f"line {value.span.line}: {INNER[kind]} is not a mapping")


def broken(where: Path, observed: str) -> InstallerError:
    return InstallerError(
        "read the kubeconfig",
        f"{where}: {observed}",
        hint="Correct the file, or write another one with --output.",
        exit_code=ExitCode.USAGE,
    )
