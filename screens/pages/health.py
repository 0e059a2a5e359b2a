"""A cluster's health: machines by checks, who reaches whom, and the contract as planned, configured and observed.

Over 300 lines because one screen is one class: its tabs and its keys.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.reactive import reactive
from textual.widgets import Static, TabbedContent, TabPane, Tabs

from installer.common.errors import ExitCode
from installer.common.paths import ClusterDirectory
from installer.health.check import Verdict
from screens import theme
from screens.models.fleet import CLUSTER
from screens.pages import health_rows
from screens.pages.login import Before, attempt_after_asking, plan_of_cluster
from screens.pages.remote import Remote
from screens.pages.run import notice_of
from screens.place import Place
from screens.widgets.detailed import Detailed
from screens.widgets.footer import Footer
from screens.widgets.header import TitleBar
from screens.widgets.matrix import Matrix
from screens.widgets.rows import Rows
from screens.widgets.still import Still
from screens.words import duration

if TYPE_CHECKING:
    from installer.health.report.model import Report

TABS = ("checks", "reach", "contract")
WIDE = 100
"""Width from which on there is room for all about the report's age."""
SPINNER = "◐◓◑◒"
CONTRACT_HELP = (
    "Every rule of the Generic Platform contract: planned by the plan, configured as the platform says, observed "
    "between the machines themselves."
)


class CheckMatrix(Matrix):
    HELP = (
        "One row per machine, one column per check. The arrow keys go from cell to cell; what was seen there, and what "
        "fixes it, is below. – means that the check doesn't apply to that machine."
    )


class ReachMatrix(Matrix):
    HELP = (
        "Rows are machines that tried, columns those whose port they tried. Empty cells are pairs between which the "
        "contract opens no such port, or that a sample of a large cluster left out. p shows the next port."
    )


