"""What a question about a plan is: a value that the wizard, the prompts and the flags each render in their way."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from installer.plan import rules as contract

Answers = Mapping[str, Any]
"""Plan values by dotted field: str, int, bool, a tuple of str or of mappings, or None for what is left out."""


class Kind(StrEnum):
    TEXT = "text"
    CHOICE = "choice"
    INTEGER = "integer"
    YES_NO = "yes/no"
    MULTI_CHOICE = "multi-choice"
    INVENTORY = "inventory"
    """Machines, as installer.inventory reads them."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer to choose. `unavailable` says why it cannot be chosen here, and is empty if it can."""

    value: str | int
    label: str
    detail: str = ""
    unavailable: str = ""


def _always(_answers: Answers) -> bool:
    return True


def _none(_answers: Answers) -> tuple[Choice, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class Question:
    """One field of the plan as it is asked.

    `title` is a noun for a trail or a summary, `why` one sentence, `rules` the contract's ids behind it.
    `choices` and `applies` are functions of the answers to the questions before it; `default` is one of those and of
    what later questions were answered already. A default of "" means that there is none to offer.
    """

    field: str
    flag: str
    title: str
    prompt: str
    why: str
    kind: Kind
    default: Callable[[Answers], Any]
    rules: tuple[str, ...] = ()
    choices: Callable[[Answers], tuple[Choice, ...]] = _none
    applies: Callable[[Answers], bool] = _always
    read: Callable[[str], Any] | None = None
    """How typed text becomes a value, where the kind does not say it."""

    @property
    def quotes(self) -> tuple[tuple[str, str, str], ...]:
        """Id, level and wording of the contract's rules behind the question."""
        found = (contract.RULES[id] for id in self.rules)
        return tuple((rule.id, str(rule.level), rule.quote) for rule in found)

    @property
    def allowed(self) -> str:
        """What may be answered, in words; empty where only `error` can tell."""
        if self.kind is Kind.INVENTORY:
            from installer.plan import inventory

            return inventory.ALLOWED
        from installer.plan import validation

        return validation.allowed(self.field)

    def error(self, value: object) -> str | None:
        """What is wrong with `value`, by the plan's own validation; rules between fields are not looked at."""
        if self.kind is Kind.INVENTORY and isinstance(value, str):
            from installer.plan import inventory

            return "\n".join(inventory.parse(value).errors)
        from installer.plan import validation

        mistake = validation.field_mistake(self.field, value)
        return mistake.text if mistake else None

    def parse(self, text: str) -> Any:
        """The value that typed text means. Text that means none comes back as it is, for `error` to refuse."""
        text = text.strip()
        if self.read:
            return self.read(text)
        if self.kind is Kind.INVENTORY:
            return _machines(text)
        if self.kind is Kind.YES_NO:
            return _YES_NO.get(text.lower(), text)
        if self.kind is Kind.MULTI_CHOICE:
            return () if text.lower() in ("", "none") else tuple(re.split(r"[\s,]+", text.strip(", ")))
        numbers = self.kind is Kind.INTEGER or self.kind is Kind.CHOICE
        return int(text) if numbers and re.fullmatch(r"-?[0-9]{1,18}", text) else text

    def show(self, value: Any) -> str:
        """A value as a person types or reads it; `parse` takes it back."""
        if value is None:
            return ""
        if isinstance(value, bool):
            return "yes" if value else "no"
        if self.kind is Kind.INVENTORY and isinstance(value, tuple):
            from installer.plan import inventory

            return "\n".join(inventory.show(item) if isinstance(item, Mapping) else str(item) for item in value)
        return ", ".join(value) or "none" if isinstance(value, tuple) else str(value)


def _machines(text: str) -> Any:
    """The data of each machine; the text itself where anything in it is wrong."""
    from installer.plan import inventory

    found = inventory.parse(text)
    return text if found.errors else tuple(inventory.data(host) for host in found.hosts)


_YES_NO = {
    **dict.fromkeys(("y", "yes", "true", "on"), True),
    **dict.fromkeys(("n", "no", "false", "off"), False),
}


@dataclass(frozen=True, slots=True)
class Page:
    """Questions that are asked together."""

    title: str
    questions: tuple[Question, ...]

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
