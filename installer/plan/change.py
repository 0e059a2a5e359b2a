"""What a change of a plan means for the cluster that runs by it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

_SOME = 6


class Risk(StrEnum):
    SAFE = "safe"
    """Installing again brings it about, and nothing that runs is touched."""
    CAREFUL = "careful"
    """Installing again brings it about, and running workloads may notice."""
    REFUSED = "refused"
    """An installed cluster cannot follow."""


@dataclass(frozen=True, slots=True)
class Change:
    """One plan field that differs: `field` is its dotted path, `why` says in a sentence what the risk is."""

    field: str
    old: str
    new: str
    risk: Risk
    why: str


def some(words: Sequence[str]) -> str:
    """As many as one reads, and the number of the rest."""
    rest = f" and {len(words) - _SOME} more" if len(words) > _SOME else ""
    return ", ".join(words[:_SOME]) + rest or "none"