class HealthScreen(Remote):
    """Shows the last report at once, and checks again when it opens and when asked."""

    HELP = (
        "r checks everything again over SSH; m only the selected machine, c only the selected check on every machine, "
        "x this check on this machine. e writes the report as JSON and HTML."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "check", "Check all"),
        Binding("m", "check_machine", "Machine"),
        Binding("c", "check_check", "Check"),
        Binding("x,enter", "check_cell", "This one", key_display="x"),
        Binding("tab", "turn(1)", "Tabs"),
        Binding("shift+tab", "turn(-1)", "Previous tab", show=False),
        Binding("p", "port(1)", "Port"),
        Binding("P", "port(-1)", "Previous port", show=False),
        Binding("e", "export", "Export"),
        Binding("s", "shell", "Shell on the machine", show=False),
        Binding("g", "gather", "Gather a support bundle", show=False),
        Binding("q,escape", "close", "Close", key_display="q"),
    ]
    DEFAULT_CSS = """
    HealthScreen {
        #status { height: 1; padding: 0 2; }
        #headline { width: auto; }
        #unfinished { display: none; padding: 0 2; color: $warning; }
        &.-unfinished #unfinished { display: block; }
        #age { width: 1fr; padding-left: 2; text-align: right; color: $faint; text-wrap: nowrap; }
        TabbedContent { height: 1fr; padding-top: 1; }
        TabPane { height: 1fr; padding: 1 0 0 0; }
        Matrix { height: 1fr; }
        #port { padding: 0 2; height: 1; margin-bottom: 1; }
        .evidence { height: 6; padding: 0 2; border-top: solid $panel; border-title-color: $faint; }
        &.-low {
            TabbedContent, TabPane { padding: 0; }
            #port { margin: 0; }
            .evidence { height: 3; }
        }
    }
    """

    report: reactive[Report | None] = reactive(None, init=False)
    checking_since: reactive[float | None] = reactive(None, init=False)
    """When the check that runs now was started, in Unix seconds."""

    def __init__(self, cluster: str) -> None:
        super().__init__()
        self.directory = ClusterDirectory.of(cluster)
        self._port = 0

    def compose(self) -> ComposeResult:
        yield TitleBar(self.directory.cluster, "health")
        with Horizontal(id="status"):
            yield Static(id="headline")
            yield Static(id="age")
        yield Still(id="unfinished")
        with TabbedContent():
            with TabPane("Checks", id="checks"), Vertical():
                yield CheckMatrix(id="check-matrix")
                yield _evidence("finding", theme.legend(*health_rows.CHECK_LEGEND))
            with TabPane("Reach", id="reach"), Vertical():
                yield Static(id="port")
                yield ReachMatrix(id="reach-matrix")
                blank = Content.styled(health_rows.REACH_BLANK, "$faint")
                yield _evidence("pair", theme.legend(*health_rows.REACH_LEGEND) + blank)
            with TabPane("Contract", id="contract"):
                legend = theme.legend(*health_rows.RULE_LEGEND)
                yield Detailed(health_rows.RULE_COLUMNS, CONTRACT_HELP, legend=legend)
        yield Footer()

    def on_mount(self) -> None:
        from installer.health.report.model import last_report

        self.query_one(Tabs).can_focus = False
        self.query_one("#check-matrix").focus()
        self.set_interval(0.2, self._draw_status)
        self.attempt(lambda: last_report(self.directory), self._show_first, group="last report")
        self.attempt(lambda: notice_of(self.directory.cluster), self._show_notice, group="notice")
        self.action_check()

    def _show_notice(self, notice: str) -> None:
        self.query_one(TitleBar).notice = notice

    def _show_first(self, report: Report | None) -> None:
        if self.report is None and report is not None:
            self.report = report

    def watch_report(self, report: Report | None) -> None:
        if report is None:
            return
        self.query_one("#unfinished", Still).say(Content(report.unfinished))
        self.set_class(bool(report.unfinished), "-unfinished")
        self.query_one("#check-matrix", Matrix).show(health_rows.checks(report))
        self._show_port(report)
        self.query_one(Detailed).fill(*health_rows.rules(report))
        self._draw_status()
        self._draw_evidence()
        self.refresh_bindings()

    def watch_checking_since(self) -> None:
        self._draw_status()
        self.refresh_bindings()

    def _show_port(self, report: Report) -> None:
        every = health_rows.ports(report)
        if every:
            self._port %= len(every)
            port = every[self._port]
            self.query_one("#reach-matrix", Matrix).show(health_rows.reach(report, port))
            self.query_one("#port", Static).update(health_rows.port_words(report, port))

    def _draw_status(self) -> None:
        report, now = self.report, time.time()
        head, age = self.query_one("#headline", Static), self.query_one("#age", Static)
        words = health_rows.age_words(report, now, short=self.size.width < WIDE) if report else ""
        head.update(health_rows.headline(report) if report else Content.styled("not checked yet", "$faint"))
        if self.checking_since is not None:
            passed = now - self.checking_since
            turning = (
                SPINNER[int(passed * 5) % 4] if theme.shape(theme.DONE) == theme.DONE.glyph else theme.RUNNING.letter
            )
            words = f"{turning} checking {duration(passed)}"
        age.update(Content(words))

    def _draw_evidence(self) -> None:
        report = self.report
        if report is None:
            return
        if cell := self.query_one("#check-matrix", Matrix).cell:
            finding = health_rows.finding_at(report, *cell)
            self.query_one("#finding", Static).update(health_rows.finding_words(report, finding))
        every = health_rows.ports(report)
        if (cell := self.query_one("#reach-matrix", Matrix).cell) and every:
            names = health_rows.nodes(report)
            source, target = names[cell[0]], names[cell[1]]
            found = health_rows.pairs_of(report, every[self._port]).get((source, target), [])
            self.query_one("#pair", Static).update(health_rows.pair_words(report, found, source, target))

    def on_rows_moved(self) -> None:
        self._draw_evidence()
        self.refresh_bindings()

    @property
    def tab(self) -> str:
        return self.query_one(TabbedContent).active

    @property
    def machine(self) -> str | None:
        """The machine that is looked at."""
        report, matrix = self.report, self.query_one(f"#{'reach' if self.tab == 'reach' else 'check'}-matrix", Matrix)
        if report is None or matrix.cell is None:
            return None
        names = health_rows.nodes(report) if self.tab == "reach" else list(report.machines)
        return names[matrix.cell[0]]

    def places(self) -> Iterable[Place]:
        for row, machine in enumerate(self.report.machines if self.report else ()):
            yield Place(machine, "machine", partial(self._show_machine, row))

    def _show_machine(self, row: int) -> None:
        """Select a machine in the matrix of checks."""
        self.query_one(TabbedContent).active = "checks"
        matrix = self.query_one("#check-matrix", Matrix)
        matrix.focus()
        matrix.place_cell(row, matrix.cell[1] if matrix.cell else 0)

    @property
    def check(self) -> str | None:
        """The check that is looked at, which is one only in the matrix of checks."""
        cell = self.query_one("#check-matrix", Matrix).cell
        return None if self.report is None or cell is None or self.tab != "checks" else self.report.checks[cell[1]]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if not self.is_mounted:
            return True
        of_machine = self.tab != "contract" and self.machine not in (None, CLUSTER)
        can = {
            "check": self.checking_since is None,
            "check_machine": self.checking_since is None and of_machine,
            "check_check": self.checking_since is None and self.check is not None,
            "check_cell": self.checking_since is None and of_machine and self.check is not None,
            "port": self.tab == "reach" and self.report is not None,
            "export": self.report is not None,
            "shell": of_machine,
        }
        return can.get(action, True)

    def on_tabbed_content_tab_activated(self) -> None:
        for rows in self.query_one(f"#{self.tab}").query(Rows):
            rows.focus()
        self.refresh_bindings()

    def action_turn(self, tabs: int) -> None:
        self.query_one(TabbedContent).active = TABS[(TABS.index(self.tab) + tabs) % len(TABS)]

    def action_port(self, ports: int) -> None:
        if self.report:
            self._port += ports
            self._show_port(self.report)
            self._draw_evidence()

    def action_check(self) -> None:
        self._check(None, None)

    def action_check_machine(self) -> None:
        self._check(self.machine, None)

    def action_check_check(self) -> None:
        self._check(None, self.check)

    def action_check_cell(self) -> None:
        self._check(self.machine, self.check)

    def _check(self, machine: str | None, check: str | None) -> None:
        """Check again, of one machine and one check where they are given."""
        from installer.operations import health

        machines, checks = [machine] if machine else None, [check] if check else None

        def body() -> Report:
            return health.check(self.directory.cluster, machines, checks)

        self.checking_since = time.time()
        cluster = self.directory.cluster
        worker = attempt_after_asking(
            self, lambda: plan_of_cluster(cluster), body, self._show_report, before=Before.LOOK, group="check"
        )
        self._checking = worker

    def on_worker_state_changed(self) -> None:
        """A check that failed is over as well."""
        checking = getattr(self, "_checking", None)
        if checking is not None and checking.is_finished:
            self.checking_since = None

    def _show_report(self, report: Report) -> None:
        self.report = report

    def action_export(self) -> None:
        if report := self.report:
            self.attempt(
                lambda: export(report, Path.cwd()),
                lambda names: self.notify("\n".join(names), title="Report written", timeout=10, markup=False),
                group="export",
            )

    def action_shell(self) -> None:
        if self.machine:
            self.open_shell(self.machine)

    def action_gather(self) -> None:
        self.gather_bundle()

    def action_close(self) -> None:
        failed = self.report is not None and self.report.verdict is Verdict.FAIL
        self.leave(ExitCode.VERIFICATION if failed else ExitCode.DONE)


def _evidence(id: str, legend: Content) -> Static:
    """What is known of the cell under the cursor, under a line that says what the marks above it mean."""
    shown = Static(classes="evidence", id=id)
    shown.border_title = legend
    return shown


def export(report: Report, folder: Path) -> list[str]:
    """Write the report as JSON and as HTML into `folder`; returns the paths. Raises InstallerError."""
    from installer.common.errors import InstallerError
    from installer.common.paths import write_private
    from installer.health.report.html import page

    stem = f"{report.cluster}-health-{time.strftime('%Y%m%d-%H%M%S', time.localtime(report.checked_at))}"
    written = {f"{stem}.json": json.dumps(report.as_dict(), indent=1), f"{stem}.html": page(report)}
    try:
        for name, text in written.items():
            write_private(folder / name, text)
    except OSError as error:
        raise InstallerError("write the report", f"{folder}: {error.strerror}") from error
    return [str(folder / name) for name in written]
