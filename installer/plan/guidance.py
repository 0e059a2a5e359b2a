"""Explanations that help somebody choose an answer. They hang on questions and choices, a platform's own included."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Guidance:
    """An answer explained, in a sentence or two each: what it is, when to pick it, and what it costs."""

    what: str
    when: str
    cost: str


@dataclass(frozen=True, slots=True)
class Advice:
    """The answer that suits the plan so far, as its value, and why, as the rest of a sentence after it."""

    value: object
    because: str
