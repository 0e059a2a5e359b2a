"""Somewhere that the command palette leads to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """What it's found by, what kind of thing it is, and how to get there: `go` may return a coroutine."""

    name: str
    detail: str
    go: Callable[[], object]
