"""One machine closely: its steps, and its log as it comes in."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content

from screens import theme
from screens.models.feed import Batch
from screens.models.fleet import MachineView
from screens.widgets.log import LogView
from screens.widgets.steps import StepList
from screens.widgets.still import Still


class MachinePane(Vertical):
    """A title, the steps and the log; the steps make room for the log when it is shown alone."""

    DEFAULT_CSS = """
    MachinePane {
        #pane-title { padding: 0 1; margin-bottom: 1; }
        StepList { margin: 0 0 1 1; }
        LogView { height: 1fr; margin-left: 1; }
        &.-log-alone StepList { display: none; }
    }
    """

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self._machine = ""
        self._steps_height = 0

    def compose(self) -> ComposeResult:
        yield Still(id="pane-title")
        yield StepList(id="steps")
        yield LogView(id="log")

    @property
    def steps(self) -> StepList:
        return self.query_one(StepList)

    @property
    def log_view(self) -> LogView:
        return self.query_one(LogView)

    def choose(self, machine: str) -> None:
        """Show another machine from now on; its log comes with the next batch."""
        if machine != self._machine:
            self._machine = machine
            self.log_view.replace_lines([])

    def take_in(self, batch: Batch) -> None:
        """Add the lines of a batch if they are this machine's."""
        if batch.machine != self._machine:
            return
        if batch.fresh:
            self.log_view.replace_lines(batch.lines)
        elif batch.lines:
            self.log_view.write_lines(batch.lines)

    def show(self, machine: MachineView, now: float) -> None:
        """Draw the machine as of `now` (Unix seconds)."""
        words = " · ".join(word for word in (machine.short, machine.role, machine.state) if word)
        title = theme.content(machine.mark) + Content.styled(f" {words}", "bold")
        self.query_one(Still).say(title)
        if not self.has_class("-log-alone"):
            height = min(len(machine.steps) + 2, max(4, self.app.size.height // 2 - 5))
            if height != self._steps_height:
                self.steps.styles.height = self._steps_height = height
            self.steps.show(machine.steps, now)
