"""What screens share that show a run: its feed, its fold, and whether its engine is alive."""

from __future__ import annotations

import gc
from collections.abc import Callable

from textual.message import Message

from installer.common.errors import ExitCode, InstallerError
from installer.common.paths import ClusterDirectory
from installer.common.text import about
from installer.engine.events import Outcome
from screens.dialogs.choice import Choice, ChoiceDialog
from screens.models.feed import Batch, Feed, JournalFeed
from screens.models.fleet import Fleet
from screens.models.replay import ReplayFeed
from screens.pages.remote import Remote
from screens.widgets.header import TitleBar
from screens.words import duration

LEAVING = (
    Choice("leave", "l", "Leave it running", "craton watch comes back to it"),
    Choice("stop", "s", "Stop at the next safe point", "craton resume goes on from there"),
    Choice("cancel", "c", "Stay here"),
)
FRAMES = 0.1
"""Seconds between two drawings."""
LIVENESS = 2.0
"""Seconds between two looks whether the engine is alive."""
MANY_STEPS = 3000
_COLLECTED = (700, 10, 1000)
"""When garbage is looked for: as usual in what is new, but a hundred times less often in all there is, which takes as
long as a frame.
"""


class RunScreen(Remote):
    """Takes in batches as they come and draws at most ten times a second. Subclasses say what is drawn."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012 (declared by Screen)

    class Arrived(Message):
        """Something new came from the feed's thread."""

        def __init__(self, batch: Batch) -> None:
            super().__init__()
            self.batch = batch

    class Unreadable(Message):
        """The journal could not be read this time."""

        def __init__(self, error: InstallerError) -> None:
            super().__init__()
            self.error = error

    def __init__(self, directory: ClusterDirectory, *, replay: bool = False) -> None:
        super().__init__()
        self.directory = directory
        self.fleet = Fleet(directory.cluster)
        self.feed: Feed = (ReplayFeed if replay else JournalFeed)(directory.journal, self._deliver, self._fail)
        self.engine_gone = False
        self.leaves_when_stopped = False
        self.journal_error: InstallerError | None = None
        self._drawn: tuple[int, int] | None = None
        self._leaving: ChoiceDialog | None = None
        """The question of what is to become of the run, while it is open."""
        self._working: tuple[str, ...] = ()
        self._estimate: float | None = None
        self._estimated_at = 0.0

    @property
    def replay(self) -> ReplayFeed | None:
        return self.feed if isinstance(self.feed, ReplayFeed) else None

    @property
    def now(self) -> float:
        """The moment that is shown, in Unix seconds."""
        return self.replay.now if self.replay else self.fleet.progress.now()

    @property
    def running(self) -> bool:
        return self.fleet.progress.running and not self.engine_gone

    @property
    def exit_code(self) -> ExitCode:
        """The application's exit code if it ended now: that of the run once it has ended."""
        progress = self.fleet.progress
        if progress.exit_code is not None and not self.replay:
            return ExitCode(progress.exit_code)
        return ExitCode.INTERRUPTED if self.engine_gone else ExitCode.DONE

    @property
    def can_resume(self) -> bool:
        """Whether the last run was to bring a cluster about, and hasn't finished."""
        progress = self.fleet.progress
        unfinished = progress.outcome in (Outcome.FAILED, Outcome.STOPPED) or self.engine_gone
        return unfinished and not progress.kind.undoes

    def on_mount(self) -> None:
        self.prepare()
        self.read_notice()
        self.set_interval(FRAMES, self._frame)
        if not self.replay:
            self.set_interval(LIVENESS, self._look_for_engine)
        self.start_feed()

    def prepare(self) -> None:
        """Set up widgets, before anything comes in."""

    def start_feed(self) -> None:
        self.feed.start()

    def on_unmount(self) -> None:
        self.feed.close()

    def _deliver(self, batch: Batch) -> None:
        self.post_message(self.Arrived(batch))

    def _fail(self, error: InstallerError) -> None:
        self.post_message(self.Unreadable(error))

    def on_run_screen_arrived(self, message: Arrived) -> None:
        self.take_batch(message.batch)
        self.feed.taken_in()

    def take_batch(self, batch: Batch) -> None:
        """Bring the fold up to date, and tell the subclass of a run that ended."""
        before = (self.fleet.progress.run, self.fleet.progress.outcome)
        self.journal_error = None
        if batch.steps is not None:
            self.fleet.load(batch.steps)
            # Thousands of steps live as long as the screen: a collector that looks through them makes keys wait.
            gc.collect()
            gc.freeze()
            gc.set_threshold(*_COLLECTED)
            self.engine_gone = False
        self.fleet.extend(batch.events)
        self.take_in(batch)
        outcome = self.fleet.progress.outcome
        if outcome is not None and (self.fleet.progress.run, outcome) != before:
            self._close_question()
            self._frame()
            self.ended(outcome)

    def _close_question(self) -> None:
        """There is nothing left to leave running or to stop."""
        if self._leaving is not None and self._leaving.is_current:
            self._leaving.dismiss(None)
            self.notify(f"The {self.fleet.progress.kind.noun} has ended.")

    def on_run_screen_unreadable(self, message: Unreadable) -> None:
        self.journal_error = message.error
        self._drawn = None

    def _frame(self) -> None:
        """Draw if something changed, or a second passed."""
        if not self.is_mounted:
            return
        moment = (self.fleet.version, int(self.now))
        if moment != self._drawn:
            self._drawn = moment
            self.draw()

    def redraw(self) -> None:
        """Draw with the next frame even if nothing came in."""
        self._drawn = None

    def refresh_keys(self) -> None:
        """Let the footer know if other keys work now; it is built again each time."""
        working = tuple(binding.action for _, binding, enabled, _ in self.active_bindings.values() if enabled)
        if working != self._working:
            self._working = working
            self.refresh_bindings()

    def take_in(self, batch: Batch) -> None:
        """Use what the fold does not keep, such as log lines."""

    def draw(self) -> None:
        """Bring every visible widget up to date."""
        raise NotImplementedError

    def ended(self, outcome: Outcome) -> None:
        """The run ended just now, or had ended when the screen opened."""

    def _look_for_engine(self) -> None:
        from installer.engine import process

        seq = self.fleet.progress.last_seq
        if self.fleet.progress.running:
            self.attempt(
                lambda: process.running_pid(self.directory),
                lambda pid: self._engine_seen(pid is None, seq),
                group="engine",
            )

    def _engine_seen(self, gone: bool, seq: int) -> None:
        # Events that came in meanwhile may tell how it ended: then the next look decides.
        gone = gone and self.fleet.progress.running and seq == self.fleet.progress.last_seq
        if gone != self.engine_gone:
            self.engine_gone = gone
            if gone:
                self._frame()  # what was at work then stays in view
                self.fleet.abandon(self.now)
            self.redraw()

    def action_leave(self) -> None:
        """Go back; while the run goes on, ask what is to become of it."""
        self._ask_and(self.leave)

    def quit(self) -> None:
        self._ask_and(self.end)

    def _ask_and(self, go: Callable[[ExitCode], None]) -> None:
        from installer.engine import process

        if self.running and not self.replay:
            self._ask(go)
        elif self.replay or self.engine_gone or self.journal_error or self.fleet.progress.started is not None:
            go(self.exit_code)
        else:  # nothing has been read yet, as in the screen's first moment
            self.attempt(
                lambda: process.running_pid(self.directory),
                lambda pid: go(self.exit_code) if pid is None else self._ask(go),
                group="leave",
            )

    def _ask(self, go: Callable[[ExitCode], None]) -> None:
        def decide(choice: str | None) -> None:
            self._leaving = None
            if choice == "leave":
                go(self.exit_code)
            elif choice == "stop":
                self.leaves_when_stopped = True
                self.stop_engine()

        question = f"The {self.fleet.progress.kind.noun} of {self.directory.cluster} is running"
        self._leaving = ChoiceDialog(question, LEAVING)
        self.app.push_screen(self._leaving, decide)

    def how_far(self) -> str:
        """The words after the percentage: the time left, or how the run ended."""
        progress = self.fleet.progress
        if progress.started is None:
            return ""
        if progress.outcome is not None and progress.ended is not None:
            return f"{progress.outcome} after {duration(progress.ended - progress.started)}"
        if self.engine_gone:
            return "interrupted"
        if progress.stopping:
            return "stopping at a safe point"
        left = self._remaining()
        return "" if left is None else f"about {about(left)} left".replace("about a few", "a few")

    def _remaining(self) -> float | None:
        """As Progress.remaining, asked for only every second, or every third with many steps."""
        wait = 3.0 if len(self.fleet.progress.steps) > MANY_STEPS else 1.0
        if self._estimate is None or not 0 <= self.now - self._estimated_at < wait:
            self._estimate, self._estimated_at = self.fleet.progress.remaining(self.now), self.now
        return self._estimate

    def state_word(self) -> str:
        """What goes on, in one word for the title."""
        progress = self.fleet.progress
        if progress.outcome is Outcome.DONE:
            return progress.kind.achieved
        if progress.outcome is not None:
            return str(progress.outcome)
        if self.engine_gone:
            return "interrupted"
        return progress.kind.at_work

    def read_notice(self) -> None:
        """Ask the platform for its sentence in the title bar."""
        self.attempt(lambda: notice_of(self.directory.cluster), self.show_notice, group="notice")

    def show_notice(self, notice: str) -> None:
        for title in self.query(TitleBar):
            title.notice = notice


def notice_of(cluster: str) -> str:
    """What the platform of a cluster has to say on every screen; empty if its plan cannot be read."""
    from installer.operations import lookup

    try:
        return lookup.load(cluster).traits.notice
    except InstallerError:
        return ""
