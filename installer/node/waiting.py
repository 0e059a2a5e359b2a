"""Waiting for a machine's SSH server: one way for every platform, with a deadline and with reasons on the screen."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import TypeVar

from installer.common.errors import InstallerError
from installer.steps.work import Work

T = TypeVar("T")
_ATTEMPT = 30.0
"""Seconds for one attempt: a server that swallows a connection must not use up the whole deadline."""
_GREETING = 10.0
"""Seconds until an SSH server has said its first words. One on a computer that is busy needs more than two."""
_LAST_WORDS = 20.0
"""Seconds kept at the end of the wait to read the machine's console; a quarter of a wait that is short."""
_CONSOLE_LINES = 20


def wait_for_ssh(
    work: Work,
    machine: str,
    attempt: Callable[[float], T],
    every: float = 0.5,
    console: Callable[[], str | None] = lambda: None,
) -> T:
    """Call `attempt` with the seconds that it may take until it succeeds; return what it returned.

    An error that may pass is a reason to wait (the platform knows no address yet, nothing listens), and is shown.
    When the wait is nearly over, the last lines of `console` go to the log: they may say why nothing answers.
    Raises any other error at once, the last one at the deadline, and Stopped when the engine is asked to stop.
    """
    last: InstallerError | None = None
    kept = min(_LAST_WORDS, work.remaining() / 4)

    def probe() -> tuple[tuple[T] | None, str]:
        nonlocal last, kept
        if kept and work.remaining() <= kept:
            kept = 0.0
            _show_console(work, console)
        remaining = work.remaining()
        if last is not None and not remaining:
            raise last
        try:
            return (attempt(min(_ATTEMPT, remaining - kept)),), "it answers"
        except InstallerError as error:
            if not error.retryable:
                raise
            last = error
            if not work.remaining():
                raise
            return None, error.observed

    (found,) = work.wait_until(f"the SSH server of {machine}", probe, every)
    return found


def _show_console(work: Work, console: Callable[[], str | None]) -> None:
    """Log the console's last lines, or why they can't be read; nothing where nobody keeps it."""
    try:
        text = console()
    except InstallerError as error:
        work.log(f"its console can't be read: {error.observed}")
        return
    if text is None:
        return
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    work.log("the last lines of its console:" if lines else "its console shows nothing yet")
    for line in lines[-_CONSOLE_LINES:]:
        work.log(f"  {line}")


def greeted(address: str, port: int) -> tuple[bool, str]:
    """Whether the SSH server says its first words, and what was seen. No login."""
    where = f"{address}:{port}"
    try:
        with socket.create_connection((address, port), timeout=_GREETING) as connection:
            greeting = connection.recv(4) == b"SSH-"
    except OSError as error:
        return False, f"{where}: {error.strerror or error}"
    return (True, f"running, SSH at {where}") if greeting else (False, f"{where} says nothing yet")
