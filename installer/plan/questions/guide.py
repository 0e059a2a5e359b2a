"""A question and its answers explained, as the wizard, its help and plain prompts show them."""

from __future__ import annotations

from collections.abc import Iterator

from installer.plan.guidance import Guidance
from installer.plan.question import Answers, Choice, Kind, Question
from installer.plan.questions import reading

WHEN, COST, ADVICE = "When to pick it", "What it costs", "For this plan"

Line = tuple[str, str]
"""A label, which may be empty, and a text."""


def offered(question: Question, answers: Answers) -> tuple[Choice, ...]:
    """What there is to choose from: of a yes/no question yes and no, explained where it explains them."""
    choices = question.choices(answers)
    if question.kind is Kind.YES_NO and not choices:
        return (Choice(True, "Yes"), Choice(False, "No"))
    return choices


def of_answer(question: Question, answers: Answers, value: object) -> list[Line]:
    """What to know about the answer `value`, and the advice for this plan; empty where nobody explained it."""
    chosen = next((choice for choice in offered(question, answers) if choice.value == value), None)
    guidance = chosen.guidance if chosen else question.guidance
    return [*_lines(chosen.label if chosen else "", guidance), *advised(question, answers)]


def of_question(question: Question, answers: Answers) -> list[Line]:
    """Everything: why it is asked, what may be answered, each answer explained, the advice, and the rules behind it."""
    lines: list[Line] = [("", question.why)]
    if allowed := reading.allowed(question):
        lines.append(("Allowed", allowed))
    lines += _lines("", question.guidance)
    for choice in offered(question, answers):
        lines += _lines(choice.label, choice.guidance)
        if choice.unavailable:
            lines.append((choice.label, f"not available: {choice.unavailable}"))
    lines += advised(question, answers)
    lines += [(f"{id} {level}", words) for id, level, words in question.quotes]
    return lines


def advised(question: Question, answers: Answers) -> Iterator[Line]:
    """The advice for this plan, if there is any, as one line."""
    advice = question.advice(answers)
    if advice is not None:
        named = (choice.label for choice in offered(question, answers) if choice.value == advice.value)
        label = next(named, None) or reading.show(question, advice.value)
        separator = ", " if advice.because.startswith(("because", "so that", "unless", "if ")) else " "
        yield ADVICE, f"{label}{separator}{advice.because}"


def text(lines: list[Line]) -> list[str]:
    """Lines as plain text."""
    return [f"{label}: {words}" if label else words for label, words in lines]


def _lines(label: str, guidance: Guidance | None) -> list[Line]:
    if guidance is None:
        return []
    return [(label, guidance.what), (WHEN, guidance.when), (COST, guidance.cost)]
