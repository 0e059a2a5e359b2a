"""Taking a cluster back: what exists, a name typed on purpose, every step undone, and a receipt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.reactive import reactive
from textual.widgets import Input, Static

from installer.common.errors import ExitCode, InstallerError
from installer.common.paths import ClusterDirectory
from installer.common.text import count
from installer.engine.ending import how_it_ended
from installer.engine.events import Outcome, RunKind
from installer.engine.progress import Progress
from installer.operations.outcome import left_on_machines
from installer.operations.resource_groups import Group, existed, group_lines, grouped, total
from installer.steps.platform import Resource
from screens import theme
from screens.dialogs.details import DetailsDialog
from screens.pages.login import Before, attempt_after_asking, plan_of_cluster
from screens.pages.run import RunScreen
from screens.widgets.failure import FailureCard
from screens.widgets.footer import Footer
from screens.widgets.header import TitleBar
from screens.widgets.in_order import LineInput
from screens.widgets.phases import PhasesBar
from screens.widgets.steps import StepList
from screens.widgets.table import Column, Table, cell
from screens.words import step_pairs

COLUMNS = (Column("kind"), Column("name"), Column("detail", flexible=True, wide=60))
OPENING = 5.0
"""Seconds that opening the journal may take."""


class NameInput(LineInput):
    HELP = "Nothing is deleted until you type the cluster's exact name here and press enter."


class DestroyScreen(RunScreen):
    """Three pages in a row: confirm, undo, receipt."""

    HELP = "Everything listed is deleted, in the reverse order of the install, by a process of its own."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "again", "Try again"),
        Binding("d", "details", "Details"),
        Binding("escape", "back", "Back"),
        Binding("q", "leave", "Leave"),
    ]
    DEFAULT_CSS = """
    DestroyScreen {
        .page { display: none; height: 1fr; }
        &.-confirm #confirm, &.-undo #undo, &.-receipt #receipt { display: block; }
        #what, #ask { padding: 1 2; height: auto; }
        Table { height: 1fr; }
        NameInput { margin: 0 2 1 2; width: 40; }
        #undo-title { padding: 0 2; margin-bottom: 1; height: 1; }
        StepList { height: 1fr; margin: 0 2; }
        #receipt Static { padding: 1 2; height: auto; }
        &.-low {
            #what, #ask { padding: 0 2; }
            NameInput { margin: 0 2; }
            #undo-title { display: none; }
            #receipt Static { padding: 0 2; }
        }
    }
    """

    page: reactive[str] = reactive("confirm", init=False)

    def __init__(self, cluster: str) -> None:
        super().__init__(ClusterDirectory.of(cluster))
        self._resources: list[Resource] | None = None

    def compose(self) -> ComposeResult:
        yield TitleBar(self.directory.cluster, "destroy")
        with Vertical(id="confirm", classes="page"):
            yield Static(id="what")
            yield Table(COLUMNS, "Everything that the platform has for this cluster. All of it will be deleted.")
            yield Static(id="ask")
            yield NameInput(compact=True, id="name")
        with Vertical(id="undo", classes="page"):
            yield PhasesBar()
            yield Static(
                Content.styled("every step of the install is undone, the last one first", "$faint"), id="undo-title"
            )
            yield StepList(id="steps")
            yield FailureCard()
        with VerticalScroll(id="receipt", classes="page"):
            yield Static(id="receipt-text")
        yield Footer()

    def prepare(self) -> None:
        self.watch_page(self.page)
        cluster = self.directory.cluster
        self.query_one("#what", Static).update(Content.styled("looking for everything that exists …", "$faint"))
        self.query_one("#ask", Static).update(
            Content("Type ")
            + Content.styled(cluster, "bold")
            + Content(" and press enter to destroy it. This can't be undone.")
        )
        self.query_one(NameInput).focus()
        self._look()

    def start_feed(self) -> None:
        """Not before the user has confirmed."""

    def _look(self) -> None:
        from installer.operations import destroy

        cluster = self.directory.cluster
        attempt_after_asking(
            self,
            lambda: plan_of_cluster(cluster),
            lambda: destroy.resources(cluster),
            self._show_resources,
            before=Before.DESTROY,
            group="look",
        )

    def _show_resources(self, found: list[Resource]) -> None:
        self._resources = found
        name = Content.styled(self.directory.cluster, "bold")
        deletes = f" This deletes {count(len(found), 'resource')} and everything Craton has stored about "
        self.query_one("#what", Static).update(theme.content(theme.WARNING) + Content(deletes) + name)
        self.query_one(Table).fill(
            [(cell(one.kind, "faint"), cell(one.name), cell(one.detail, "faint")) for one in found]
        )

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if event.value.strip() != self.directory.cluster:
            self.notify(f"That is not {self.directory.cluster}.", severity="warning", markup=False)
        elif self._resources is None:
            self.notify("Still looking for what exists.", severity="warning", markup=False)
        else:
            self._begin()

    def _begin(self) -> None:
        from installer.operations import runs

        directory, feed = self.directory, self.feed
        feed.start()

        def body() -> None:
            # The engine removes the journal at the very end: whoever reads it has to have opened it before.
            feed.opened.wait(OPENING)
            try:
                runs.start_destroy(directory.cluster, runs.last_run(directory)[1])
            except InstallerError:
                self.app.call_from_thread(self._not_begun, before)
                raise

        before, self.page = self.page, "undo"
        self.attempt(body, lambda _: None, group="start")

    def _not_begun(self, page: str) -> None:
        self.page = page

    @property
    def _undoing(self) -> bool:
        return self.fleet.progress.kind is RunKind.DESTROY

    def watch_page(self, page: str) -> None:
        for name in ("confirm", "undo", "receipt"):
            self.set_class(name == page, f"-{name}")
        if page == "undo":
            self.query_one(StepList).focus()
        self.refresh_bindings()

    def draw(self) -> None:
        if not self._undoing:
            return
        progress = self.fleet.progress
        self.query_one(TitleBar).show(self.directory.cluster, self.state_word())
        phases = self.query_one(PhasesBar)
        phases.phases = tuple(reversed(self.fleet.phases()))
        phases.fraction, phases.left = self.fleet.fraction, self.how_far()
        self.query_one(StepList).show(list(reversed(progress.steps.values())), self.now)
        self._draw_failure(progress)
        self.refresh_keys()

    def _draw_failure(self, progress: Progress) -> None:
        card = self.query_one(FailureCard)
        if progress.failures:
            card.show_failure(progress.failures[0], len(progress.failures) - 1, "d details")
        elif self.engine_gone:
            seen = f"Process {progress.pid} {how_it_ended(self.directory, progress.pid)}."
            card.show_text("the engine is gone", seen, "r try again")
        else:
            card.hide()

    def ended(self, outcome: Outcome) -> None:
        if not self._undoing:
            return
        if self.leaves_when_stopped:
            self.leave(self.exit_code)
            return
        self.query_one("#receipt-text", Static).update(
            receipt(self.directory.cluster, self.fleet.progress, self._resources or [], self.size.width - 6)
        )
        self.page = "receipt"

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if not self.is_mounted:
            return True
        can = {
            "again": self._undoing and (self.fleet.progress.outcome not in (None, Outcome.DONE) or self.engine_gone),
            "details": self.page == "undo" and self.query_one(StepList).step is not None,
            "back": self.page in ("confirm", "receipt"),
        }
        return can.get(action, True)

    def action_back(self) -> None:
        self.leave(self.exit_code)

    def action_again(self) -> None:
        self._begin()

    def action_details(self) -> None:
        if view := self.query_one(StepList).step:
            self.app.push_screen(DetailsDialog(view.record.title, step_pairs(view, self.now)))


def receipt(cluster: str, progress: Progress, resources: Sequence[Resource], width: int = 74) -> Content:
    """What there was, what went, and what a second look found, in lines of `width`."""
    left: Sequence[Mapping[str, str]] = progress.results.get("receipt", {}).get("left", [])
    groups = existed(progress) or grouped(resources)
    if progress.exit_code == ExitCode.DONE:
        deleted = Content.styled(f"   {total(groups)} deleted", "$faint")
        head = theme.content(theme.DONE) + Content.styled(f" {cluster} is destroyed", "bold") + deleted
        proof = theme.content(theme.DONE, "looked again: nothing is left")
        kept = [
            theme.content(theme.WARNING, f"left on {machine}: {words}") for machine, words in left_on_machines(progress)
        ]
        return Content("\n").join([head, Content(), *_lines(groups, width), Content(), proof, *kept])
    head = theme.content(theme.FAILED) + Content.styled(f" not all of {cluster} could be destroyed", "bold")
    lines = [head, Content()]
    lines += [
        theme.content(theme.WARNING, f"left: {one['kind']} {one['name']} {one['detail']}".rstrip()) for one in left
    ]
    for view in progress.failures:
        error = view.error or {}
        lines.append(theme.content(theme.FAILED, f"{view.record.title}: {error.get('observed', '')}"))
        if error.get("hint"):
            lines.append(Content.styled(f"  {error['hint']}", "$faint"))
    lines += [Content(), Content.styled(f"exit code {progress.exit_code}; r retries what is left", "$faint")]
    return Content("\n").join(lines)


def _lines(groups: Sequence[Group], width: int) -> list[Content]:
    """For each kind of resource how many there were, and their names."""
    return [Content.styled(head, "$faint") + Content(names) for head, names in group_lines(groups, width)]
