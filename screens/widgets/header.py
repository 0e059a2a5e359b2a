"""The title bar: where you are on the left, what the platform has to say on the right."""

from __future__ import annotations

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget


class TitleBar(Widget):
    """One line and a rule below it. `heading` is the path of words, the last one emphasised; `notice` may be empty."""

    DEFAULT_CSS = """
    TitleBar {
        height: 2;
        padding: 0 1;
        border-bottom: solid $panel;
    }
    """

    heading: reactive[tuple[str, ...]] = reactive(())
    notice: reactive[str] = reactive("")

    def __init__(self, *heading: str, notice: str = "") -> None:
        super().__init__()
        self.set_reactive(TitleBar.heading, ("craton", *heading))
        self.set_reactive(TitleBar.notice, notice)

    def show(self, *heading: str) -> None:
        """Change the words on the left."""
        self.heading = ("craton", *heading)

    def render(self) -> Content:
        left = Content(" · ").join(
            Content.styled(word, "bold" if number else "$primary bold") for number, word in enumerate(self.heading)
        )
        room = self.content_size.width - left.cell_length - 2
        if room < 10 or not self.notice:
            return left
        notice = self.notice if len(self.notice) <= room else self.notice[: room - 1] + "…"
        return left + Content(" " * (room + 2 - len(notice))) + Content.styled(notice, "$faint")
