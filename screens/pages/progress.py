"""A run as it happens, or told again: phases, machines, the selected machine's steps and log, what failed.

Over 300 lines because one screen is one class: its panes and its keys.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.reactive import reactive
from textual.widgets import Static

from installer.common.errors import InstallerError
from installer.common.paths import ClusterDirectory
from installer.engine.ending import how_it_ended
from installer.engine.events import Outcome, StepState
from installer.engine.progress import StepView
from screens import theme
from screens.dialogs.details import DetailsDialog
from screens.models.feed import Batch
from screens.models.fleet import CLUSTER, MachineView
from screens.models.retries import Retries
from screens.pages.run import RunScreen
from screens.pages.summary import SummaryScreen, open_review
from screens.place import Place
from screens.widgets.failure import FailureCard
from screens.widgets.footer import Footer
from screens.widgets.header import TitleBar
from screens.widgets.machine_list import MachineList
from screens.widgets.machine_pane import MachinePane
from screens.widgets.machines import MachineTable
from screens.widgets.phases import PhasesBar
from screens.widgets.rows import Rows
from screens.widgets.still import Still
from screens.widgets.timeline import Timeline, legend
from screens.words import clock, step_pairs, wait_words

FAILURE_KEYS = {
    "retry": "r retry",
    "retry_all": "a retry all",
    "shell": "s shell on it",
    "gather": "g support bundle",
    "details": "d details",
}
LINGER = 1.5
"""Seconds for which the end stays visible on a screen that closes by itself."""


class ProgressScreen(RunScreen):
    """Machines on the left, the selected one on the right; a log or a timeline instead of both."""

    HELP = (
        "Follows an install that runs in a process of its own: closing this screen doesn't stop it, and "
        "craton watch opens it again. Phases are at the top, machines below, failed ones first."
    )
    CSS_PATH = "progress.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("h", "health", "Health"),
        Binding("v", "review", "Review", show=False),
        Binding("u", "summary", "Summary"),
        Binding("r", "retry", "Retry this machine", show=False),
        Binding("a", "retry_all", "Retry all that failed", show=False),
        Binding("space", "pause", "Pause", key_display="space"),
        Binding("plus", "pace(2.0)", "Speed", key_display="+-"),
        Binding("minus", "pace(0.5)", "Slower", show=False),
        Binding("tab", "switch", "Switch"),
        Binding("slash", "filter", "Filter", key_display="/"),
        Binding("l", "show('log')", "Log"),
        Binding("t", "show('timeline')", "Timeline"),
        Binding("m", "toggle_grid", "Grid or table", show=False),
        Binding("escape", "back", "Back"),
        Binding("q", "leave", "Leave"),
        Binding("d", "details", "Details", show=False),
        Binding("s", "shell", "Shell on the machine", show=False),
        Binding("g", "gather", "Gather a support bundle", show=False),
    ]

    view: reactive[str] = reactive("machines", init=False)
    """What fills the middle: machines, log or timeline."""

    def __init__(self, directory: ClusterDirectory, *, replay: bool = False, close: bool = False) -> None:
        super().__init__(directory, replay=replay)
        self._close = close
        self._selected = CLUSTER
        self._retries = Retries()
        self._chosen = False
        """Whether the user picked the machine: then it stays."""

    def compose(self) -> ComposeResult:
        yield TitleBar(self.directory.cluster)
        yield PhasesBar()
        with Horizontal(id="middle"):
            yield MachineList(self.fleet, self._pick)
            yield MachinePane()
        with Vertical(id="timeline-view"):
            yield Timeline(self.fleet, self._pick)
            yield Static(Content.styled(legend(), "$faint"), id="legend")
        yield Still(id="wait")
        yield FailureCard()
        yield Footer()

    def prepare(self) -> None:
        self.list, self.pane = self.query_one(MachineList), self.query_one(MachinePane)
        self.query_one(MachineTable).focus()

    def take_in(self, batch: Batch) -> None:
        self.pane.take_in(batch)

    def draw(self) -> None:
        if not self._chosen:
            self._select(self._telling())
        self._draw_title()
        phases = self.query_one(PhasesBar)
        phases.phases, phases.fraction, phases.left = tuple(self.fleet.phases()), self.fleet.fraction, self.how_far()
        if self.view == "timeline":
            self.query_one(Timeline).show(self.list.names, self._selected, self.now)
        else:
            self.list.show(self._selected, self.now)
        self._draw_selected()

    def _draw_selected(self) -> None:
        """Bring up to date what depends on the selected machine."""
        if self.selected and self.view != "timeline":
            self.pane.show(self.selected, self.now)
            self.list.show_here()
        self._draw_wait()
        self._draw_failure()
        self.refresh_keys()

    def _draw_title(self) -> None:
        words = [self.directory.cluster, self.state_word()]
        if self.replay:
            speed = f"{'paused, ' if self.replay.paused else ''}{self.replay.speed:.3g}×"
            words[1:] = [f"replay {speed}", clock(self.now)]
        self.query_one(TitleBar).show(*words)

    def _draw_wait(self) -> None:
        line, waits = self.query_one("#wait", Still), self.fleet.waits if self.running else []
        if line.display != bool(waits):
            line.display = bool(waits)
        if waits:
            view = next((view for view in waits if view.record.machine == self._selected), waits[0])
            where = f"{view.record.machine}: " if view.record.machine else ""
            more = f"   and {len(waits) - 1} more" if len(waits) > 1 else ""
            line.say(theme.content(theme.RUNNING) + Content.styled(f" {where}{wait_words(view)}{more}", "$faint"))

    def _draw_failure(self) -> None:
        card, progress = self.query_one(FailureCard), self.fleet.progress
        failed = [] if progress.outcome is Outcome.DONE else self.fleet.failures
        retried = self._retries.pending(progress.steps)
        keys = "   ".join(words for action, words in FAILURE_KEYS.items() if self.check_action(action, ()))
        if self.journal_error:
            card.show_text("the journal can't be read right now", str(self.journal_error), "")
        elif retried and len(failed) == sum(view.state is StepState.FAILED for view in retried):
            card.show_retry(retried)
        elif told := self._told_failure(failed):
            card.show_failure(told, len(failed) - 1, keys, again=self._retries.failed_again(told))
        elif self.engine_gone:
            seen = f"Process {progress.pid} {how_it_ended(self.directory, progress.pid)}. The journal is intact."
            card.show_text("the engine is gone", seen, keys)
        else:
            card.hide()

    @property
    def selected(self) -> MachineView | None:
        return self.fleet.machines.get(self._selected)

    def _select(self, name: str) -> None:
        self._selected = name
        self.pane.choose(name)
        self.feed.select(name)

    def _telling(self) -> str:
        """The machine to look at unless the user picked one: a failed one, else one that runs, else the same."""
        machines = [self.fleet.machines[name] for name in self.list.names]
        for mark in (theme.FAILED, theme.RUNNING):
            found = [machine.name for machine in machines if machine.mark is mark]
            if found:
                return self._selected if self._selected in found else found[0]
        return self._selected if self.selected in machines or not machines else machines[0].name

    def places(self) -> Iterable[Place]:
        for machine in self.fleet.machines.values():
            yield Place(machine.name, f"machine, {machine.state}", partial(self._show_machine, machine.name))

    def _show_machine(self, name: str) -> None:
        """Select a machine, whatever the filter hides."""
        if name not in self.list.names:
            self.list.clear_filter()
        self.view = "machines"
        self._pick(name)
        self.draw()

    def _pick(self, machine: str) -> None:
        """The user chose a machine, by its place in a list, which shows that already: it stays."""
        self._chosen = True
        self._select(machine)
        self._draw_selected()

    def on_input_changed(self) -> None:
        self._chosen = self._chosen and self._selected in self.list.names
        self.draw()

    def watch_view(self, view: str) -> None:
        for name in ("log", "timeline"):
            self.set_class(view == name, f"-{name}")
        self.pane.set_class(view == "log", "-log-alone")
        self.draw()
        self._focused_by_view().focus()

    def _focused_by_view(self) -> Rows:
        if self.view == "timeline":
            return self.query_one(Timeline)
        return self.pane.log_view if self.view == "log" or self.has_class("-pane") else self.list.shown

    def ended(self, outcome: Outcome) -> None:
        self._retries.settle()
        if self.replay:
            return
        if self._close or self.leaves_when_stopped:
            self.set_timer(LINGER, lambda: self.app.exit(int(self.exit_code)))
        elif outcome is Outcome.DONE and self.is_current and not self.fleet.progress.kind.undoes:
            self.action_summary()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if not self.is_mounted:
            return True
        progress, machine, live = self.fleet.progress, self.selected, self.replay is None
        installed = progress.outcome is Outcome.DONE and not progress.kind.undoes and live
        can = {
            "health": installed,
            "review": installed,
            "summary": installed,
            "retry": live and (self.can_resume or bool(self._failed_here())),
            "retry_all": live and len(self.fleet.failures) > len(self._failed_here()) > 0,
            "pause": not live,
            "pace": not live,
            "filter": bool(self.fleet.machines) and self.view == "machines" and not self.has_class("-pane"),
            "switch": self.view == "machines" and self.has_class("-narrow"),
            "show": self.view not in parameters and machine is not None,
            "toggle_grid": self.list.many and self.view == "machines",
            "details": machine is not None,
            "shell": live and machine is not None and machine.is_one,
            "gather": live and progress.started is not None,
            "back": self._can_go_back,
        }
        return can.get(action, True)

    @property
    def _can_go_back(self) -> bool:
        inside = self.view != "machines" or self.has_class("-pane") or self.list.filter_is_open
        return inside or len(self.app.screen_stack) > 2

    def action_back(self) -> None:
        if self.view != "machines":
            self.view = "machines"
        elif self.list.filter_is_open:
            self.list.clear_filter()
        elif self.has_class("-pane"):
            self.action_switch()
        else:
            self.leave()

    def action_health(self) -> None:
        from screens.pages.health import HealthScreen

        self.app.push_screen(HealthScreen(self.directory.cluster))

    def action_review(self) -> None:
        open_review(self, self.directory)

    def action_summary(self) -> None:
        self.app.push_screen(SummaryScreen(self.directory, self.fleet.progress))

    def action_show(self, view: str) -> None:
        self.view = view

    def action_switch(self) -> None:
        """Between the table and the machine where only one of them fits."""
        self.toggle_class("-pane")
        self._focused_by_view().focus()
        self.draw()

    def action_toggle_grid(self) -> None:
        self.list.toggle_grid()
        self.draw()

    def action_filter(self) -> None:
        self.list.open_filter()

    def action_details(self) -> None:
        if machine := self.selected:
            picked = self.pane.steps.step if self.pane.steps.has_focus else machine.current
            view = picked or machine.steps[-1]
            self.app.push_screen(DetailsDialog(view.record.title, step_pairs(view, self.now)))

    def action_shell(self) -> None:
        self.open_shell(self._selected)

    def action_gather(self) -> None:
        self.gather_bundle()

    def action_retry(self) -> None:
        self._retry(self._failed_here())

    def action_retry_all(self) -> None:
        self._retry([])

    def _retry(self, steps: list[str]) -> None:
        """Try `steps` again, or all that failed, and say so before anything comes of it."""
        self._retries.ask(steps or [view.record.id for view in self.fleet.failures], self.fleet.progress.now())
        if not self.fleet.failures:
            self.notify(f"The {self.fleet.progress.kind.noun} goes on where it stopped.")
        self.redraw()
        self.try_again(steps or None)

    def fail(self, error: InstallerError) -> None:
        self._retries.settle()
        super().fail(error)

    def _failed_here(self) -> list[str]:
        """Failed steps of the machine that the failure card tells of."""
        failed = [] if self.fleet.progress.kind.undoes else self.fleet.failures
        told = self._told_failure(failed)
        return [view.record.id for view in failed if told and view.record.machine == told.record.machine]

    def _told_failure(self, failed: list[StepView]) -> StepView | None:
        """The failure of the selected machine, or else the first one."""
        here = (view for view in failed if (view.record.machine or CLUSTER) == self._selected)
        return next(here, failed[0] if failed else None)

    def action_pause(self) -> None:
        if self.replay:
            self.replay.paused = not self.replay.paused
            self.draw()

    def action_pace(self, factor: float) -> None:
        if self.replay:
            self.replay.faster(factor)
            self.draw()
