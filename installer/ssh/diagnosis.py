"""The stages between a machine's name and a machine that can be worked on, in the order they are tried."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from installer.common.errors import InstallerError


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Every stage in order, with what was seen of it."""

    machine: str
    stages: tuple[Stage, ...]
    error: InstallerError | None = None
    host_key: str | None = None
    """The key that the server proved to have and that was trusted, as `TYPE BASE64`."""

    @property
    def failed(self) -> Stage | None:
        """The stage that did not hold; those behind it were not reached."""
        return next((stage for stage in self.stages if stage.verdict == "failed"), None)


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage: `seen` says what was observed, `remedy` how to fix it; both are empty until it was reached."""

    id: str
    title: str
    verdict: Literal["passed", "failed", "not reached"] = "not reached"
    seen: str = ""
    remedy: str = ""


STAGES = (
    Stage("resolve", "its name resolves"),
    Stage("connect", "it accepts connections"),
    Stage("banner", "an SSH server answers"),
    Stage("host key", "its host key is known"),
    Stage("log in", "it accepts one of your keys"),
    Stage("shell", "its login shell runs commands"),
    Stage("sudo", "sudo needs no password"),
    Stage("system", "its system is supported"),
)

OnStage = Callable[[Stage], None]
"""Told of every stage as soon as it holds."""


class Errand(Protocol):
    """A script that a machine runs as root in the round trip of the last stages, which hold even if it fails."""

    @property
    def script(self) -> str: ...

    def begin(self) -> None:
        """Called as the machine is about to be asked."""

    def hear(self, line: str) -> None:
        """Called with each sanitised line that the script prints, as it comes."""

    def end(self, output: str) -> None:
        """Called with all that the script printed on stdout, if it came to its end."""


def passed(id: str, seen: str) -> Stage:
    """The stage of that id, which holds. Raises StopIteration if there is none."""
    return replace(next(stage for stage in STAGES if stage.id == id), verdict="passed", seen=seen)


def unheard(_stage: Stage) -> None:
    """For whoever wants to hear of no stage."""
