"""What a question about a plan is: a value that the wizard, the prompts and the flags each render in their way.

How answers are typed, shown and judged is in `installer.plan.questions.reading`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from installer.plan import rules as contract
from installer.plan.change import Judge, Risk, always
from installer.plan.guidance import Advice, Guidance

Answers = Mapping[str, Any]
"""Plan values by dotted field: str, int, bool, a tuple of str or of mappings, or None for what is left out."""


class Kind(StrEnum):
    TEXT = "text"
    CHOICE = "choice"
    INTEGER = "integer"
    YES_NO = "yes/no"
    MULTI_CHOICE = "multi-choice"
    INVENTORY = "inventory"
    """Machines, as installer.plan.inventory reads them."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer to choose. `unavailable` says why it can't be chosen here, and is empty if it can."""

    value: str | int | bool
    label: str
    detail: str = ""
    unavailable: str = ""
    guidance: Guidance | None = None


def _applies(_answers: Answers) -> bool:
    return True


def _no_choices(_answers: Answers) -> tuple[Choice, ...]:
    return ()


def _plan_default(_answers: Answers) -> None:
    return None


def _nothing(_text: str) -> str:
    return ""


def _no_advice(_answers: Answers) -> Advice | None:
    return None


REFUSED = always(Risk.REFUSED, "Craton does not change it on an installed cluster")
"""What a change means where nobody has thought about it."""


@dataclass(frozen=True, slots=True)
class Question:
    """One field of the plan as it is asked.

    `title` is a noun for a trail or a summary, `why` one sentence, `rules` the contract's ids behind it.
    `choices` and `applies` are functions of the answers to the questions before it; a yes/no question may explain its
    answers True and False as choices. `default` is one of those and of
    what later questions were answered already: None means the plan's own default, and "" that there is none to offer.
    """

    field: str
    flag: str
    title: str
    prompt: str
    why: str
    kind: Kind = Kind.TEXT
    default: Callable[[Answers], Any] = _plan_default
    rules: tuple[str, ...] = ()
    choices: Callable[[Answers], tuple[Choice, ...]] = _no_choices
    applies: Callable[[Answers], bool] = _applies
    files: str | None = None
    """Where picking a file begins, if the answer may be a file's path."""
    read: Callable[[str], Any] | None = None
    """How typed text becomes a value, where the kind does not say it."""
    explain: Callable[[str], str] = _nothing
    """What is wrong with text that `read` gave back, where only a look at files can tell; "" if nothing is."""
    change: Judge = REFUSED
    """What changing the answer means for a cluster that is installed."""
    guidance: Guidance | None = None
    """What is being asked for, where there are no choices to explain."""
    advice: Callable[[Answers], Advice | None] = _no_advice
    """What to answer for the plan so far, or None where there is no telling."""

    @property
    def quotes(self) -> tuple[tuple[str, str, str], ...]:
        """Id, level and wording of the contract's rules behind the question; the wording ends no longer than a line."""
        found = (contract.RULES[id] for id in self.rules)
        return tuple((rule.id, str(rule.level), rule.wording) for rule in found)


def or_none(text: str) -> str | None:
    """Typed text, or nothing for none."""
    return None if text.lower() in ("", "none") else text


def number_or_none(text: str) -> int | str | None:
    """A typed number, or nothing for none; other text comes back for the plan to refuse."""
    found = or_none(text)
    return int(found) if found and re.fullmatch(r"[0-9]{1,18}", found) else found


@dataclass(frozen=True, slots=True)
class Page:
    """Questions that are asked together."""

    title: str
    questions: tuple[Question, ...]
    optional: bool = False
    """Whether the defaults suit most clusters, so that a newcomer may leave the page out."""

    def asked(self, answers: Answers) -> tuple[Question, ...]:
        """The page's questions that apply; none if the page is to be passed over."""
        return tuple(question for question in self.questions if question.applies(answers))


@dataclass(frozen=True, slots=True)
class Flag:
    """An option of `craton new`. `name` is as typer takes it, `parameter` the Python name of its value.

    Values are text, except of kind yes/no: a bool, or None where neither form was given.
    """

    name: str
    parameter: str
    field: str
    kind: Kind
    help: str


def flag(question: Question) -> Flag:
    """The flag that answers a question."""
    name = question.flag
    if question.kind is Kind.YES_NO:
        name = f"{name}/{name.replace('--', '--no-', 1)}"
    parameter = question.flag.removeprefix("--").replace("-", "_")
    return Flag(name, parameter, question.field, question.kind, question.prompt)
