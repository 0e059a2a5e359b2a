"""The wizard's state without widgets: answers, what is wrong with them, and which pages were seen."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from installer.common.errors import InstallerError
from installer.plan.host import Host
from installer.plan.model import InstallPlan
from installer.plan.questions import answers as answering
from installer.plan.questions import draft
from installer.plan.questions.catalogue import PAGES
from screens import theme
from screens.theme import Mark

REVIEW = len(PAGES)
"""The page after the last question."""


class WizardState:
    """Answers by plan field, the number of the open page, and the numbers of those seen."""

    def __init__(self, answers: Mapping[str, Any] | None = None) -> None:
        self.answers: dict[str, Any] = dict(answers or {})
        self.page = 0
        self.seen: set[int] = set()
        self.problems: dict[str, str] = {}
        self.drafted = False
        """Whether a draft of these answers is kept."""
        self._given = dict(self.answers)

    def judge(self) -> None:
        """Look at the answers again for problems."""
        self.problems = answering.problems(self.answers)

    @property
    def full(self) -> dict[str, Any]:
        """The answers, and the defaults of the questions that apply."""
        return answering.complete(self.answers)

    @property
    def preview(self) -> InstallPlan:
        """The plan so far, with defaults for what is missing or invalid."""
        return answering.preview(self.answers)

    @property
    def pages(self) -> list[int]:
        """Numbers of the pages that ask something, the open one among them."""
        full = self.full
        return [number for number, page in enumerate(PAGES) if page.asked(full) or number == self.page]

    def wrong(self, page: int, problems: Collection[str] | None = None) -> bool:
        """Whether a question of `page` has a problem; `problems` are fields, those of `judge` by default."""
        fields = self.problems if problems is None else problems
        return any(question.field in fields for question in PAGES[page].questions)

    def marks(self) -> list[tuple[Mark, str]]:
        """A mark and a title for each of `pages`, and for the review."""
        return [*((self._mark(number), PAGES[number].title) for number in self.pages), (theme.WAITING, "Review")]

    def _mark(self, number: int) -> Mark:
        if (number in self.seen or number == self.page) and self.wrong(number):
            return theme.FAILED
        if number == self.page:
            return theme.RUNNING
        return theme.DONE if number in self.seen else theme.WAITING

    def arranged(self, prefix: str, machines: Sequence[Host]) -> dict[Host, str]:
        """The names that these machines would get, without the cluster's `prefix`."""
        names = answering.arranged(self.answers, machines)
        return {host: name.removeprefix(prefix) for host, name in names.items()}

    def keep(self) -> str:
        """Keep a draft once there is something to keep; why that can't be done, or nothing."""
        if self.answers == self._given and not self.page:
            return ""
        try:
            draft.save_draft(self.answers, PAGES[self.page].title)
        except InstallerError as error:
            return error.observed
        self.drafted = True
        return ""

    def take(self, kept: draft.Draft) -> int:
        """Go on with a draft; returns the number of the page to open."""
        titles = [page.title for page in PAGES]
        page = titles.index(kept.page) if kept.page in titles else 0
        self.answers, self.seen, self.drafted = dict(kept.answers), set(range(page)), True
        return page
