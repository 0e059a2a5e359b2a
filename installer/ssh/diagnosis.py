"""The rungs of the ladder from a machine's name to a machine that can be worked on, in the order they are climbed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from installer.common.errors import InstallerError


@dataclass(frozen=True, slots=True)
class Ladder:
    """Every rung in order, with what was seen of it."""

    machine: str
    rungs: tuple[Rung, ...]
    error: InstallerError | None = None
    host_key: str | None = None
    """The key that the server proved to have and that was trusted, as `TYPE BASE64`."""

    @property
    def failed(self) -> Rung | None:
        """The rung that did not hold; those behind it were not reached."""
        return next((rung for rung in self.rungs if rung.verdict == "failed"), None)


@dataclass(frozen=True, slots=True)
class Rung:
    """One rung: `seen` says what was observed, `remedy` what mends it; both are empty until it was reached."""

    id: str
    title: str
    verdict: Literal["passed", "failed", "not reached"] = "not reached"
    seen: str = ""
    remedy: str = ""


RUNGS = (
    Rung("resolve", "its name resolves"),
    Rung("connect", "it takes connections"),
    Rung("banner", "an SSH server answers"),
    Rung("host key", "its host key is known"),
    Rung("log in", "it takes a key of ours"),
    Rung("shell", "its login shell runs commands"),
    Rung("sudo", "sudo needs no password"),
    Rung("system", "its system is supported"),
)

Climbed = Callable[[Rung], None]
"""Told of every rung as soon as it holds."""


def passed(id: str, seen: str) -> Rung:
    """The rung of that id, which holds. Raises StopIteration if there is none."""
    return replace(next(rung for rung in RUNGS if rung.id == id), verdict="passed", seen=seen)


def unheard(_rung: Rung) -> None:
    """For whoever wants to hear of no rung."""
