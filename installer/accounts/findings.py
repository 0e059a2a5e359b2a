"""What was seen in an account before anything is made there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Problem:
    """What was seen in the account, and what to do about it."""

    seen: str
    remedy: str
    stops: bool = True
    """Whether an install can't work like this; otherwise it is a warning."""


@dataclass(frozen=True, slots=True)
class Note:
    """Something to know, with which nothing is wrong."""

    seen: str


Found: TypeAlias = Problem | Note


def told(found: Found) -> str:
    """One line for the log."""
    if isinstance(found, Note):
        return found.seen
    return f"{'missing' if found.stops else 'warning'}: {found.seen}. {found.remedy}"
