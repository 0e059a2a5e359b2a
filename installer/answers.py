"""Answers to the questions: what they lack, what is wrong with them, and the plan that they make."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from installer import validation
from installer.errors import ExitCode, InstallerError
from installer.plan import InstallPlan
from installer.question import Answers
from installer.questions import QUESTIONS, flags, question_of


class AnswersError(InstallerError):
    """Answers that make no plan; `problems` says by field what is wrong."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        self.problems = dict(problems)
        observed = "; ".join(f"{field}: {text}" for field, text in problems.items())
        hint = "answer again, or give the flag: " + ", ".join(_flags_of(problems)) if problems else ""
        super().__init__("make the plan", observed, hint=hint, exit_code=ExitCode.PLAN)


def complete(answers: Answers) -> dict[str, Any]:
    """`answers`, and the default of each question that applies and is not answered; in the order asked.

    Answers to questions that do not apply are left out, and so is a question that has no default.
    """
    full: dict[str, Any] = {}
    for question in QUESTIONS:
        if question.applies(full):
            value = answers[question.field] if question.field in answers else question.default(full)
            if question.field in answers or value != "":
                full[question.field] = value
    return full


def plan_of(answers: Answers) -> InstallPlan:
    """The plan that answers and defaults make. Raises AnswersError."""
    found = validation.validate(_data(complete(answers)))
    if isinstance(found, InstallPlan):
        return found
    raise AnswersError(_by_field(found))


def problems(answers: Answers) -> dict[str, str]:
    """What is wrong by field, rules between fields included, each where it can be mended.

    What is not answered yet takes its default; that a question without a default is not answered is no problem.
    """
    found = validation.validate(_data(complete(answers)))
    if isinstance(found, InstallPlan):
        return {}
    return _by_field(tuple(mistake for mistake in found if mistake.found != validation.MISSING))


def preview(answers: Answers) -> InstallPlan:
    """The plan so far: what is not answered or cannot stand is replaced by its default."""
    kept = dict(answers)
    while found := problems(kept):
        # Where a default clashes with an answer, it is not said which: the last one goes.
        for field in [field for field in found if field in kept] or list(kept)[-1:]:
            del kept[field]
    return plan_of({"subdomain": "example.test", **kept})


def answers_of(plan: InstallPlan) -> dict[str, Any]:
    """The answers that make `plan`."""
    values = validation.values(plan)
    return {question.field: values[question.field] for question in QUESTIONS if question.applies(values)}


def answers_of_flags(values: Mapping[str, str | bool | None]) -> dict[str, Any]:
    """Answers from the flags' values by parameter name; None means not given.

    Raises InstallerError naming every flag whose value cannot stand.
    """
    answers: dict[str, Any] = {}
    wrong = []
    for flag in flags():
        given = values.get(flag.parameter)
        if given is None:
            continue
        question = question_of(flag.field)
        value = question.parse(given) if isinstance(given, str) else given
        answers[flag.field] = value
        if said := question.error(value):
            wrong.append(f"{question.flag}: {said}")
    if wrong:
        raise InstallerError("read the flags", "; ".join(wrong), hint="craton new --help", exit_code=ExitCode.USAGE)
    return answers


def _data(answers: Answers) -> dict[str, Any]:
    """Answers nested as a plan file holds them."""
    data: dict[str, Any] = {}
    for field, value in answers.items():
        *parents, key = field.split(".")
        inner = data
        for parent in parents:
            inner = inner.setdefault(parent, {})
        inner[key] = value
    return data


def _by_field(mistakes: tuple[validation.Mistake, ...]) -> dict[str, str]:
    texts: dict[str, list[str]] = {}
    for mistake in mistakes:
        field = ".".join(key for key in mistake.field if isinstance(key, str))
        texts.setdefault(field, []).append(mistake.text)
    return {field: "\n".join(said) for field, said in texts.items()}


def _flags_of(problems: Mapping[str, str]) -> list[str]:
    return [question.flag for question in QUESTIONS if question.field in problems]
