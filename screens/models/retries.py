"""What became of steps that were asked for once more: they are tried again now, or have failed again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from installer.engine.events import StepState
from installer.engine.progress import FINISHED, StepView


class Retries:
    """Remembers when which steps were asked for. Moments are the run's own time, in Unix seconds."""

    def __init__(self) -> None:
        self._asked: dict[str, float] = {}
        self._over = True

    def ask(self, steps: Iterable[str], now: float) -> None:
        """These steps are asked for at `now`."""
        self._asked |= dict.fromkeys(steps, now)
        self._over = False

    def settle(self) -> None:
        """The run ended, or could not be asked: none is tried any more."""
        self._over = True

    def pending(self, steps: Mapping[str, StepView]) -> list[StepView]:
        """Those of `steps` that were asked for and have not ended since."""
        if self._over:
            return []
        asked = (steps[id] for id in self._asked if id in steps)
        return [view for view in asked if view.state not in FINISHED and not self.failed_again(view)]

    def failed_again(self, view: StepView) -> bool:
        """Whether a step was asked for and has failed since."""
        asked = self._asked.get(view.record.id)
        return asked is not None and view.state is StepState.FAILED and (view.ended or 0.0) > asked
