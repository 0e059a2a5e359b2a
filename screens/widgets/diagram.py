"""The cluster drawn, with its facts below."""

from __future__ import annotations

import os
from functools import lru_cache

from textual.content import Content
from textual.widget import Widget

from installer.plan.diagram import MAX_WIDTH, diagram, facts
from installer.plan.model import InstallPlan
from screens.theme import has_unicode


class Diagram(Widget):
    """Draws the last plan that it was given, as wide as it is itself."""

    DEFAULT_CSS = "Diagram { height: auto; width: 1fr; }"

    def __init__(self, plan: InstallPlan | None = None, id: str | None = None) -> None:
        super().__init__(id=id)
        self._plan = plan
        self._remark = ""

    def show(self, plan: InstallPlan | None, remark: str = "") -> None:
        """Draw `plan`; None leaves the last one. `remark` says what the drawing does not show."""
        self._plan = plan or self._plan
        self._remark = remark
        self.refresh(layout=True)

    def render(self) -> Content:
        if self._plan is None:
            return Content.styled(self._remark or "The cluster is drawn here once there is enough to draw.", "$faint")
        lines = _drawn(self._plan, self.content_size.width or MAX_WIDTH, ascii=not has_unicode(os.environ))
        style = "$faint" if self._remark else "$foreground"
        machines, survives, cost = facts(self._plan)
        below = [Content(""), Content.styled(machines, "bold") + Content(f" · {survives}"), Content(cost)]
        if self._remark:
            below.append(Content.styled(self._remark, "$faint"))
        return Content("\n").join([*(Content.styled(line, style) for line in lines), *below])


@lru_cache(maxsize=4)
def _drawn(plan: InstallPlan, width: int, *, ascii: bool) -> tuple[str, ...]:
    """The drawing, kept: a widget renders more often than its plan changes."""
    return diagram(plan, width, ascii=ascii)
