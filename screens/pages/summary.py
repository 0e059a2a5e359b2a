"""The result of an install: what exists, its names, its health, and what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.geometry import Region
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from installer.cluster.etcd import survives
from installer.common.errors import ExitCode
from installer.common.paths import ClusterDirectory
from installer.common.text import about, count, tilde
from installer.engine.progress import Progress
from installer.operations.next_steps import NextStep, next_steps, save, text
from installer.operations.outcome import console_lines, hosts_lines, outside_lines, took
from screens import theme
from screens.pages.base import CratonScreen
from screens.widgets.footer import Footer
from screens.widgets.header import TitleBar
from screens.words import MARK_OF_VERDICT

if TYPE_CHECKING:
    from installer.health.report.model import Report
    from installer.plan.model import InstallPlan

LABEL_WIDTH = 14


@dataclass(frozen=True)
class Installed:
    """What is told of an installed cluster.

    `seconds` is how long its `runs` took: the one that finished it, and those before it that did not. `report` may be
    None.
    """

    plan: InstallPlan
    directory: ClusterDirectory
    seconds: float
    report: Report | None = None
    kept: Path | None = None
    """Where the next commands are kept."""
    runs: int = 1


def read(directory: ClusterDirectory, progress: Progress) -> Installed:
    """Gather it from the cluster's files. Blocks. Raises InstallerError."""
    from installer.health.report.model import last_report
    from installer.operations import lookup

    plan = lookup.load(directory.cluster)
    seconds, runs = took(directory, progress)
    return Installed(plan, directory, seconds, last_report(directory), save(plan, directory), runs)


def facts(installed: Installed) -> list[tuple[str, Content]]:
    """Labels and their values."""
    plan, directory = installed.plan, installed.directory
    machines = [count(plan.masters, "master"), count(plan.infra, "infra node"), count(plan.workers, "worker")]
    shown = [text for number, text in zip((plan.masters, plan.infra, plan.workers), machines, strict=True) if number]
    return [
        ("machines", Content(", ".join(shown))),
        ("Kubernetes", Content(plan.kubernetes)),
        ("API server", Content(f"https://{plan.api_host}:6443") + Content.styled("   D1", "$faint")),
        *((label, Content(text)) for label, text in console_lines(directory, plan)),
        ("kubeconfig", Content(tilde(directory.kubeconfig)) + _stand_in(plan)),
        *(("hosts file", Content(line)) for line in hosts_lines(plan)),
        ("survives", Content(survives(plan.masters))),
        *(("outside", Content(line)) for line in outside_lines(plan)),
        ("health", _health(installed.report)),
    ]


def _stand_in(plan: InstallPlan) -> Content:
    return Content.styled("   a stand-in's" if plan.traits.stand_ins else "", "$faint")


def _health(report: Report | None) -> Content:
    if report is None:
        return Content.styled("not checked yet", "$faint")
    checks = Content.styled(f"   {report.amount}", "$faint")
    return theme.content(MARK_OF_VERDICT[report.verdict], report.headline) + checks


