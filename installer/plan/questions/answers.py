"""Answers to the questions: what they lack, what is wrong with them, and the plan that they make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from installer.common.errors import ExitCode, InstallerError
from installer.common.text import shown
from installer.plan import inventory, validation
from installer.plan.host import Host
from installer.plan.model import InstallPlan
from installer.plan.question import Answers, Kind, Question
from installer.plan.questions import reading
from installer.plan.questions.catalogue import QUESTIONS, UNASKED, flags, question_of
from installer.plan.topology import hosts

_SHOWN = 5
"""Mistakes in one field that are put into words."""


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
    later = dict(answers)
    for question in QUESTIONS:
        later.pop(question.field, None)
        if question.applies(full):
            given = question.field in answers
            value = answers[question.field] if given else reading.default(question, {**later, **full})
            if given or value != "":
                full[question.field] = value
    return full | {field: answers[field] for field in UNASKED if field in answers}


def plan_of(answers: Answers) -> InstallPlan:
    """The plan that answers and defaults make. Raises AnswersError."""
    full = complete(answers)
    found, missing = validation.validate(_data(full)), _missing(full)
    if isinstance(found, InstallPlan):
        if not missing:
            return found
        raise AnswersError(missing)
    raise AnswersError(_by_field(found, full) | missing)


def problems(answers: Answers) -> dict[str, str]:
    """What is wrong by field, rules between fields included, each where it can be corrected.

    What is not answered yet takes its default; that a question without a default is not answered is no problem.
    """
    full = complete(answers)
    found = validation.validate(_data(full), _unanswered(full))
    if isinstance(found, InstallPlan):
        return {}
    return _by_field(tuple(mistake for mistake in found if mistake.found != validation.MISSING), full)


def preview(answers: Answers) -> InstallPlan:
    """The plan so far: what is not answered or is invalid is replaced by its default.

    It may lack the machines that it takes; topology then gives them the addresses of a platform that makes them.
    """
    kept = dict(answers)
    while found := problems(kept):
        # Where a default clashes with an answer, it is not said which: the last one goes.
        for field in [field for field in found if field in kept] or list(kept)[-1:]:
            del kept[field]
    full = complete({"subdomain": "example.test", **kept})
    plan = validation.validate(_data(full), _unanswered(full))
    assert isinstance(plan, InstallPlan), "answers without a problem make a plan"
    return plan


def arranged(answers: Answers, machines: Sequence[Host]) -> dict[Host, str]:
    """The names that these machines would get if they were the list, whether or not it is valid."""
    asked = _inventory(answers)
    if asked is None:
        return {}
    full = complete({**answers, asked.field: tuple(inventory.data(host) for host in machines)})
    counts = {field: full.get(field) for field in ("masters", "workers", "ingress.infra")}
    if not all(isinstance(value, int) for value in counts.values()):
        return {}
    plan = preview({key: value for key, value in answers.items() if key != asked.field})
    changed = {
        "masters": counts["masters"],
        "workers": counts["workers"],
        "ingress": plan.ingress.model_copy(update={"infra": counts["ingress.infra"]}),
        plan.platform: plan.settings.model_copy(update={"inventory": tuple(machines)}),
    }
    return {host: name for name, host in hosts(plan.model_copy(update=changed)).items()}


def answers_of(plan: InstallPlan) -> dict[str, Any]:
    """The answers that make `plan`."""
    values = validation.values(plan)
    asked = [question.field for question in QUESTIONS if question.applies(values)]
    return {field: values[field] for field in (*asked, *(field for field in UNASKED if values[field]))}


def answers_of_flags(values: Mapping[str, str | bool | None]) -> dict[str, Any]:
    """Answers from the flags' values by parameter name; None means not given.

    Raises InstallerError naming every flag whose value is invalid.
    """
    answers: dict[str, Any] = {}
    wrong = []
    for flag in flags():
        given = values.get(flag.parameter)
        if given is None:
            continue
        question = question_of(flag.field)
        value = reading.parse(question, given) if isinstance(given, str) else given
        answers[flag.field] = value
        if problem := reading.error(question, value):
            wrong.append(f"{question.flag}: {problem}")
    if wrong:
        raise InstallerError("read the flags", " ".join(wrong), hint="craton new --help", exit_code=ExitCode.USAGE)
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


def _inventory(answers: Answers) -> Question | None:
    """The question about the user's own machines, where it applies."""
    return next((one for one in QUESTIONS if one.kind is Kind.INVENTORY and one.applies(answers)), None)


def _unanswered(full: Answers) -> list[tuple[str, ...]]:
    """What has no answer and no default, and the machines while there are none: a question for later."""
    asked = _inventory(full)
    lacking = [one.field for one in QUESTIONS if one.applies(full) and one.field not in full]
    if asked and not full.get(asked.field):
        lacking.append(asked.field)
    return [tuple(field.split(".")) for field in lacking]


def _missing(full: Answers) -> dict[str, str]:
    """What is to be said of machines that were not answered, and of the account on them where none can be offered."""
    asked = _inventory(full)
    if asked is None:
        return {}
    lacking = [asked] if not full.get(asked.field) else []
    lacking += [question_of("ssh.user")] if "ssh.user" not in full else []
    return {one.field: validation.sentence(validation.MISSING, reading.allowed(one)) for one in lacking}


def _by_field(mistakes: tuple[validation.Mistake, ...], full: Answers) -> dict[str, str]:
    texts: dict[str, list[str]] = {}
    for mistake in mistakes:
        field, text = _wording(mistake, full)
        texts.setdefault(field, []).append(text)
    return {field: _together(list(dict.fromkeys(sentences))) for field, sentences in texts.items()}


def _together(texts: list[str]) -> str:
    more = [f"and {len(texts) - _SHOWN} more like this"] if len(texts) > _SHOWN else []
    return "\n".join([*texts[:_SHOWN], *more])


def _wording(mistake: validation.Mistake, full: Answers) -> tuple[str, str]:
    """The field that is asked for, and the mistake in words; one machine of several is named by its address."""
    names = [key for key in mistake.field if isinstance(key, str)]
    field, question = ".".join(names), _inventory(full)
    typed = full.get(field)
    if isinstance(typed, str) and (why := next((one.explain(typed) for one in QUESTIONS if one.field == field), "")):
        return field, why
    if question is None or not field.startswith(question.field):
        return field, mistake.text
    given = full.get(question.field)
    if isinstance(given, str):  # text with mistakes of its own, line by line
        return question.field, reading.error(question, given) or mistake.text
    number = next((key for key in mistake.field if isinstance(key, int)), None)
    if number is None or not isinstance(given, tuple):
        return question.field, mistake.text
    item = given[number] if isinstance(given[number], Mapping) else {}
    words = [word for word in (str(item.get("address", "")), ".".join(names[2:])) if word]
    return question.field, shown(" ".join(words)) + f": {mistake.text}"


def _flags_of(problems: Mapping[str, str]) -> list[str]:
    return [question.flag for question in QUESTIONS if question.field in problems]
