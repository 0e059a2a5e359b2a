"""When each machine did what: one bar per machine over the run's time, a letter for each phase."""

from __future__ import annotations

import os
from typing import ClassVar

from rich.style import Style

from installer.steps.step import Phase
from screens import theme
from screens.models.fleet import MachineView
from screens.widgets.machines import Machines
from screens.widgets.rows import Spans
from screens.words import duration

LETTERS = {
    Phase.CHECK: "c",
    Phase.NETWORK: "n",
    Phase.MACHINES: "m",
    Phase.CONNECT: "s",
    Phase.PREPARE: "p",
    Phase.CONTROL_PLANE: "k",
    Phase.JOIN: "j",
    Phase.INGRESS: "i",
    Phase.DNS: "d",
    Phase.VERIFY: "v",
}
"""Letters that differ; `s` is for SSH and `k` for the control plane that kubeadm makes."""


class Timeline(Machines):
    """A row per machine; time runs to the right, idle time is a thin line."""

    HEADING = True
    HELP = (
        "One bar per machine; time runs to the right from the start of the run. A letter begins each phase, "
        "a dot for time in which the machine waited."
    )
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"timeline--{number}" for number in range(len(LETTERS))}
    DEFAULT_CSS = """
    Timeline {
        & > .timeline--0 { color: $secondary; }
        & > .timeline--1 { color: $secondary; }
        & > .timeline--2 { color: $secondary; }
        & > .timeline--3 { color: $warning; }
        & > .timeline--4 { color: $primary; }
        & > .timeline--5 { color: $success; }
        & > .timeline--6 { color: $primary; }
        & > .timeline--7 { color: $warning; }
        & > .timeline--8 { color: $secondary; }
        & > .timeline--9 { color: $success; }
    }
    """

    @property
    def row_count(self) -> int:
        return len(self.names)

    @property
    def _span(self) -> float:
        """Seconds from the left edge to the right one."""
        progress = self._fleet.progress
        if progress.started is None:
            return 1.0
        return max(1.0, (progress.ended or self.now) - progress.started)

    def _bar_width(self, width: int) -> int:
        return max(10, width - self._name_width - 6)

    def heading(self, width: int) -> Spans:
        room, label = self._bar_width(width), duration(self._span)
        axis = "0:00".ljust(room)
        if room > 40:
            middle = duration(self._span / 2)
            axis = axis[: room // 2] + middle + axis[room // 2 + len(middle) :]
        return [(" " * (self._name_width + 5) + axis[: room - len(label)] + label, "faint")]

    def row(self, index: int, width: int) -> Spans:
        machine = self._fleet.machines[self.names[index]]
        mark = machine.mark
        return [
            (f"  {theme.shape(mark)} ", mark.colour),
            (machine.short[: self._name_width].ljust(self._name_width + 1), ""),
            *self._cells(machine, self._bar_width(width)),
        ]

    def _cells(self, machine: MachineView, width: int) -> Spans:
        cells = phases_over_time(machine, self._fleet.progress.started or 0.0, self._span, width, self.now)
        line, idle = ("━", "·") if theme.has_unicode(os.environ) else ("=", ".")
        spans: Spans = []
        before: Phase | None = None
        for phase in cells:
            if phase is None:
                spans.append((idle, "rule"))
            elif phase is before:
                spans.append((line, f"phase-{list(LETTERS).index(phase)}"))
            else:
                spans.append((LETTERS[phase], "bold"))
            before = phase
        return spans

    def _style(self, names: str) -> Style:
        if names.startswith("phase-"):
            return self.get_component_rich_style(f"timeline--{names[6:]}", partial=True)
        return super()._style(names)


def legend() -> str:
    """What the letters mean, in the order of the phases: two lines of columns."""
    meanings = [f"{letter}\u00a0{phase}" for phase, letter in LETTERS.items()]
    half = len(meanings) // 2
    columns = list(zip(meanings[:half], meanings[half:], strict=True))
    lines = zip(*([text.ljust(max(map(len, column)) + 2) for text in column] for column in columns), strict=True)
    return "\n".join("".join(line).rstrip() for line in lines)


def phases_over_time(machine: MachineView, start: float, span: float, width: int, now: float) -> list[Phase | None]:
    """Which phase a machine was in, in each of `width` equal parts of the time from `start` on; None when in none."""
    cells: list[Phase | None] = [None] * width
    for view in machine.steps:
        if view.started is None or view.how == "observed":
            continue
        first = int((view.started - start) / span * width)
        last = int(((view.ended if view.ended is not None else now) - start) / span * width)
        for cell in range(max(0, first), min(width - 1, last) + 1):
            cells[cell] = Phase(view.record.phase)
    return cells
