"""The home screen: every cluster, how it is, and what can be done with it now."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from installer.common.errors import InstallerError
from installer.operations import clusters, lookup, runs
from installer.steps.platform import RunOptions
from screens import theme
from screens.pages.home_actions import ClusterActions
from screens.pages.home_rows import ALLOWED, ENTER, cluster_row, welcome_text
from screens.pages.login import attempt_after_asking, plan_of_cluster
from screens.place import Place
from screens.widgets.footer import Footer
from screens.widgets.header import TitleBar
from screens.widgets.table import Column, Table

if TYPE_CHECKING:
    from installer.operations.clusters import ClusterSummary
    from installer.plan.model import InstallPlan
    from installer.plan.questions.draft import Draft

REFRESH = 1.0
"""Seconds between two looks at the clusters."""


class HomeScreen(ClusterActions):
    """Lists the clusters and opens the other screens."""

    HELP = (
        "Every cluster that Craton knows on this computer, looked at again each second. An install runs in a process "
        "of its own: leaving this screen never stops one."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Open"),
        Binding("n", "new", "New"),
        Binding("o", "open_plan", "Open a plan", show=False),
        Binding("r", "resume", "Resume"),
        Binding("v", "review", "Review"),
        Binding("w", "watch", "Watch"),
        Binding("c", "check", "Check"),
        Binding("d", "destroy", "Destroy"),
        Binding("q", "leave", "Quit"),
    ]
    DEFAULT_CSS = """
    HomeScreen {
        #clusters { margin: 1 0; height: 1fr; }
        #welcome { display: none; padding: 2 4; max-width: 88; height: 1fr; }
        #detail { height: auto; padding: 0 2; margin-bottom: 1; color: $faint; }
        &.-empty #clusters { display: none; }
        &.-empty #welcome { display: block; }
        &.-low {
            #welcome { padding: 0 1; }
            #clusters { margin: 0; }
            #detail { margin: 0; }
        }
    }
    """

    def __init__(self, chosen: str = "") -> None:
        super().__init__()
        self._first = chosen
        """Name of the cluster to put the cursor on when the list shows first."""
        self._clusters: list[ClusterSummary] = []
        self._draft = ""
        self._looking = False

    def compose(self) -> ComposeResult:
        yield TitleBar("clusters")
        yield Table(
            (
                Column("cluster"),
                Column("state"),
                Column("machines", right=True),
                Column("version", wide=90),
                Column("platform", wide=100),
                Column("age", right=True),
                Column("last check"),
            ),
            help=self.HELP,
            id="clusters",
        )
        with VerticalScroll(id="welcome", can_focus=False):
            yield Static()
        yield Static(id="detail")
        yield Footer()

    def on_mount(self) -> None:
        self.set_interval(REFRESH, self.look)
        self.look()

    def on_screen_resume(self) -> None:
        self.look()

    def look(self) -> None:
        """Read the clusters again, unless a look is under way or nobody sees it."""
        if not self._looking and self.is_current and self._composed:
            self._looking = True
            self.run_worker(self._read(), group="look")

    @property
    def _composed(self) -> bool:
        """Whether there is something to show clusters on: not yet while the screen opens, no more while it closes."""
        return bool(self.query(Table))

    async def _read(self) -> None:
        try:
            clusters, draft = await asyncio.to_thread(_read_clusters)
        except InstallerError as error:
            if self._composed:
                self.query_one("#detail", Static).update(theme.content(theme.FAILED, f"{error}. {error.hint}"))
        else:
            if self._composed:
                self._show(clusters, draft)
        finally:
            self._looking = False

    def _show(self, clusters: list[ClusterSummary], draft: str) -> None:
        table = self.query_one(Table)
        chosen = self.chosen
        wanted, self._first = self._first or (chosen.name if chosen else ""), ""
        self._clusters, self._draft = clusters, draft
        now = time.time()
        table.fill([cluster_row(cluster, now) for cluster in clusters])
        names = [cluster.name for cluster in clusters]
        if wanted in names:
            table.place_cursor(names.index(wanted))
        self.set_class(not clusters, "-empty")
        self.query_one("#welcome Static", Static).update(welcome_text(draft))
        if clusters and self.focused is None:
            table.focus()
        self._tell()

    @property
    def chosen(self) -> ClusterSummary | None:
        """The cluster under the cursor."""
        cursor = self.query_one(Table).cursor
        return self._clusters[cursor] if cursor < len(self._clusters) else None

    def places(self) -> Iterable[Place]:
        for row, cluster in enumerate(self._clusters):
            yield Place(cluster.name, f"cluster, {cluster.state}", partial(self._show_cluster, row))

    def _show_cluster(self, row: int) -> None:
        self.query_one(Table).place_cursor(row)

    def on_rows_moved(self) -> None:
        self._tell()

    def _tell(self) -> None:
        """Say what the keys do with the cluster under the cursor."""
        chosen = self.chosen
        self.query_one(TitleBar).notice = chosen.notice if chosen else ""
        words = [chosen.expiry] if chosen and chosen.expiry else []
        words += [f"{chosen.name}: {ENTER[chosen.state][1]}"] if chosen and chosen.state in ENTER else []
        if self._draft and chosen:
            words.append(f"{self._draft}: n goes on with it")
        self.query_one("#detail", Static).update(Content(" · ".join(words)))
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ALLOWED:
            chosen = self.chosen if self.is_mounted else None
            return chosen is not None and chosen.state in ALLOWED[action]
        return True

    def action_open(self) -> None:
        if self.chosen:
            getattr(self, f"action_{ENTER[self.chosen.state][0]}")()

    def action_new(self) -> None:
        from screens.pages.wizard import WizardScreen

        self.app.push_screen(WizardScreen())

    def action_open_plan(self) -> None:
        """Review a plan file that is picked."""
        from installer.plan import planfile
        from screens.dialogs.files import FileDialog
        from screens.pages.review import ReviewScreen, Subject

        def load(path: Path | None) -> None:
            if path is not None:
                self.attempt(lambda: planfile.load(path), lambda plan: review(plan, path))

        def review(plan: InstallPlan, path: Path) -> None:
            self.app.push_screen(ReviewScreen(Subject(plan, path=path)))

        self.app.push_screen(FileDialog("Which plan?"), load)

    def action_resume(self) -> None:
        if chosen := self.chosen:
            name = chosen.name
            attempt_after_asking(
                self,
                lambda: plan_of_cluster(name),
                lambda: runs.start_resume(name, RunOptions()),
                lambda _: self.watch_run(name),
            )

    def action_watch(self) -> None:
        if self.chosen:
            self.watch_run(self.chosen.name)

    def watch_run(self, cluster: str) -> None:
        from installer.common.paths import ClusterDirectory
        from screens.pages.progress import ProgressScreen

        self.app.push_screen(ProgressScreen(ClusterDirectory.of(cluster)))

    def action_review(self) -> None:
        from screens.pages.review import ReviewScreen, Subject

        if chosen := self.chosen:

            def open_review(plan: InstallPlan) -> None:
                self.app.push_screen(ReviewScreen(Subject(plan, cluster=chosen.name)))

            self.attempt(lambda: lookup.load(chosen.name), open_review)

    def action_check(self) -> None:
        from screens.pages.health import HealthScreen

        if self.chosen:
            self.app.push_screen(HealthScreen(self.chosen.name))

    def action_destroy(self) -> None:
        from screens.pages.destroy import DestroyScreen

        if self.chosen:
            self.app.push_screen(DestroyScreen(self.chosen.name))

    def action_leave(self) -> None:
        self.leave()


def _read_clusters() -> tuple[list[ClusterSummary], str]:
    """The clusters, and a word on the draft if there is one. Blocks."""
    from installer.plan.questions import draft

    kept = draft.load_draft()
    return clusters.summaries(), _draft_words(kept) if kept else ""


def _draft_words(kept: Draft) -> str:
    name = kept.answers.get("name")
    return f"a draft of {name} is kept" if name else "a draft is kept"
