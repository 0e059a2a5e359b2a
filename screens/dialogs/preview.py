"""The cluster as the answers have it, for terminals too narrow to draw it next to the questions."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen

from installer.plan.model import InstallPlan
from screens.widgets.diagram import Diagram
from screens.widgets.footer import Footer


class PreviewDialog(ModalScreen[None]):
    """The drawing alone; the key that opened it takes it away."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,f2,p,enter", "dismiss", "Close", key_display="esc")]
    DEFAULT_CSS = """
    PreviewDialog {
        align: center middle;
        background: $background;
        & > VerticalScroll { width: 68; height: auto; max-height: 100%; padding: 1 2; }
    }
    """

    def __init__(self, plan: InstallPlan, remark: str = "") -> None:
        super().__init__()
        self._plan = plan
        self._remark = remark

    def compose(self) -> ComposeResult:
        with VerticalScroll():
            diagram = Diagram(self._plan)
            diagram.show(self._plan, self._remark)
            yield diagram
        yield Footer(show_command_palette=False)