class SummaryScreen(CratonScreen[None]):
    """One page; the run's own screen stays below it."""

    HELP = (
        "The install is done. Below are the commands to go on with: enter copies the highlighted one, a copies all. "
        "h checks the cluster again, v shows its plan, esc goes back to how the install went."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "copy", "Copy", priority=True),
        Binding("a", "copy_all", "Copy all"),
        Binding("h", "health", "Health"),
        Binding("v", "review", "Review"),
        Binding("escape", "back", "How it went"),
        Binding("q", "quit_app", "Quit"),
    ]
    DEFAULT_CSS = """
    SummaryScreen {
        VerticalScroll { padding: 1 3; scrollbar-size-vertical: 1; }
        &.-low VerticalScroll { padding: 0 2; }
        Static { height: auto; }
        #headline { margin-bottom: 1; }
        #next { margin: 1 0; }
        #kept { margin-top: 1; color: $faint; }
    }
    """

    def __init__(self, directory: ClusterDirectory, progress: Progress) -> None:
        super().__init__()
        self.directory = directory
        self._progress = progress
        self._achieved = progress.kind.achieved
        self._steps: Sequence[NextStep] = ()

    def compose(self) -> ComposeResult:
        yield TitleBar(self.directory.cluster, self._achieved)
        with VerticalScroll():
            yield Static(id="headline")
            yield Static(id="facts")
            yield Static(id="next")
            yield OptionList(id="steps")
            yield Static(id="kept")
        yield Footer()

    def on_mount(self) -> None:
        self.attempt(lambda: read(self.directory, self._progress), self.show, group="summary")

    def show(self, installed: Installed) -> None:
        """Fill the page."""
        self.query_one(TitleBar).notice = installed.plan.traits.notice
        head = theme.content(theme.DONE) + Content.styled(f" {installed.plan.name} is {self._achieved}", "bold")
        over = f", over {installed.runs} runs" if installed.runs > 1 else ""
        self.query_one("#headline", Static).update(
            head + Content.styled(f"   in {about(installed.seconds)}{over}", "$faint")
        )
        self.query_one("#facts", Static).update(_labelled(facts(installed)))
        self._steps = next_steps(installed.plan, installed.directory)
        self.query_one("#next", Static).update(Content.styled("Next", "bold"))
        listed, width = self.query_one("#steps", OptionList), max(len(step.purpose) for step in self._steps)
        listed.clear_options()
        listed.add_options([Option(_option(step, width)) for step in self._steps])
        listed.highlighted = 0
        listed.focus(scroll_visible=False)
        if installed.kept:
            self.query_one("#kept", Static).update(Content(f"These commands are in {tilde(installed.kept)}"))

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Where the page is longer than the screen, keep the highlighted command in view; at first the headline is."""
        if event.option_index or self.query_one(VerticalScroll).scroll_y:
            listed = event.option_list
            at = Region(0, listed.virtual_region.y + event.option_index, 1, 2)
            self.query_one(VerticalScroll).scroll_to_region(at, animate=False)

    def action_copy(self) -> None:
        """Copy the highlighted command."""
        number = self.query_one("#steps", OptionList).highlighted
        if number is not None and number < len(self._steps):
            self._copy(self._steps[number].command, self._steps[number].command)

    def action_copy_all(self) -> None:
        if self._steps:
            self._copy(text(self._steps), count(len(self._steps), "command"))

    def _copy(self, copied: str, words: str) -> None:
        """To the clipboard, by way of the terminal (OSC 52)."""
        self.app.copy_to_clipboard(copied)
        self.notify(f"Copied: {words}. If your terminal doesn't let programs copy, take it from the file.")

    def action_health(self) -> None:
        from screens.pages.health import HealthScreen

        self.app.push_screen(HealthScreen(self.directory.cluster))

    def action_review(self) -> None:
        open_review(self, self.directory)

    def action_back(self) -> None:
        self.app.pop_screen()

    def action_quit_app(self) -> None:
        self.app.exit(int(self._progress.exit_code or ExitCode.DONE))


def open_review(screen: CratonScreen[None], directory: ClusterDirectory) -> None:
    """Show the plan of an installed cluster on top of `screen`."""
    from installer.operations import lookup
    from screens.pages.review import ReviewScreen, Subject

    cluster = directory.cluster
    screen.attempt(
        lambda: lookup.load(cluster),
        lambda plan: screen.app.push_screen(ReviewScreen(Subject(plan, directory.plan, cluster))),
        group="review",
    )


def _labelled(pairs: list[tuple[str, Content]]) -> Content:
    return Content("\n").join(Content.styled(label.ljust(LABEL_WIDTH), "$faint") + text for label, text in pairs)


def _option(step: NextStep, width: int) -> Content:
    return Content.styled(step.purpose.ljust(width), "$faint") + Content(f"  {step.command}")
