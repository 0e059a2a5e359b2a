"""How an answer to a question is typed, shown and judged, and what it is by default."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from installer.plan.question import Answers, Kind, Question

# installer.plan.validation and inventory are imported where they are used: --help needs no pydantic.

_YES_NO = {
    **dict.fromkeys(("y", "yes", "true", "on"), True),
    **dict.fromkeys(("n", "no", "false", "off"), False),
}


def default(question: Question, answers: Answers) -> Any:
    """What is offered where nothing was answered; "" if there is nothing to offer."""
    from installer.plan import validation

    found = question.default(answers)
    return validation.defaults()[question.field] if found is None else found


def allowed(question: Question) -> str:
    """What may be answered, in words; empty where only `error` can tell."""
    if question.kind is Kind.YES_NO:
        return "yes or no"
    if question.kind is Kind.INVENTORY:
        from installer.plan import inventory

        return inventory.ALLOWED
    from installer.plan import validation

    return validation.allowed(question.field)


def error(question: Question, value: object) -> str | None:
    """What is wrong with `value`, by the plan's own validation; rules between fields are not looked at."""
    if question.kind is Kind.INVENTORY and isinstance(value, str):
        from installer.plan import inventory

        return "\n".join(inventory.parse(value).errors)
    from installer.plan import validation

    mistake = validation.field_mistake(question.field, value)
    if mistake is None:
        return None
    return (question.explain(value) if isinstance(value, str) else "") or mistake.text


def parse(question: Question, text: str) -> Any:
    """The value that typed text means. Text that means none comes back as it is, for `error` to refuse."""
    text = text.strip()
    if question.read:
        return question.read(text)
    if question.kind is Kind.INVENTORY:
        return _machines(text)
    if question.kind is Kind.YES_NO:
        return _YES_NO.get(text.lower(), text)
    if question.kind is Kind.MULTI_CHOICE:
        return () if text.lower() in ("", "none") else tuple(re.split(r"[\s,]+", text.strip(", ")))
    numbers = question.kind in (Kind.INTEGER, Kind.CHOICE)
    return int(text) if numbers and re.fullmatch(r"-?[0-9]{1,18}", text) else text


def note(question: Question, text: str) -> str:
    """How a list of machines was read and what was left out of it; "" where that needs no saying."""
    if question.kind is not Kind.INVENTORY:
        return ""
    from installer.plan import inventory

    return inventory.parse(text).note


def show(question: Question, value: Any) -> str:
    """A value as a person types or reads it; `parse` takes it back."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if question.kind is Kind.INVENTORY and isinstance(value, tuple):
        from installer.plan import inventory

        return "\n".join(inventory.show(item) if isinstance(item, Mapping) else str(item) for item in value)
    return ", ".join(value) or "none" if isinstance(value, tuple) else str(value)


def _machines(text: str) -> Any:
    """The data of each machine; the text itself where anything in it is wrong."""
    from installer.plan import inventory

    found = inventory.parse(text)
    return text if found.errors else tuple(inventory.data(host) for host in found.hosts)
