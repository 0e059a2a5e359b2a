"""The phases of a run with a progress bar: how far it is, and about how long it still takes."""

from __future__ import annotations

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from installer.engine.events import StepState
from installer.steps.step import Phase
from screens import theme
from screens.words import MARK_OF_STEP, bar


class PhasesBar(Widget):
    """Two lines: every phase with its state, and the bar with percent and the time left."""

    DEFAULT_CSS = """
    PhasesBar {
        height: 3;
        padding: 0 2 1 2;
    }
    """

    phases: reactive[tuple[tuple[Phase, StepState], ...]] = reactive(())
    fraction: reactive[float] = reactive(0.0)
    left: reactive[str] = reactive("")
    """The words after the percentage: the time left, or how the run ended."""

    def render(self) -> Content:
        width = self.content_size.width
        return Content("\n").join((self._names(width), self._bar(width)))

    def _names(self, width: int) -> Content:
        full = Content("  ").join(
            theme.content(MARK_OF_STEP[state]) + Content.styled(f" {phase}", _style(state))
            for phase, state in self.phases
        )
        if full.cell_length <= width:
            return full
        return Content(" ").join(self._short(phase, state) for phase, state in self.phases)

    def _short(self, phase: Phase, state: StepState) -> Content:
        mark = MARK_OF_STEP[state]
        telling = mark in (theme.RUNNING, theme.FAILED)
        return theme.content(mark, str(phase)) if telling else theme.content(mark)

    def _bar(self, width: int) -> Content:
        percent = f"{int(self.fraction * 100 + 1e-9):3d} %"
        words = f"  {percent}" + (f"  {self.left}" if self.left else "")
        done, rest = bar(self.fraction, max(10, width - len(words)))
        return Content.assemble(
            (done, "$primary"), (rest, "$panel"), (f"  {percent}", "bold"), (words[len(percent) + 2 :], "$faint")
        )


def _style(state: StepState) -> str:
    mark = MARK_OF_STEP[state]
    if mark is theme.RUNNING:
        return "bold"
    return "$error" if mark is theme.FAILED else "" if mark is theme.DONE else "$faint"
