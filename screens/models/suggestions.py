"""What the wizard asks an account, question by question, and what is known of it by now. No widgets."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from installer.operations.account import AccountSuggestions
from installer.plan.platforms import DEFAULT, PLATFORMS
from installer.plan.question import Answers, Question
from installer.plan.suggestions import OF_NAMES, Depends, Suggestions


class PageSuggestions:
    """Suggestions of the platform that the answers choose, and of the account that publishes names."""

    def __init__(self, account: AccountSuggestions) -> None:
        self._account = account

    def want(
        self, questions: Iterable[Question], answers: Answers, problems: Collection[str], *, again: bool = False
    ) -> None:
        """Ask for what these questions may be answered with, except where an answer that counts is invalid."""
        platform, depends = _platform(answers)
        fields = [
            question.field
            for question in questions
            if question.field in depends
            and question.applies(answers)
            and not any(one in problems for one in depends[question.field] if one != question.field)
        ]
        self._account.want(platform, fields, depends, answers, again=again)

    def of(self, question: Question, answers: Answers) -> Suggestions | None:
        """What is known for a question; None where nothing is asked."""
        platform, depends = _platform(answers)
        return self._account.of(platform, question.field, depends, answers) if question.field in depends else None

    def close(self) -> None:
        self._account.close()


def _platform(answers: Answers) -> tuple[str, Depends]:
    name: Any = answers.get("platform", DEFAULT)
    return (name, {**PLATFORMS[name].suggests, **OF_NAMES}) if name in PLATFORMS else ("", {})
