"""The password with which the administrator is going to sign in."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Footer, Input, Static

from installer.cluster import administrator
from screens import theme
from screens.widgets.in_order import LineInput


class PasswordDialog(ModalScreen[str | None]):
    """Returns a password that can be used, typed twice; or None to have one made."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Set it", priority=True),
        Binding("escape", "dismiss", "Have one made"),
    ]
    DEFAULT_CLASSES = "dialog"

    def __init__(self, email: str) -> None:
        super().__init__()
        self._email = email

    def compose(self) -> ComposeResult:
        hint = (
            f"{administrator.LEAST} characters or more, and the same again below. Craton keeps a hash, in no plan. "
            "If you set none, Craton makes one and says where it is."
        )
        with Vertical():
            yield Static(Content(f"Password with which {self._email} will sign in"), classes="title")
            yield LineInput(password=True, compact=True, id="password")
            yield LineInput(password=True, compact=True, id="again", placeholder="the same again")
            yield Static(id="wrong")
            yield Static(Content.styled(hint, "$faint"), classes="hint")
        yield Footer(show_command_palette=False)

    def action_submit(self) -> None:
        """Go on to the second field, or take what is in both."""
        first, again = (self.query_one(f"#{name}", Input) for name in ("password", "again"))
        wrong = administrator.problem(first.value)
        if not wrong and not again.value:
            again.focus()
            return
        if not wrong and again.value != first.value:
            wrong = "The two are not the same."
        if not wrong:
            self.dismiss(first.value)
            return
        self.query_one("#wrong", Static).update(theme.content(theme.FAILED, wrong))
        again.value = ""
        first.focus()
