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
_GREETING = 2.0


def wait_for_ssh(work: Work, machine: str, attempt: Callable[[float], T], every: float = 0.5) -> T:
    """Call `attempt` with the seconds that it may take until it succeeds; return what it returned.

    An error that may pass is a reason to wait (the platform knows no address yet, nothing listens), and is shown.
    Raises any other at once, the last one at the deadline, and Stopped when the engine is asked to stop.
    """
    last: InstallerError | None = None

    def probe() -> tuple[tuple[T] | None, str]:
        nonlocal last
        remaining = work.remaining()
        if last is not None and not remaining:
            raise last
        try:
            return (attempt(min(_ATTEMPT, remaining)),), "it answers"
        except InstallerError as error:
            if not error.retryable:
                raise
            last = error
            if not work.remaining():
                raise
            return None, error.observed

    (found,) = work.wait_until(f"the SSH server of {machine}", probe, every)
    return found


def greeted(address: str, port: int) -> tuple[bool, str]:
    """Whether the SSH server says its first words, and what was seen. No login."""
    where = f"{address}:{port}"
    try:
        with socket.create_connection((address, port), timeout=_GREETING) as connection:
            greeting = connection.recv(4) == b"SSH-"
    except OSError as error:
        return False, f"{where}: {error.strerror or error}"
    return (True, f"running, SSH at {where}") if greeting else (False, f"{where} says nothing yet")
