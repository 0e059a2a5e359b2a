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
from textual.content import Content
from textual.widgets import Static

from installer.common.errors import InstallerError
from installer.operations import clusters, lookup, runs
from installer.steps.platform import RunOptions
from screens import theme
from screens.pages.home_actions import ACTIONS, ClusterActions
from screens.pages.login import attempt_after_asking, plan_of_cluster
from screens.place import Place
from screens.theme import Mark
from screens.widgets.footer import Footer
from screens.widgets.header import TitleBar
from screens.widgets.table import Column, Row, Table, cell, marked

if TYPE_CHECKING:
    from installer.operations.clusters import ClusterSummary
    from installer.plan.model import InstallPlan
    from installer.plan.questions.draft import Draft

REFRESH = 1.0
"""Seconds between two looks at the clusters."""

_MARKS: dict[str, Mark] = {
    "installing": theme.RUNNING,
    "upgrading": theme.RUNNING,
    "removing": theme.RUNNING,
    "renewing": theme.RUNNING,
    "destroying": theme.RUNNING,
    "installed": theme.DONE,
    "failed": theme.FAILED,
    "interrupted": theme.WARNING,
    "partly destroyed": theme.WARNING,
    "unknown": theme.WARNING,
    "unreadable": theme.WARNING,
}
_RUNNING = tuple(state for state, mark in _MARKS.items() if mark is theme.RUNNING)
_CHECKS = {"pass": theme.DONE, "warn": theme.WARNING, "fail": theme.FAILED}
_ENTER = {
    "installing": ("watch", "enter shows the install as it runs"),
    "upgrading": ("watch", "enter shows the upgrade as it runs"),
    "removing": ("watch", "enter shows how machines leave"),
    "renewing": ("watch", "enter shows how certificates are renewed"),
    "destroying": ("watch", "enter shows the destroy as it runs"),
    "installed": ("review", "enter reviews it"),
    "failed": ("watch", "enter shows what failed; r tries again"),
    "interrupted": ("resume", "enter goes on where it stopped"),
    "partly destroyed": ("destroy", "enter destroys the rest"),
    "unknown": ("resume", "its journal is lost; enter looks at what is there and goes on"),
    "unreadable": ("check", "craton list says which file can't be read; enter checks it"),
}
"""What enter does with a cluster, by its state."""

_ALLOWED = {
    "resume": ("failed", "interrupted", "unknown"),
    "check": ("installed", "failed", "interrupted", "unknown", "unreadable"),
    "destroy": ("installed", "failed", "interrupted", "partly destroyed", "unknown", "unreadable"),
    **dict.fromkeys(ACTIONS, ("installed",)),
    "watch": (*_RUNNING, "failed", "interrupted", "installed"),
    "review": tuple(_MARKS),
    "open": tuple(_MARKS),
}
"""States in which an action makes sense."""

WELCOME = """\
Craton installs Kubernetes on machines of your own. It asks a handful of questions, writes a plan that you can \
review, and turns machines into a cluster. An install can be interrupted, resumed and undone at any time.

A rehearsal is a good start: it runs a whole install on simulated machines on this computer, \
takes a minute, and leaves nothing behind.
"""


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
        yield Static(id="welcome")
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
        table.fill([_row(cluster, now) for cluster in clusters])
        names = [cluster.name for cluster in clusters]
        if wanted in names:
            table.place_cursor(names.index(wanted))
        self.set_class(not clusters, "-empty")
        self.query_one("#welcome", Static).update(_welcome(draft))
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
        words += [f"{chosen.name}: {_ENTER[chosen.state][1]}"] if chosen and chosen.state in _ENTER else []
        if self._draft and chosen:
            words.append(f"{self._draft}: n goes on with it")
        self.query_one("#detail", Static).update(Content(" · ".join(words)))
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in _ALLOWED:
            chosen = self.chosen if self.is_mounted else None
            return chosen is not None and chosen.state in _ALLOWED[action]
        return True

    def action_open(self) -> None:
        if self.chosen:
            getattr(self, f"action_{_ENTER[self.chosen.state][0]}")()

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


def ago(seconds: float) -> str:
    """How long since, in one unit: `40 s`, `4 min`, `2 h`, `3 d`."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return f"{max(0, int(seconds))} s"


def _row(cluster: ClusterSummary, now: float) -> Row:
    running = cluster.state in _RUNNING
    words = f"{cluster.state}  {cluster.fraction:4.0%}  {cluster.phase}" if running else cluster.state
    checked = cell("–", "faint")
    if cluster.last_check_at is not None:
        mark = _CHECKS.get(cluster.last_check, theme.UNKNOWN)
        checked = marked(mark, f"{cluster.last_check}, {ago(now - cluster.last_check_at)} ago")
    return (
        cell(cluster.name, "bold"),
        marked(_MARKS.get(cluster.state, theme.UNKNOWN), words.rstrip()),
        cell(f"{cluster.machines:,}"),
        cell(cluster.kubernetes),
        cell(cluster.platform),
        cell(ago(now - cluster.created)),
        checked,
    )


def _welcome(draft: str) -> Content:
    keys = [
        ("n", "go on with the draft" if draft else "plan a new cluster"),
        ("o", "open a plan file"),
        ("q", "quit"),
        ("?", "help"),
    ]
    lines = [Content.styled(f"{key}  ", "$primary bold") + Content(words) for key, words in keys]
    return Content("\n").join([Content.styled("Welcome to Craton", "bold"), Content(""), Content(WELCOME), *lines])
