"""A page of the docs, at one of its sections."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Markdown
from textual.widgets.markdown import MarkdownBlock

from installer.common import manual
from screens.widgets.footer import Footer


class ManualDialog(ModalScreen[None]):
    """Arrows scroll; a link that is clicked opens the page that it leads to, and goes nowhere else."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter", "dismiss", "Close", key_display="esc"),
        Binding("down", "scroll(1)", "Scroll", key_display="↑↓"),
        Binding("up", "scroll(-1)", "Scroll up", show=False),
        Binding("pagedown,space", "scroll(10)", "Page", key_display="space"),
        Binding("pageup", "scroll(-10)", "Page up", show=False),
    ]
    DEFAULT_CLASSES = "dialog -broad"
    DEFAULT_CSS = """
    ManualDialog {
        & > Vertical { height: 100%; max-height: 100%; }
        VerticalScroll { height: 1fr; }
        Markdown { padding: 0 1; background: transparent; }
    }
    """

    def __init__(self, page: str, begins: str = "") -> None:
        super().__init__()
        self._page = page
        self._begins = begins

    def compose(self) -> ComposeResult:
        with Vertical(), VerticalScroll(can_focus=False):
            yield Markdown(open_links=False)
        yield Footer(show_command_palette=False)

    async def on_mount(self) -> None:
        await self._open(self._page, self._begins)

    async def _open(self, page: str, begins: str = "") -> None:
        await self.query_one(Markdown).update(manual.read(page))
        self.call_after_refresh(self._go_to, begins)

    def _go_to(self, begins: str) -> None:
        blocks = (block for block in self.query(MarkdownBlock) if begins and (block.source or "").startswith(begins))
        found = next(blocks, None)
        if found is not None:
            found.scroll_visible(top=True, animate=False)
        else:
            self.query_one(VerticalScroll).scroll_home(animate=False)

    async def on_markdown_link_clicked(self, event: Markdown.LinkClicked) -> None:
        page = event.href.partition("#")[0].rpartition("/")[2].removesuffix(".md")
        if page in manual.pages():
            await self._open(page)

    def action_scroll(self, lines: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)
