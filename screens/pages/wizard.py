"""The wizard: a page per subject, the cluster drawn as it takes shape, and every page kept as a draft."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Footer, Static

from installer.common.errors import ExitCode
from installer.operations.login import connection_tests
from installer.operations.login.connection_tests import Trials
from installer.plan import planfile
from installer.plan.model import InstallPlan
from installer.plan.platforms.machines import Host
from installer.plan.questions import answers as answering
from installer.plan.questions import draft
from installer.plan.questions.catalogue import PAGES
from screens import theme
from screens.dialogs.choice import Choice, ChoiceDialog
from screens.dialogs.preview import PreviewDialog
from screens.dialogs.save import SaveDialog
from screens.models.subject import Subject
from screens.pages.base import CratonScreen
from screens.theme import Mark
from screens.widgets.diagram import Diagram
from screens.widgets.header import TitleBar
from screens.widgets.inventory import InventoryText
from screens.widgets.question import QuestionField, why
from screens.widgets.trail import Trail
from screens.words import tilde

REVIEW = len(PAGES)
"""The page after the last question."""

QUIET, ROUNDS = 3, 200
"""How often in a row no message may be under way before typing counts as done, and how often to look at most."""

_REPLACED = "An answer cannot stand; its default is drawn."


class WizardScreen(CratonScreen[None]):
    """Asks what a plan needs. `answers` are by plan field; `output` is the file that the plan goes to."""

    HELP = "Enter takes the answer and goes on. Nothing is installed here: the wizard ends with a plan to review."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "next", "Next", priority=True),
        Binding("escape", "back", "Back"),
        Binding("ctrl+down,ctrl+pagedown", "page(1)", "Pages", key_display="^↑↓"),
        Binding("ctrl+up,ctrl+pageup", "page(-1)", "Previous page", show=False),
        Binding("f2,p", "preview", "Preview", key_display="f2"),
        Binding("ctrl+s", "save_as", "Save"),
        Binding("ctrl+q", "app.quit", "Leave", priority=True),
    ]
    DEFAULT_CSS = """
    WizardScreen {
        #columns { height: 1fr; }
        #page { width: 1fr; max-width: 100; padding: 1 1 0 2; }
        #fields { height: auto; max-height: 75%; }
        #why { height: auto; margin: 1 1 0 0; }
        #preview { width: 50; padding: 1 2 0 2; display: none; }
        &.-wide #preview, &.-vast #preview { display: block; }
        &.-vast #preview { width: 70; }
        &.-machines {
            #preview { display: none; }
            #page { max-width: 100%; padding-right: 2; }
            #fields { height: 1fr; max-height: 100%; }
        }
        &.-machines.-short #why { display: none; }
    }
    """

    def __init__(self, answers: Mapping[str, Any] | None = None, output: Path | None = None) -> None:
        super().__init__()
        self._answers: dict[str, Any] = dict(answers or {})
        self._output = output
        self._page = 0
        self._seen: set[int] = set()
        self._problems: dict[str, str] = {}
        self._edits = False
        self._given = dict(self._answers)
        self._drafted = False
        self._typed = ""
        self._climber = connection_tests.Climber()
        self._trials = Trials(self._climber)

    @classmethod
    def editing(cls, plan: InstallPlan, path: Path | None) -> WizardScreen:
        """The wizard with the answers of a plan that exists; it is saved where it came from."""
        wizard = cls(answering.answers_of(plan), path)
        wizard._edits = True
        return wizard

    def compose(self) -> ComposeResult:
        yield TitleBar("edit" if self._edits else "new cluster")
        with Horizontal(id="columns"):
            yield Trail()
            with Vertical(id="page"):
                yield VerticalScroll(id="fields", can_focus=False)
                yield Static(id="why")
            with Vertical(id="preview"):
                yield Diagram()
        yield Footer()

    async def on_mount(self) -> None:
        kept = None if self._answers else draft.load_draft()
        await self._open(0)
        if kept:
            self.call_after_refresh(self._offer, kept)

    def _offer(self, kept: draft.Draft) -> None:
        """Ask whether to go on with a draft."""
        name = kept.answers.get("name")
        question = f"A draft of {name} is kept. Go on with it?" if name else "A draft is kept. Go on with it?"
        choices = (
            Choice("continue", "c", "Continue the draft"),
            Choice("afresh", "a", "Start afresh", "the draft is discarded"),
        )

        async def decide(answer: str | None) -> None:
            if answer == "continue":
                titles = [page.title for page in PAGES]
                page = titles.index(kept.page) if kept.page in titles else 0
                self._answers, self._seen, self._drafted = dict(kept.answers), set(range(page)), True
                await self._open(page)
            elif answer == "afresh":
                draft.discard_draft()
            else:
                self.leave()

        self.app.push_screen(ChoiceDialog(question, choices), decide)

    def on_unmount(self) -> None:
        self._trials.close()
        # Closing a jump host's connection may take a while, and nobody waits for it.
        Thread(target=self._climber.close, daemon=True).start()

    def quit(self) -> None:
        self.end(ExitCode.INTERRUPTED)

    def keep(self) -> None:
        if self._answers != self._given or self._page:
            draft.save_draft(self._answers, PAGES[self._page].title)
            self._drafted = True

    # The page

    async def _open(self, page: int) -> None:
        """Show the questions of a page; the one left counts as seen, and is kept."""
        self._page = page
        fields = self.query_one("#fields", VerticalScroll)
        self._typed = next((field.editor.area.text for field in self._fields if field.editor), self._typed)
        await fields.remove_children()
        full = answering.complete(self._answers)
        known = {**full, **self._answers}
        questions = PAGES[page].questions
        await fields.mount(*(QuestionField(question, known, self._trials, self._typed) for question in questions))
        self._judge()
        self.set_class(any(field.editor for field in self._fields), "-machines")
        self._focus(0)

    @property
    def _fields(self) -> list[QuestionField]:
        """The page's questions that apply."""
        return [field for field in self.query(QuestionField) if field.display]

    def _focus(self, number: int) -> None:
        if number < len(self._fields):
            # At once, not with the next message: keys that were typed ahead find the focus where it belongs.
            self.set_focus(self._fields[number].control)

    def _judge(self) -> None:
        """Look at the answers again: problems, what applies, the trail, the drawing."""
        self._problems = answering.problems(self._answers)
        full = answering.complete(self._answers)
        for field in self.query(QuestionField):
            field.display = field.question.applies(full)
            field.show_problem(self._problems.get(field.question.field, ""))
        shown = self._pages
        self.query_one(Trail).show([*self._marks(), (theme.WAITING, "Review")], shown.index(self._page))
        plan = answering.preview(self._answers)
        for field in self.query(QuestionField):
            if field.editor:
                field.editor.show(partial(self._arrange, f"{plan.name}-"), plan.ssh)
        self.query_one(Diagram).show(plan, _REPLACED if self._problems else "")
        self.query_one(TitleBar).notice = plan.traits.notice
        self.refresh_bindings()

    def _arrange(self, prefix: str, machines: Sequence[Host]) -> dict[Host, str]:
        names = answering.arranged(self._answers, machines)
        return {host: name.removeprefix(prefix) for host, name in names.items()}

    @property
    def _pages(self) -> list[int]:
        """Numbers of the pages that ask something, the open one among them."""
        full = answering.complete(self._answers)
        return [number for number, page in enumerate(PAGES) if page.asked(full) or number == self._page]

    def _marks(self) -> list[tuple[Mark, str]]:
        marks = []
        for number in self._pages:
            page = PAGES[number]
            if (number in self._seen or number == self._page) and self._wrong(number):
                mark = theme.FAILED
            elif number == self._page:
                mark = theme.RUNNING
            else:
                mark = theme.DONE if number in self._seen else theme.WAITING
            marks.append((mark, page.title))
        return marks

    def _wrong(self, page: int) -> bool:
        return any(question.field in self._problems for question in PAGES[page].questions)

    def on_question_field_answered(self, event: QuestionField.Answered) -> None:
        self._answers[event.field] = event.value
        self._judge()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        for field in self.query(QuestionField):
            current = field in event.widget.ancestors_with_self
            field.set_class(current, "-current")
            if current:
                self.query_one("#why", Static).update(why(field.question, rules=1 if self.has_class("-short") else 3))
                self.call_after_refresh(field.scroll_visible, animate=False)

    async def on_trail_asked(self, event: Trail.Asked) -> None:
        pages = self._pages
        await self._turn_to(pages[event.page] if event.page < len(pages) else REVIEW)

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        listing = isinstance(self.focused, InventoryText)  # Enter ends a line there
        if action == "preview":
            return self.has_class("-narrow") and not self.has_class("-machines")
        return not (action == "next" and listing)

    async def action_next(self) -> None:
        """To the next question, the next page, or the review; not past an answer that cannot stand."""
        await self._typed_through()
        fields = self._fields
        around = self.focused.ancestors_with_self if self.focused else []
        here = next((number for number, field in enumerate(fields) if field in around), 0)
        if fields[here].question.field in self._problems:
            self.app.bell()
        elif here + 1 < len(fields):
            self._focus(here + 1)
        elif self._wrong(self._page):
            self._focus(next((n for n, field in enumerate(fields) if field.question.field in self._problems), here))
        else:
            await self.action_page(1)

    async def _typed_through(self) -> None:
        """Wait until the keys typed so far have become answers: Enter overtakes those on their way to the input."""
        pumps = self.focused.ancestors_with_self if self.focused else []
        quiet = 0
        for _ in range(ROUNDS):
            quiet = 0 if any(pump.message_queue_size for pump in pumps if pump is not self.app) else quiet + 1
            if quiet == QUIET:
                return
            await asyncio.sleep(0)

    async def action_back(self) -> None:
        if self._page:
            await self.action_page(-1)
        else:
            self.leave()

    async def action_page(self, pages: int) -> None:
        asked = self._pages
        place = asked.index(self._page) + pages
        if place >= 0:
            await self._turn_to(asked[place] if place < len(asked) else REVIEW)

    async def _turn_to(self, page: int) -> None:
        if page < REVIEW:
            await self._go(page)
        else:
            await self._finish()

    async def _go(self, page: int) -> None:
        self._seen.add(self._page)
        await self._open(page)
        self.keep()

    def action_preview(self) -> None:
        plan = answering.preview(self._answers)
        self.app.push_screen(PreviewDialog(plan, _REPLACED if self._problems else ""))

    # The plan

    async def _finish(self) -> None:
        """Save the plan and review it, or open the first page that has something to mend."""
        self._seen = set(range(REVIEW))
        self.keep()
        plan = await self._plan()
        if plan is None:
            return
        path = self._output or Path.cwd() / f"{plan.name}.yaml"
        if self._output is None and path.exists():
            self._ask_to_replace(plan, path)
        else:
            self._save_and_review(plan, path)

    async def _plan(self) -> InstallPlan | None:
        try:
            return answering.plan_of(self._answers)
        except answering.AnswersError as error:
            wrong = [
                number for number, page in enumerate(PAGES) if any(q.field in error.problems for q in page.questions)
            ]
            await self._open(wrong[0] if wrong else 0)
            self._show_missing(error.problems)
            return None

    def _show_missing(self, problems: Mapping[str, str]) -> None:
        for field in self._fields:
            if problem := problems.get(field.question.field):
                field.show_problem(problem)
                field.control.focus()
                return

    def _ask_to_replace(self, plan: InstallPlan, path: Path) -> None:
        choices = (Choice("replace", "r", "Replace it"), Choice("elsewhere", "e", "Save elsewhere"))

        async def decide(answer: str | None) -> None:
            if answer == "replace":
                self._save_and_review(plan, path)
            elif answer == "elsewhere":
                await self.action_save_as()

        self.app.push_screen(ChoiceDialog(f"There is a plan for {plan.name} already.", choices, tilde(path)), decide)

    async def action_save_as(self) -> None:
        """Save the plan where the user says, and review it."""
        plan = await self._plan()
        if plan is None:
            return

        def save(path: Path | None) -> None:
            if path is not None:
                self._save_and_review(plan, path)

        self.app.push_screen(SaveDialog(self._output or Path.cwd() / f"{plan.name}.yaml"), save)

    def _save_and_review(self, plan: InstallPlan, path: Path) -> None:
        def work() -> None:
            planfile.save(path, plan)
            if self._drafted:
                draft.discard_draft()

        self.attempt(work, lambda _: self._review(plan, path))

    def _review(self, plan: InstallPlan, path: Path) -> None:
        from screens.pages.review import ReviewScreen

        self.app.switch_screen(ReviewScreen(Subject(plan, path=path)))
