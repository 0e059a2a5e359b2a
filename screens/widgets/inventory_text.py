"""A list of machines as it is typed."""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.widgets import TextArea

from installer.plan.inventory import ALLOWED
from installer.ssh.config_hosts import aliases
from screens.widgets.in_order import obey


class InventoryText(TextArea):
    """The list as it is typed. Names of ~/.ssh/config are offered as they are begun; the right arrow takes one."""

    HELP = (
        "One machine per line, or separated by commas: 10.0.0.11, admin@host:2222, 10.0.0.[11-15], "
        "node[01-12].example.com, [2001:db8::1]:22, a Host of ~/.ssh/config, @file. Words after a machine add "
        "details: role=master, internal=10.0.0.4, key=~/.ssh/id, jump=user@host. # starts a comment. You can also "
        "paste lines of a hosts file, CSV, an Ansible inventory, or the output of kubectl get nodes -o wide or "
        "terraform output: a line below the text says what was left out. ctrl+n goes on to the next page, tab to the "
        "table."
    )
    BINDINGS: ClassVar[list[BindingType]] = [Binding("tab", "leave", "Table")]

    def __init__(self, text: str) -> None:
        super().__init__(text, compact=True, show_line_numbers=True, highlight_cursor_line=False, placeholder=ALLOWED)
        self.cursor_blink = False
        self.move_cursor(self.document.end)

    async def on_key(self, event: events.Key) -> None:
        await obey(self, event)

    def check_consume_key(self, key: str, character: str | None = None) -> bool:
        return character != "?" and super().check_consume_key(key, character)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return bool(self.text.strip()) if action == "leave" else True

    def action_leave(self) -> None:
        self.screen.focus_next()

    @cached_property
    def _aliases(self) -> tuple[str, ...]:
        return aliases()

    def update_suggestion(self) -> None:
        row, column = self.cursor_location
        line = self.document.get_line(row)
        begun = line[:column].replace(",", " ").rpartition(" ")[2].rpartition("@")[2]
        known = (name for name in self._aliases if begun and name.startswith(begun) and name != begun)
        self.suggestion = next(known, "")[len(begun) :] if column == len(line) else ""
