"""What a rule between fields of a plan is: a value, so that a platform can bring rules of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

FieldPath = tuple[str | int, ...]
Conflict = tuple[FieldPath, str, str]
"""The field to correct, the value found there, and the message: what is wrong and what to do, in full sentences."""

SECTION = "<platform>"
"""In `reads`: the section of the platform that the plan names."""


@dataclass(frozen=True, slots=True)
class ConflictRule:
    """`find` yields what breaks the rule in a plan whose fields `reads` are each valid by themselves.

    It takes the plan; where a platform brings the rule, the plan and the platform's settings.
    """

    reads: tuple[FieldPath, ...]
    find: Callable[..., Iterator[Conflict]]
