"""The steps of one machine: each one's state, what it waits for, how long it took."""

from __future__ import annotations

from installer.engine.events import StepState
from installer.engine.progress import ACTIVE, StepView
from screens import theme
from screens.widgets.rows import Rows, Spans
from screens.words import MARK_OF_STEP, duration, fit, retry_words, wait_words

TIME_WIDTH = 7
WORDS_WIDTH = 10
WIDE = 70
"""Width from which on there is room for the state's word."""


class StepList(Rows):
    """One step per line; an active or failed one has its detail below."""

    HELP = "The steps of the selected machine in the order they happen. d tells all about the one under the cursor."

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self._steps: list[StepView] = []
        self._lines: list[tuple[StepView, str]] = []
        self._now = 0.0
        self._follows = True
        """Whether the cursor goes with what runs; the user's own move ends that."""

    def show(self, steps: list[StepView], now: float) -> None:
        """Draw these steps as of `now`; the same list again keeps the cursor."""
        self._now = now
        other = [view.record.id for view in steps] != [view.record.id for view in self._steps]
        self._steps = steps
        self._lines = [(view, text) for view in steps for text in ("", *notes(view))]
        if other:
            self._follows = True
            self.set_reactive(Rows.cursor, 0)
            self.scroll_home(animate=False)
        self.update_rows()
        if self._follows:
            self._reveal_active()

    def move_to(self, index: int) -> None:
        self._follows = False
        super().move_to(index)

    def _reveal_active(self) -> None:
        for index, (view, _) in enumerate(self._lines):
            if view.state in (*ACTIVE, StepState.FAILED):
                self.place_cursor(index)
                return

    @property
    def step(self) -> StepView | None:
        """The step under the cursor."""
        return self._lines[self.cursor][0] if self._lines else None

    @property
    def row_count(self) -> int:
        return len(self._lines)

    @property
    def shows_cursor(self) -> bool:
        return self.has_focus

    def row(self, index: int, width: int) -> Spans:
        view, note = self._lines[index]
        if note:
            return [("    ", ""), (fit(note, width - 5), "error" if view.state is StepState.FAILED else "faint")]
        mark, words = MARK_OF_STEP[view.state], WORDS_WIDTH if width >= WIDE else 0
        time = duration(view.duration(self._now)) if view.started is not None else ""
        if view.how == "observed":
            time = "was so"
        return [
            (f"{theme.shape(mark)} ", mark.colour),
            (fit(view.record.title, width - 4 - TIME_WIDTH - words), "faint" if mark is theme.WAITING else ""),
            (f" {fit(str(view.state), words)}", "faint"),
            (f"{time:>{TIME_WIDTH}}", "faint"),
        ]


def notes(view: StepView) -> list[str]:
    """What is told under a step while it runs or once it failed."""
    if view.state is StepState.FAILED and view.error:
        return [str(view.error["observed"])]
    if view.state is StepState.BLOCKED:
        return [view.because] if view.because else []
    if view.state not in ACTIVE:
        return []
    if view.wait:
        return [wait_words(view)]
    if view.retry:
        return [retry_words(view)]
    if view.stage:
        return [f"{view.stage[0]} of {view.stage[1]}  {view.stage[2]}"]
    return []
