"""The review of a plan: what it means, rule by rule and step by step, before anything is done.

Over 300 lines because one screen is one class: its tabs, keys and dialogs. What the tabs show is in `review_rows`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static, TabbedContent, TabPane

from installer.artifacts import checksums
from installer.cluster import kubeadm
from installer.common.errors import InstallerError
from installer.common.text import count, tilde
from installer.operations import runs
from installer.plan import planfile
from installer.plan.rehearse import LIMITS, rehearsal_of
from installer.plan.topology import topology
from installer.steps.platform import RunOptions
from screens import theme
from screens.dialogs.choice import Choice, ChoiceDialog
from screens.dialogs.install import InstallDialog
from screens.dialogs.save import SaveDialog
from screens.messages import EditPlan, WatchRun
from screens.models.subject import Gathered, Subject, gather
from screens.pages import review_rows
from screens.pages.base import CratonScreen
from screens.pages.health_rows import RULE_LEGEND
from screens.pages.login import attempt_after_asking
from screens.place import Place
from screens.widgets.detailed import Detailed
from screens.widgets.diagram import Diagram
from screens.widgets.footer import Footer
from screens.widgets.header import TitleBar
from screens.widgets.outlook import OutlookPane
from screens.widgets.rows import Rows
from screens.widgets.table import Column, Table
from screens.words import clock

if TYPE_CHECKING:
    from installer.common.paths import ClusterDirectory
    from installer.plan.model import InstallPlan

__all__ = ["ReviewScreen", "Subject"]

CONTRACT_HELP = (
    "Every rule of the Generic Platform contract, and what this plan makes of it. NEEDED rules are not in the "
    "specification; a working cluster needs them. For an installed cluster, three columns show how it keeps each rule: "
    "planned by the plan, configured on the platform, observed between machines at the last check."
)
STEPS_HELP = "The steps, each after everything that it needs. Independent steps run in parallel."
ARTIFACTS_HELP = (
    "What the machines install, and the checksums that it must have. Craton reads them from the source during the "
    "review and records them in the plan. Nothing runs before its checksum matches."
)
TABS = {
    "overview": "Overview",
    "machines": "Machines",
    "contract": "Contract",
    "steps": "Steps",
    "dns": "DNS",
    "files": "Files",
    "yaml": "YAML",
    "artifacts": "Artifacts",
}
"""Titles by id, in the order of the keys 1 to 8."""


class ReviewScreen(CratonScreen[None]):
    """Tabs about one plan, and from here to the install, back to the wizard, or to a file."""

    HELP = "Everything that the plan means. An install uses exactly the machines, rules and steps that are shown here."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("i", "install", "Install"),
        Binding("r", "rehearse", "Rehearse"),
        Binding("e", "edit", "Edit"),
        Binding("t", "try_again", "Try machines again", show=False),
        Binding("ctrl+s", "save_as", "Save as"),
        Binding("left", "turn(-1)", "Previous tab", show=False, priority=True),
        Binding("right", "turn(1)", "Tabs", key_display="←→", priority=True),
        *(
            Binding(str(number), f"tab('{tab}')", title, show=False)
            for number, (tab, title) in enumerate(TABS.items(), 1)
        ),
        Binding("q,escape", "leave", "Close"),
    ]
    DEFAULT_CSS = """
    ReviewScreen {
        TabbedContent { height: 1fr; }
        TabPane { padding: 1 1; height: 1fr; }
        &.-tall TabbedContent { padding-top: 1; }
        VerticalScroll { padding: 0 1; }
        #facts { margin-top: 1; height: auto; }
        #changes { margin-bottom: 1; height: auto; display: none; }
        .-differs #changes { display: block; }
        #warnings { margin-bottom: 1; height: auto; }
        #warnings.-none { display: none; }
        #sums { display: none; padding: 0 2; height: auto; max-height: 5; }
    }
    """

    def __init__(self, subject: Subject) -> None:
        super().__init__()
        self.subject = subject
        self._gathered: Gathered | None = None

    def compose(self) -> ComposeResult:
        plan = self.subject.plan
        yield TitleBar(plan.name, "review", notice=plan.traits.notice)
        with TabbedContent():
            with TabPane(TABS["overview"], id="overview"), VerticalScroll():
                yield Static(id="changes")
                yield Static(id="warnings")
                yield Diagram(plan)
                yield Static(self._facts(), id="facts")
                yield OutlookPane(plan, offline=self.subject.offline)
            with TabPane(TABS["machines"], id="machines"):
                yield Detailed(review_rows.MACHINE_COLUMNS, "Machines by role; below, what is set on each.")
            with TabPane(TABS["contract"], id="contract"):
                yield Detailed(review_rows.RULE_COLUMNS, CONTRACT_HELP)  # its marks have words beside them
            with TabPane(TABS["steps"], id="steps"):
                yield Static("computing the steps …", classes="hint")
            with TabPane(TABS["dns"], id="dns"):
                yield Table(review_rows.RECORD_COLUMNS, "The A records that the cluster's two names need.")
            with TabPane(TABS["files"], id="files"), VerticalScroll():
                yield Static(self._files(), markup=False)
            with TabPane(TABS["yaml"], id="yaml"), VerticalScroll():
                yield Static(planfile.dump(plan), markup=False)
            if not plan.traits.stand_ins:
                with TabPane(TABS["artifacts"], id="artifacts"):
                    yield Detailed(review_rows.DOWNLOAD_COLUMNS, ARTIFACTS_HELP)
        yield Static(id="sums")
        yield Footer()

    def on_mount(self) -> None:
        plan = self.subject.plan
        self.query_one("#machines Detailed", Detailed).fill(*review_rows.machines(plan))
        self.query_one("#contract Detailed", Detailed).fill(*review_rows.rules(plan))
        self.query_one("#dns Table", Table).fill(review_rows.records(plan))
        self._show_warnings(plan)
        self.run_worker(self._gather(), group="gather", exclusive=True)
        if not plan.traits.stand_ins:
            self.query_one("#artifacts Detailed", Detailed).fill(*review_rows.artifacts(plan))
            self._record_sums()
        self.query_one("#overview VerticalScroll").focus()

    def _facts(self) -> Content:
        plan, path = self.subject.plan, self.subject.path
        quorum = plan.masters // 2 + 1
        facts = {
            _behind_ingress(plan): plan.console_host if plan.addons.ingress else "",
            "API server": f"{plan.api_host}:6443",
            "quorum": f"{quorum} of {count(plan.masters, 'master')}",
            "Kubernetes": plan.kubernetes,
            "platform": plan.traits.title,
            "plan": tilde(path) if path else "",
        }
        lines = [Content.styled(f"{name:12}", "$faint") + Content(value) for name, value in facts.items() if value]
        return Content("\n").join(lines)

    def _files(self) -> str:
        shape = topology(self.subject.plan)
        return f"# {shape.first_master.name}: kubeadm init --config\n" + kubeadm.shown(self.subject.plan, shape)

    async def _gather(self) -> None:
        try:
            gathered, columns, rows = await asyncio.to_thread(_gather, self.subject)
        except InstallerError as error:
            self.fail(error)
            return
        self._gathered = gathered
        self.query_one(OutlookPane).show(gathered.outlook)
        await self._replace("steps", Detailed(columns, STEPS_HELP), rows)
        if gathered.differences:
            self.query_one("#changes", Static).update(review_rows.difference_words(gathered))
            self.query_one("#overview").add_class("-differs")
        elif gathered.report:
            proven = review_rows.proven(self.subject.plan, gathered.report)
            legend = theme.legend(*RULE_LEGEND)
            detailed = Detailed(review_rows.PROVEN_COLUMNS, CONTRACT_HELP, legend=legend)
            await self._replace("contract", detailed, proven)
        self.refresh_bindings()

    def _record_sums(self) -> None:
        """Have the plan's file hold the sums that it lacks; without them, say so and go on."""
        path = self.subject.path
        if path is None or self.subject.offline:
            return

        async def body() -> None:
            try:
                recorded = await asyncio.to_thread(checksums.record, path, deadline=checksums.REVIEWING)
            except InstallerError as error:
                self._say_of_sums(theme.WARNING, checksums.not_read(error))
                return
            warnings = [warning for warning in (recorded.warning, recorded.unread) if warning]
            self._say_of_sums(theme.WARNING if warnings else theme.DONE, " ".join((*warnings, *recorded.sentences)))
            if recorded.sentences:
                self._show_sums(recorded.plan)

        plan = self.subject.plan
        if checksums.lacks(plan):
            until = clock(time.time() + checksums.REVIEWING)
            words = f"Reading checksums from {checksums.source(plan)} until {until}. You can install without waiting."
            self._say_of_sums(theme.RUNNING, words)
        self.run_worker(body(), group="sums", exclusive=True)

    def _say_of_sums(self, mark: theme.Mark, words: str) -> None:
        """One place below the tabs, which covers nothing; empty if there is nothing to say."""
        line = self.query_one("#sums", Static)
        line.update(theme.content(mark, words) if words else Content())
        line.display = bool(words)

    def _show_sums(self, plan: InstallPlan) -> None:
        self.subject = replace(self.subject, plan=plan)
        self.query_one("#artifacts Detailed", Detailed).fill(*review_rows.artifacts(plan))
        self.query_one("#yaml Static", Static).update(planfile.dump(plan))
        self._show_warnings(plan)

    def _show_warnings(self, plan: InstallPlan) -> None:
        words = review_rows.warning_words(plan)
        self.query_one("#warnings", Static).update(words)
        self.query_one("#warnings").set_class(not words, "-none")

    async def _replace(self, tab: str, detailed: Detailed, rows: review_rows.Rows) -> None:
        """Put another table into a tab, and the focus with it if the tab had it."""
        pane = self.query_one(f"#{tab}", TabPane)
        await pane.remove_children()
        await pane.mount(detailed)
        detailed.fill(*rows)
        if self.query_one(TabbedContent).active == tab:
            self.action_tab(tab)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "install":  # its key stays in its place until it's known whether there is anything to install
            return None if self._gathered is None else self._can_install
        if action == "tab":
            return bool(self.query(f"#{parameters[0]}"))
        if action == "rehearse":
            return not self.subject.plan.traits.stand_ins
        if action == "try_again":
            return bool(self.query(OutlookPane)) and self.query_one(OutlookPane).can_try_again
        return True

    def action_try_again(self) -> None:
        """Try to reach the machines again that didn't answer."""
        self.query_one(OutlookPane).try_again()

    @property
    def _can_install(self) -> bool:
        """There is something left to install, and nothing that an installed cluster cannot follow."""
        gathered = self._gathered
        if gathered is None:
            return False
        return not gathered.refused and (not gathered.finished or bool(gathered.differences))

    def action_turn(self, tabs: int) -> None:
        shown = [pane.id or "" for pane in self.query(TabPane)]
        current = shown.index(self.query_one(TabbedContent).active)
        self.action_tab(shown[(current + tabs) % len(shown)])

    def action_tab(self, tab: str) -> None:
        """Open a tab, if this plan has it, and put the focus on what it shows."""
        if not self.query(f"#{tab}"):
            return
        self.query_one(TabbedContent).active = tab
        for widget in self.query(f"#{tab} Rows, #{tab} VerticalScroll").results(Widget):
            if isinstance(widget, Rows | VerticalScroll):
                widget.focus()
                break

    def places(self) -> Iterable[Place]:
        for pane in self.query(TabPane):
            yield Place(TABS[pane.id or ""], "tab", partial(self.action_tab, pane.id or ""))
        for row, machine in enumerate(topology(self.subject.plan).listed):
            yield Place(machine.name, f"{machine.role} in this plan", partial(self._show_machine, row))

    def _show_machine(self, row: int) -> None:
        self.action_tab("machines")
        self.query_one("#machines Table", Table).place_cursor(row)

    def action_install(self) -> None:
        plan = self.subject.plan

        def decide(answer: str | None) -> None:
            if answer:
                attempt_after_asking(self, lambda: plan, self._start, self._watch)

        self.app.push_screen(InstallDialog(plan, self.query_one(OutlookPane)), decide)

    def action_rehearse(self) -> None:
        """Try this plan on simulated machines first, as a cluster of its own."""
        plan = self.subject.plan
        choices = (Choice("rehearse", "r", "Rehearse now"), Choice("", "n", "Not now"))
        question = f"Rehearse {plan.name} as {rehearsal_of(plan).name}?"

        def decide(answer: str | None) -> None:
            if answer:
                self.attempt(lambda: runs.start_rehearsal(plan, RunOptions(), self._tell), self._watch)

        self.app.push_screen(ChoiceDialog(question, choices, " ".join(LIMITS)), decide)

    def _start(self) -> ClusterDirectory:
        """Start the install, from a file. Blocks."""
        return runs.start_install(self._saved(), RunOptions(), self._tell)

    def _tell(self, sentence: str) -> None:
        self.app.call_from_thread(self.notify, sentence, markup=False)

    def _saved(self) -> Path:
        """The plan's file; a plan without one is written here."""
        if self.subject.path is not None:
            return self.subject.path
        path = Path.cwd() / f"{self.subject.plan.name}.yaml"
        planfile.save(path, self.subject.plan)
        return path

    def _watch(self, directory: ClusterDirectory) -> None:
        self.post_message(WatchRun(directory))

    def action_edit(self) -> None:
        self.post_message(EditPlan(self.subject.plan, self.subject.path))

    def action_save_as(self) -> None:
        def save(path: Path | None) -> None:
            if path is not None:
                self.attempt(lambda: planfile.save(path, self.subject.plan), lambda _: self._say_saved(path))

        proposed = self.subject.path or Path.cwd() / f"{self.subject.plan.name}.yaml"
        self.app.push_screen(SaveDialog(proposed), save)

    def _say_saved(self, path: Path) -> None:
        self.subject = replace(self.subject, path=path)
        self.query_one("#facts", Static).update(self._facts())
        self.notify(f"saved as {tilde(path)}", markup=False)

    def action_leave(self) -> None:
        self.leave()


def _gather(subject: Subject) -> tuple[Gathered, Sequence[Column], review_rows.Rows]:
    """What had to be read, and the table of steps, of which there may be many. Blocks."""
    gathered = gather(subject)
    if gathered.ran and not gathered.differences:
        return gathered, review_rows.RAN_COLUMNS, review_rows.ran(gathered)
    return gathered, review_rows.STEP_COLUMNS, review_rows.planned(gathered.steps)


def _behind_ingress(plan: InstallPlan) -> str:
    """What answers at the cluster's second name (contract D2)."""
    return "console" if plan.addons.console else "ingress"
