"""What every screen has: a title bar, a footer of the keys that work, help, and nothing lost when it is left."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import TypeVar

from textual.screen import Screen
from textual.worker import Worker

from installer.common.errors import ExitCode, InstallerError
from screens.place import Place

Result = TypeVar("Result")
T = TypeVar("T")


class CratonScreen(Screen[Result]):
    """A full screen. Subclasses say in HELP, in a few sentences, what it is for."""

    HELP = ""

    def places(self) -> Iterable[Place]:
        """What the command palette finds on this screen, besides its actions."""
        return ()

    def keep(self) -> None:
        """Save what the user typed; called before the application ends."""

    def attempt(self, work: Callable[[], T], then: Callable[[T], object], *, group: str = "attempt") -> Worker[None]:
        """Do blocking `work` on a thread and hand its result to `then`; a failure is shown until it is dismissed."""

        async def body() -> None:
            try:
                result = await asyncio.to_thread(work)
            except InstallerError as error:
                self.fail(error)
            else:
                if self.display:  # False once the screen is being removed: there is nothing left to fill
                    then(result)

        return self.run_worker(body, group=group, exclusive=True)

    def fail(self, error: InstallerError) -> None:
        """Show what went wrong and what to do next."""
        from screens.dialogs.failure import FailureDialog

        self.app.push_screen(FailureDialog(error))

    def quit(self) -> None:
        """What ctrl+q does here: end the application, unless there is something to ask first."""
        self.end()

    def end(self, code: ExitCode = ExitCode.DONE) -> None:
        """End the application with an exit code."""
        self.keep()
        self.app.exit(int(code))

    def leave(self, code: ExitCode = ExitCode.DONE) -> None:
        """Go back to the screen that this one was opened from; end the application where there is none."""
        if len(self.app.screen_stack) > 2:  # Textual's own blank screen lies below the first of ours
            self.keep()
            self.app.pop_screen()
        else:
            self.end(code)
