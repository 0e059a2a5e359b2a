"""What an account suggests for an answer that is typed: a few lines below the input, and where they come from."""

from __future__ import annotations

from textual.content import Content
from textual.widget import Widget

from installer.plan import suggestions
from installer.plan.suggestions import Suggestion, Suggestions
from screens import theme

_ROWS = {"-tall": 7, "-short": 4}
"""Suggestions that are shown at once, by the screen's height; `_FEWEST` on lower ones."""
_FEWEST = 2


class Suggested(Widget):
    """Those suggestions that fit what was typed. It takes no focus: the input's keys move through it."""

    DEFAULT_CSS = """
    Suggested { height: auto; display: none; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._known = Suggestions()
        self._typed = ""
        self._cursor = -1

    @property
    def fitting(self) -> tuple[Suggestion, ...]:
        """What is left of the suggestions by what was typed."""
        return suggestions.matching(self._known.found, self._typed, several=self._known.several)

    def show(self, known: Suggestions | None, value: str) -> None:
        """Show what is known by now; nothing for None. `value` is what the input holds."""
        self.display = known is not None
        if known is not None and known != self._known:
            self._known = known
            self.type(value)

    def type(self, text: str) -> None:
        """The person typed: leave what fits, with the cursor on what is exactly that."""
        self._typed = text
        values = [one.value for one in self.fitting]
        self._cursor = values.index(text) if text in values else -1
        self.refresh(layout=True)

    def move(self, lines: int) -> str | None:
        """Go to the next suggestion; the text that the input is to hold then, or None where there is none."""
        fitting = self.fitting
        if not fitting:
            return None
        self._cursor = max(0, min(self._cursor + lines, len(fitting) - 1))
        self.refresh(layout=True)
        before, _ = suggestions.parted(self._typed) if self._known.several else ("", "")
        return before + fitting[self._cursor].value

    def render(self) -> Content:
        return Content("\n").join([*self._lines(), *self._notes()])

    def _lines(self) -> list[Content]:
        fitting, rows = (
            self.fitting,
            next((rows for name, rows in _ROWS.items() if self.screen.has_class(name)), _FEWEST),
        )
        first = max(0, min(self._cursor - rows // 2, len(fitting) - rows))
        shown = fitting[first : first + rows]
        width = max((len(one.value) for one in shown), default=0)
        return [self._line(one, number == self._cursor, width) for number, one in enumerate(shown, first)]

    def _line(self, one: Suggestion, here: bool, width: int) -> Content:
        room = max(0, self.content_size.width - width - 5)
        detail = one.detail if len(one.detail) <= room else f"{one.detail[: max(0, room - 1)]}…"
        return Content.assemble(
            ("› " if here else "  ", "$primary bold"), (one.value.ljust(width), "bold" if here else ""),
            (f"   {detail}", "$faint"),
        )  # fmt: skip

    def _notes(self) -> list[Content]:
        known, notes = self._known, []
        if known.waiting:
            notes.append(theme.content(theme.RUNNING, "Asking your account. You can type meanwhile."))
        elif known.found and not self.fitting:
            notes.append(Content.styled("Nothing in the list is like this. You can use it all the same.", "$faint"))
        if known.source:
            more = f" {len(self.fitting)} fit." if 0 < len(self.fitting) < len(known.found) else ""
            keys = " ↑↓ chooses." if self.fitting else ""
            notes.append(Content.styled(f"{known.source}.{more}{keys}", "$faint"))
        if known.problem:
            notes.append(theme.content(theme.WARNING, known.problem))
        return notes
