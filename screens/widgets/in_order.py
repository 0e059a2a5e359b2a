"""What is typed in: keys take effect in the order in which they were pressed.

Textual leaves a widget's bindings to the application, which learns of ctrl+u or backspace once the key has bubbled up
to it. By then the widget has taken the characters that followed, and it is those that the key deletes.
"""

from __future__ import annotations

from textual import events
from textual.widget import Widget
from textual.widgets import Input


async def obey(widget: Widget, event: events.Key) -> None:
    """Run `widget`'s own binding for a key now, between the characters before and after it."""
    active = None if event.is_printable else widget.screen.active_bindings.get(event.key)
    if active and active.node is widget and await widget.app.run_action(active.binding.action, widget):
        event.stop()
        event.prevent_default()


class LineInput(Input):
    """A line to type in."""

    async def on_key(self, event: events.Key) -> None:
        await obey(self, event)
