"""What stopped a run, on one card: what failed, where, what was seen, what it usually means, and what can be done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from textual.content import Content
from textual.widgets import Static

from installer.engine.progress import StepView
from screens import theme


class FailureCard(Static):
    """Hidden while nothing failed."""

    DEFAULT_CSS = """
    FailureCard {
        height: auto;
        max-height: 8;
        padding: 0 2;
        border-top: solid $panel;
        display: none;
        &.-shown { display: block; }
    }
    """

    def show_failure(self, view: StepView, others: int, keys: str) -> None:
        """Show one failed step, of how many others, and the keys that help."""
        error: Mapping[str, Any] = view.error or {}
        machine = view.record.machine or error.get("machine") or ""
        machine = "" if machine in view.record.title else machine
        more = Content.styled(f"   and {others} more failed", "$faint") if others else Content()
        head = theme.content(theme.FAILED) + Content.styled(
            f" {machine + ': ' if machine else ''}{view.record.title}", "bold $error"
        )
        operation = str(error.get("operation", ""))
        seen = f"{operation}: {error.get('observed', '')}" if operation else str(error.get("observed", ""))
        self._show([head + more, Content(seen), Content(str(error.get("hint", ""))), Content.styled(keys, "$primary")])

    def show_text(self, title: str, seen: str, keys: str) -> None:
        """Show a trouble that is no step's, such as an engine that died."""
        head = theme.content(theme.WARNING) + Content.styled(f" {title}", "bold $warning")
        self._show([head, Content(seen), Content.styled(keys, "$primary")])

    def hide(self) -> None:
        self.set_class(False, "-shown")

    def _show(self, lines: list[Content]) -> None:
        content = Content("\n").join(line for line in lines if line)
        if content != self.content or not self.has_class("-shown"):
            self.update(content)
            self.set_class(True, "-shown")
