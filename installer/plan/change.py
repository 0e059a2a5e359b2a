"""What a change of a plan means for the cluster that runs by it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

_SOME = 6


class Risk(StrEnum):
    SAFE = "safe"
    """Installing again brings it about, and running machines aren't touched."""
    CAREFUL = "careful"
    """Installing again brings it about, and running workloads may notice."""
    REFUSED = "refused"
    """An installed cluster cannot follow."""


Judge = Callable[[Any, Any], tuple[Risk, str]]
"""From a field's old and new value to the risk of the change, and why in a sentence."""


@dataclass(frozen=True, slots=True)
class Change:
    """One plan field that differs: `field` is its dotted path, `why` says in a sentence what the risk is."""

    field: str
    old: str
    new: str
    risk: Risk
    why: str


def always(risk: Risk, why: str) -> Judge:
    """The same judgement whatever the values."""
    return lambda _old, _new: (risk, why)


def growing(noun: str, more: str = "") -> Judge:
    """Of a number of machines: more can join, and fewer is another command's work."""

    def judge(old: int | None, new: int | None) -> tuple[Risk, str]:
        if (new or 0) > (old or 0):
            return Risk.SAFE, f"new {noun} join{more}; running machines aren't touched"
        return Risk.REFUSED, "`craton nodes remove` takes machines out, one after the other"

    return judge


def resizing(old: int, new: int) -> tuple[Risk, str]:
    """Of the number of machines in a pool."""
    if new > old:
        return Risk.SAFE, "new workers join the pool; running machines aren't touched"
    return Risk.CAREFUL, "workers of the pool are drained one by one, and deleted"


def host_firewall(_old: bool, new: bool) -> tuple[Risk, str]:
    """Of the rules that machines enforce themselves: they can get them, and don't lose them while they are nodes."""
    if new:
        return Risk.CAREFUL, "the running machines start to allow or block other packets"
    return Risk.REFUSED, "machines that enforce the rules keep doing so; leave it on while the cluster exists"


def some(words: Sequence[str]) -> str:
    """As many as one reads, and the number of the rest."""
    rest = f" and {len(words) - _SOME} more" if len(words) > _SOME else ""
    return ", ".join(words[:_SOME]) + rest or "none"
