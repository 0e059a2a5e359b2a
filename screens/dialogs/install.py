"""The last question before an install: what is known before it, and how many of one's own machines answer by now."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType

from installer.common.text import count
from installer.plan.model import InstallPlan
from screens.dialogs.choice import Choice, ChoiceDialog
from screens.widgets.outlook import LOOKS, OutlookPane


class InstallDialog(ChoiceDialog):
    """Returns "install", or nothing if it isn't the time. `outlook` goes on learning while the question is open."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("t", "try_again", "Try machines again")]

    def __init__(self, plan: InstallPlan, outlook: OutlookPane) -> None:
        question = f"Install {plan.name}: {count(plan.machine_count, 'machine')} ({plan.traits.title})?"
        self._outlook = outlook
        self._said = self._words()
        super().__init__(question, (Choice("install", "i", "Install now"), Choice("", "n", "Not yet")), self._said)

    def on_mount(self) -> None:
        if self._outlook.can_try_again:
            self.set_interval(LOOKS, self._look)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return self._outlook.can_try_again if action == "try_again" else True

    def action_try_again(self) -> None:
        """Try to reach the machines again that didn't answer."""
        self._outlook.try_again()

    def _look(self) -> None:
        if (words := self._words()) != self._said:
            self._said = words
            self.explain(words)

    def _words(self) -> str:
        ahead = [f"{label}: {words}" for label, words in self._outlook.lines]
        return "\n".join([*ahead, "It goes on if you close this screen, and can be resumed."])
