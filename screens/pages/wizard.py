"""The wizard: a page per subject, the cluster drawn as it takes shape, and every page kept as a draft.

Over 300 lines because one screen is one class: its keys, its pages and its dialogs. Its state is in `models/wizard`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Static

from installer.cluster import administrator
from installer.common.errors import ExitCode
from installer.common.text import tilde
from installer.operations.account import AccountSuggestions
from installer.operations.login import connection_tests
from installer.operations.login.connection_tests import Trials
from installer.plan import planfile
from installer.plan.model import InstallPlan
from installer.plan.question import Question
from installer.plan.questions import answers as answering
from installer.plan.questions import draft
from installer.plan.questions.catalogue import PAGES
from screens.dialogs.choice import Choice, ChoiceDialog
from screens.dialogs.files import FileDialog
from screens.dialogs.preview import PreviewDialog
from screens.dialogs.save import SaveDialog
from screens.models.subject import Subject
from screens.models.suggestions import PageSuggestions
from screens.models.wizard import REVIEW, WizardState
from screens.pages.base import CratonScreen
from screens.place import Place
from screens.widgets.diagram import Diagram
from screens.widgets.footer import Footer
from screens.widgets.header import TitleBar
from screens.widgets.inventory import InventoryTable
from screens.widgets.inventory_text import InventoryText
from screens.widgets.question import QuestionField, why
from screens.widgets.trail import Trail

WIDE = 120
"""Columns from which the diagram is next to the questions."""
QUIET, ROUNDS = 3, 200
"""How often in a row no message may be under way before typing counts as done, and how often to look at most."""

TYPING = 0.4
"""Seconds without another key after which the account is asked about a new answer."""

_OPTIONAL = "The defaults suit most clusters: ctrl+r goes to the review."
_REPLACED = "One answer is invalid, so the diagram shows its default."


class WizardScreen(CratonScreen[None]):
    """Asks what a plan needs. `answers` are by plan field; `output` is the file that the plan goes to."""

    class SuggestionsCame(Message):
        """The account has answered."""

    HELP = "Enter takes the answer and goes on. Nothing is installed here: the wizard ends with a plan to review."
    # The diagram needs 50 columns, and a question 60 next to the trail; where there are fewer, the title has the page.
    HORIZONTAL_BREAKPOINTS = [(0, "-slim"), (60, "-narrow"), (WIDE, "-wide"), (150, "-vast")]  # noqa: RUF012 (Screen's)
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "next", "Next", priority=True),
        Binding("ctrl+n", "go_on", "Next"),  # where enter ends a line; macOS terminals pass it on, unlike function keys
        Binding("escape", "back", "Back"),
        Binding("ctrl+down,ctrl+pagedown", "page(1)", "Pages", key_display="^↑↓"),
        Binding("ctrl+up,ctrl+pageup", "page(-1)", "Previous page", show=False),
        Binding("pagedown", "read(1)", "Read on", show=False, priority=True),
        Binding("pageup", "read(-1)", "Read back", show=False, priority=True),
        Binding("ctrl+r", "review", "Review", show=False),
        Binding("ctrl+o", "files", "Files"),
        Binding("f2,p", "preview", "Preview", key_display="f2"),
        Binding("f3", "terms", "Terms"),
        Binding("ctrl+s", "save_as", "Save"),
        Binding("ctrl+q", "app.quit", "Leave", priority=True),
    ]
    DEFAULT_CSS = """
    WizardScreen {
        #columns { height: 1fr; }
        #page { width: 1fr; max-width: 100; padding: 1 1 0 2; }
        #fields { height: auto; max-height: 75%; }
        #explained { height: 1fr; }
        #why { height: auto; margin: 1 1 0 0; }
        #optional { display: none; height: auto; margin: 1 1 0 0; color: $faint; }
        &.-optional #optional { display: block; }
        &.-short #optional, &.-low #optional { margin: 0 1 0 0; }
        &.-slim Trail { display: none; }
        &.-low #page { padding: 0 1 0 2; }
        &.-low #fields { max-height: 60%; }
        #preview { width: 50; padding: 1 2 0 2; display: none; }
        &.-wide #preview, &.-vast #preview { display: block; }
        &.-vast #preview { width: 70; }
        &.-machines {
            #preview { display: none; }
            #page { max-width: 100%; padding-right: 2; }
            #fields { height: 1fr; max-height: 100%; }
            #explained { height: auto; max-height: 40%; }
        }
        &.-machines.-short #why, &.-machines.-low #why { display: none; }
    }
    """

    def __init__(self, answers: Mapping[str, Any] | None = None, output: Path | None = None) -> None:
        super().__init__()
        self._state = WizardState(answers)
        self._output = output
        self._edits = False
        self._typed = ""
        self._no_draft = ""
        self._told = False
        self._tester = connection_tests.ConnectionTester()
        self._trials = Trials(self._tester)
        self._suggestions = PageSuggestions(AccountSuggestions(self._suggestions_came))
        self._quiet: Timer | None = None
        """Runs out when nobody has typed for a moment."""

    @classmethod
    def editing(cls, plan: InstallPlan, path: Path | None) -> WizardScreen:
        """The wizard with the answers of a plan that exists; it is saved where it came from."""
        wizard = cls(answering.answers_of(plan), path)
        wizard._edits = True
        return wizard

    @property
    def _heading(self) -> tuple[str, ...]:
        return ("edit" if self._edits else "new cluster",)

    def compose(self) -> ComposeResult:
        yield TitleBar(*self._heading)
        with Horizontal(id="columns"):
            yield Trail()
            with Vertical(id="page"):
                yield VerticalScroll(id="fields", can_focus=False)
                with VerticalScroll(id="explained", can_focus=False):
                    yield Static(id="why")
                    yield Static(_OPTIONAL, id="optional")
            with Vertical(id="preview"):
                yield Diagram()
        yield Footer()

    async def on_mount(self) -> None:
        kept = None if self._state.answers else draft.load_draft()
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
                await self._open(self._state.take(kept))
            elif answer == "afresh":
                draft.discard_draft()
            else:
                self.leave()

        self.app.push_screen(ChoiceDialog(question, choices), decide)

    def on_unmount(self) -> None:
        self._trials.close()
        self._suggestions.close()
        # Closing a jump host's connection may take a while, and nobody waits for it.
        Thread(target=self._tester.close, daemon=True).start()

    def quit(self) -> None:
        self.keep()
        if not self._told_of_no_draft():
            self.end(ExitCode.INTERRUPTED)

    def leave(self, code: ExitCode = ExitCode.DONE) -> None:
        self.keep()
        if not self._told_of_no_draft():
            super().leave(code)

    def keep(self) -> None:
        self._no_draft = self._state.keep()

    def _told_of_no_draft(self) -> bool:
        """Say once that no draft can be kept; whether that was news to the person, who may want to stay."""
        if not self._no_draft or self._told:
            return False
        self._told = True
        self.notify(
            f"Your answers can't be kept as a draft: {self._no_draft}. Save the plan (ctrl+s) before you leave.",
            severity="warning",
            timeout=15,
        )
        return True

    # The page

    async def _open(self, page: int) -> None:
        """Show the questions of a page; the one left counts as seen, and is kept."""
        self._state.page = page
        fields = self.query_one("#fields", VerticalScroll)
        self._typed = next((field.editor.area.text for field in self._fields if field.editor), self._typed)
        known = self._known
        questions = PAGES[page].questions
        with self.app.batch_update():  # a question that will be hidden would leave the scrollbar that it needed
            await fields.remove_children()
            await fields.mount(*(QuestionField(question, known, self._trials, self._typed) for question in questions))
            self._judge()
            self.set_class(any(field.editor for field in self._fields), "-machines")
            self.set_class(PAGES[page].optional, "-optional")
        self._focus(0)
        self._look_up(again=True)

    @property
    def _known(self) -> dict[str, Any]:
        """Answers and defaults, with answers to questions that don't apply now."""
        return {**self._state.full, **self._state.answers}

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
        state = self._state
        state.judge()
        full = state.full
        for field in self.query(QuestionField):
            field.display = field.question.applies(full)
            field.show_problem(state.problems.get(field.question.field, ""))
        self.query_one(Trail).show(state.marks(), state.pages.index(state.page))
        plan = state.preview
        for field in self.query(QuestionField):
            if field.editor:
                field.editor.show(partial(state.arranged, f"{plan.name}-"), plan.ssh)
        self.query_one(Diagram).show(plan, _REPLACED if state.problems else "")
        self.query_one(TitleBar).notice = plan.traits.notice
        self._show_heading()
        self.refresh_bindings()

    def on_resize(self) -> None:
        self.call_after_refresh(self._show_heading)

    def _show_heading(self) -> None:
        """Say which page this is where no trail does."""
        pages, place = self._state.pages, self._state.pages.index(self._state.page)
        where = f"{place + 1}/{len(pages)} {PAGES[self._state.page].title}"
        self.query_one(TitleBar).show(*self._heading, *([where] if self.has_class("-slim") else []))

    def action_read(self, pages: int) -> None:
        """Scroll the explanation, which no key has the focus on."""
        explained = self.query_one("#explained")
        explained.scroll_relative(y=pages * max(1, explained.size.height - 1), animate=False)

    def on_question_field_answered(self, event: QuestionField.Answered) -> None:
        self._state.answers[event.field] = event.value
        self._judge()
        if self._quiet:
            self._quiet.stop()
        self._quiet = self.set_timer(TYPING, self._look_up)
        for field in self.query(QuestionField):
            if field.has_class("-current"):
                self._explain(field)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        for field in self.query(QuestionField):
            current = field in event.widget.ancestors_with_self
            field.set_class(current, "-current")
            if current:
                self._explain(field)
                self.call_after_refresh(field.scroll_visible, animate=False)
        self._show_suggestions()
        self.refresh_bindings()

    def _explain(self, field: QuestionField) -> None:
        """Explain the answer at hand below the questions."""
        words = why(field.question, self._known, field.value, short=not self.has_class("-tall"))
        self.query_one("#why", Static).update(words)
        self.query_one("#explained").scroll_home(animate=False)

    async def on_trail_asked(self, event: Trail.Asked) -> None:
        pages = self._state.pages
        await self._turn_to(pages[event.page] if event.page < len(pages) else REVIEW)

    def places(self) -> Iterable[Place]:
        full = self._state.full
        for number in self._state.pages:
            yield Place(PAGES[number].title, "page", partial(self._turn_to, number))
            for question in PAGES[number].asked(full):
                name, where = f"{question.title}: {question.prompt}", f"question on {PAGES[number].title}"
                yield Place(name, where, partial(self._ask, number, question))
        yield Place("Review", "page", partial(self._turn_to, REVIEW))

    async def _ask(self, page: int, question: Question) -> None:
        """Open a question's page with the focus on it."""
        await self._turn_to(page)
        self._focus(next((number for number, field in enumerate(self._fields) if field.question is question), 0))

    # What the account suggests

    def _look_up(self, *, again: bool = False) -> None:
        """Have the account asked what it has for the open page, and for what the next one begins with."""
        pages = self._state.pages
        near = pages[pages.index(self._state.page) :][:2]
        questions = [question for page in near for question in PAGES[page].questions]
        self._suggestions.want(questions, self._state.full, self._state.problems, again=again)
        self._show_suggestions()

    def _suggestions_came(self) -> None:
        """Called on another thread."""
        self.post_message(self.SuggestionsCame())

    def on_wizard_screen_suggestions_came(self) -> None:
        self._show_suggestions()

    def _show_suggestions(self) -> None:
        """Below the question that has the focus, and below no other."""
        full = self._state.full
        for field in self.query(QuestionField):
            current = field.has_class("-current")
            field.show_suggestions(self._suggestions.of(field.question, full) if current else None)

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        listing = isinstance(self.focused, InventoryText)  # Enter ends a line there
        if action == "preview":
            return self.size.width < WIDE and not self.has_class("-machines")
        if action == "go_on":
            return listing
        if action == "read":  # a list of machines has pages of its own
            return not self.has_class("-machines")
        if action == "files":
            return self._asks_for_file
        if action == "terms":  # other keys fill the line; f3 works there all the same
            return not (isinstance(self.focused, InventoryTable) or self._asks_for_file)
        return not (action == "next" and listing)

    @property
    def _asks_for_file(self) -> bool:
        field = self._current
        on_table = isinstance(self.focused, InventoryTable)
        return field is not None and field.question.files is not None and not on_table

    @property
    def _current(self) -> QuestionField | None:
        """The question that has the focus."""
        return next((field for field in self.query(QuestionField) if field.has_class("-current")), None)

    def action_files(self) -> None:
        """Pick a file as the answer; a list of machines gets a line that names it."""
        field = self._current
        if field is None or field.question.files is None:
            return

        def take(path: Path | None) -> None:
            if path is not None:
                field.type_path(path)

        typed = field.value if isinstance(field.value, str) else ""
        self.app.push_screen(FileDialog(field.question.prompt.partition(" (")[0], typed, field.question.files), take)

    async def action_terms(self) -> None:
        """Open the glossary."""
        await self.app.run_action("glossary")

    async def action_go_on(self) -> None:
        await self.action_next()

    async def action_next(self) -> None:
        """To the next question, the next page, or the review; not past an invalid answer."""
        await self._typed_through()
        fields = self._fields
        around = self.focused.ancestors_with_self if self.focused else []
        here = next((number for number, field in enumerate(fields) if field in around), 0)
        if fields[here].question.field in self._state.problems:
            self.app.bell()
        elif here + 1 < len(fields):
            self._focus(here + 1)
        elif self._state.wrong(self._state.page):
            self._focus(
                next((n for n, field in enumerate(fields) if field.question.field in self._state.problems), here)
            )
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

    async def action_review(self) -> None:
        """To the review, with defaults for all that is not answered."""
        await self._typed_through()
        await self._finish()

    async def action_back(self) -> None:
        if self._state.page:
            await self.action_page(-1)
        else:
            self.leave()

    async def action_page(self, pages: int) -> None:
        asked = self._state.pages
        place = asked.index(self._state.page) + pages
        if place >= 0:
            await self._turn_to(asked[place] if place < len(asked) else REVIEW)

    async def _turn_to(self, page: int) -> None:
        if page < REVIEW:
            await self._go(page)
        else:
            await self._finish()

    async def _go(self, page: int) -> None:
        self._state.seen.add(self._state.page)
        await self._open(page)
        self.keep()
        self._told_of_no_draft()

    def action_preview(self) -> None:
        plan = self._state.preview
        self.app.push_screen(PreviewDialog(plan, _REPLACED if self._state.problems else ""))

    # The plan

    async def _finish(self) -> None:
        """Save the plan and review it, or open the first page with a problem."""
        self._state.seen = set(range(REVIEW))
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
            return answering.plan_of(self._state.answers)
        except answering.AnswersError as error:
            wrong = [number for number in range(REVIEW) if self._state.wrong(number, error.problems)]
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
        """Save the plan and review it, once it is known how its administrator will sign in."""
        from screens.dialogs.password import PasswordDialog

        if administrator.is_asked_for(plan):
            self.app.push_screen(PasswordDialog(plan.administrator), lambda typed: self._save(plan, path, typed))
        else:
            self._save(plan, path)

    def _save(self, plan: InstallPlan, path: Path, password: str | None = None) -> None:
        def work() -> None:
            planfile.save(path, plan)
            if administrator.is_asked_for(plan):
                administrator.choose(plan, password)
            if self._state.drafted:
                draft.discard_draft()

        self.attempt(work, lambda _: self._review(plan, path))

    def _review(self, plan: InstallPlan, path: Path) -> None:
        from screens.pages.review import ReviewScreen

        self.app.switch_screen(ReviewScreen(Subject(plan, path=path)))
