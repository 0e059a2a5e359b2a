"""A text that changes often and never its size: drawn again only when it differs, and without a new layout."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static


class Still(Static):
    """One or more lines of fixed height."""

    DEFAULT_CSS = "Still { height: 1; text-wrap: nowrap; text-overflow: ellipsis; }"

    def say(self, content: Content) -> None:
        """Show `content` from now on."""
        if content != self.content:
            self.update(content, layout=False)
