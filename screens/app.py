"""The Textual application: themes, keys that work everywhere, the command palette, and what ends it."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from rich.text import Text
from textual import events
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.command import CommandPalette
from textual.dom import DOMNode
from textual.filter import LineFilter, Monochrome, NoColor
from textual.notifications import SeverityLevel
from textual.screen import ModalScreen, Screen
from textual.widgets import Input

from installer.common import paths
from installer.common.errors import ExitCode
from installer.common.paths import ClusterDirectory
from installer.common.scrub import safe
from screens import background
from screens.keys import listed
from screens.messages import EditPlan, WatchRun
from screens.pages.base import CratonScreen
from screens.palette import Palette, Places
from screens.theme import DARK, LIGHT, THEMES, preferred
from screens.visible import OnlyVisible

_HAND_OVER = 0.001
"""Seconds for which a thread may keep others from running Python, a fifth of the usual: keys come in on one thread, are
answered on another, and painted on a third, while a fourth reads the journal.
"""


class CratonApp(App[int]):
    """Shows one screen and what is reached from it. The return value is the process's exit code.

    `light` says whether the terminal's background is, where that is known.
    """

    TITLE = "craton"
    CSS_PATH = "style.tcss"
    COMMANDS = App.COMMANDS | {lambda: Places}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark,f1", "explain", "Help", key_display="?", priority=True),
        Binding("f3", "glossary", "Terms", show=False),
        Binding("ctrl+q", "quit", "Leave craton", show=False, priority=True),
        Binding("ctrl+p", "command_palette", "Actions", show=False, priority=True),
    ]

    def __init__(self, start: Callable[[], Screen[Any]], light: bool | None = None) -> None:
        super().__init__()
        self.HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide"), (150, "-vast")]
        self.VERTICAL_BREAKPOINTS = [(0, "-low"), (18, "-short"), (30, "-tall")]
        self._start = start
        self._only_visible = OnlyVisible()
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = preferred(os.environ, light)
        self.animation_level = "none"

    def get_line_filters(self) -> Sequence[LineFilter]:
        # Under NO_COLOR Textual would paint greys. The terminal keeps its own colours, background included.
        found = (NoColor() if isinstance(one, Monochrome) else one for one in super().get_line_filters())
        return [*found, self._only_visible]

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = False,
    ) -> None:
        super().notify(safe(message), title=safe(title), severity=severity, timeout=timeout, markup=False)

    def on_mount(self) -> None:
        self.push_screen(self._start())

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        if isinstance(event.widget, Input):
            event.widget.cursor_blink = False

    async def on_event(self, event: events.Event) -> None:
        """A key that comes after the last screen has gone is nobody's."""
        if self.screen_stack or not isinstance(event, events.InputEvent):
            await super().on_event(event)

    def on_watch_run(self, message: WatchRun) -> None:
        from screens.pages.progress import ProgressScreen

        self.switch_screen(ProgressScreen(message.directory))

    def on_edit_plan(self, message: EditPlan) -> None:
        from screens.pages.wizard import WizardScreen

        self.switch_screen(WizardScreen.editing(message.plan, message.path))

    async def action_quit(self) -> None:
        """Leave craton as the screen that one is on sees fit, after every open screen has kept what was typed."""
        screens = [screen for screen in self.screen_stack if isinstance(screen, CratonScreen)]
        for screen in screens:
            screen.keep()
        if isinstance(self.screen, CratonScreen):
            self.screen.quit()
        else:  # a dialog: asked twice, it is meant
            self.exit(int(ExitCode.DONE))

    def action_help_quit(self) -> None:
        """What ctrl+c does where no text is selected. Textual's own words would show their markup."""
        self.notify("Press ctrl+q to leave. A running install continues.")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("explain", "glossary"):
            return isinstance(self.screen, CommandPalette) or not isinstance(self.screen, ModalScreen)
        return True

    def action_explain(self) -> None:
        """Help for the focused widget, or for the screen where it has none of its own."""
        from screens.dialogs.help import HelpDialog

        self.push_screen(HelpDialog.about(self.screen))

    def action_glossary(self) -> None:
        """The terms on the screen, and all others, explained."""
        from screens.dialogs.glossary import GlossaryDialog

        self.push_screen(GlossaryDialog.about(self.screen))

    def action_switch_theme(self) -> None:
        self.theme = LIGHT.name if self.theme == DARK.name else DARK.name

    def action_command_palette(self) -> None:
        """Search actions, and whatever else has a name."""
        if not isinstance(self.screen, CommandPalette):
            self.push_screen(Palette())

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Every action that works on `screen`, so that none has to be remembered by its key."""
        for active in listed(screen):
            yield SystemCommand(
                active.binding.description,
                f"key {self.get_key_display(active.binding)}",
                partial(self._run_command, active.binding.action, active.node),
            )
        other = "light" if self.theme == DARK.name else "dark"
        yield SystemCommand(f"Use the {other} theme", "or set CRATON_THEME to dark or light", self.action_switch_theme)

    def _run_command(self, action: str, node: DOMNode) -> None:
        self.run_worker(self.run_action(action, node))

    def _fatal_error(self) -> None:
        # Textual would print a traceback; users get one sentence, and whoever fixes it finds the rest in a file.
        if os.environ.get("CRATON_DEBUG"):
            super()._fatal_error()
            return
        log = paths.home() / "crash.log"
        paths.write_private(log, safe(traceback.format_exc()))
        words = f"The screen stopped because of a bug in Craton; a running install continues. Details: {log}"
        self.panic(Text(safe(words)))


def run(start: Callable[[], Screen[Any]]) -> int:
    """Show `start()` until the user leaves; returns the exit code."""
    sys.setswitchinterval(_HAND_OVER)
    app = CratonApp(start, background.ask(os.environ))
    code = app.run()
    return code if code is not None else int(app.return_code or 0)


def run_home() -> int:
    """List the clusters."""

    def start() -> Screen[Any]:
        from screens.pages.home import HomeScreen

        return HomeScreen()

    return run(start)


def run_wizard(answers: Mapping[str, Any] | None = None, output: Path | None = None) -> int:
    """Ask for a new cluster. `answers` are by plan field, `output` is where the plan goes."""

    def start() -> Screen[Any]:
        from screens.pages.wizard import WizardScreen

        return WizardScreen(answers or {}, output)

    return run(start)


def run_review(plan: Path, *, offline: bool = False) -> int:
    """Review a plan file; unless `offline`, sums that it lacks are read. Raises PlanFileError before a screen shows."""
    from installer.plan import planfile

    found = planfile.load(plan)
    directory = ClusterDirectory.of(found.name)
    # A cluster's own copy of its plan is reviewed as the cluster: what is edited goes to another file.
    of_cluster = directory.plan.exists() and plan.exists() and plan.samefile(directory.plan)

    def start() -> Screen[Any]:
        from screens.pages.review import ReviewScreen, Subject

        return ReviewScreen(
            Subject(found, cluster=found.name) if of_cluster else Subject(found, path=plan, offline=offline)
        )

    return run(start)


def run_progress(directory: ClusterDirectory, *, replay: bool = False, close: bool = False) -> int:
    """Follow a cluster's install or destroy, or replay it; `close` ends the screen with the run."""

    def start() -> Screen[Any]:
        from screens.pages.progress import ProgressScreen

        return ProgressScreen(directory, replay=replay, close=close)

    return run(start)


def run_health(cluster: str) -> int:
    """Check a cluster and show what was found."""

    def start() -> Screen[Any]:
        from screens.pages.health import HealthScreen

        return HealthScreen(cluster)

    return run(start)


def run_destroy(cluster: str) -> int:
    """Show what would be deleted, ask, and delete it."""

    def start() -> Screen[Any]:
        from screens.pages.destroy import DestroyScreen

        return DestroyScreen(cluster)

    return run(start)
