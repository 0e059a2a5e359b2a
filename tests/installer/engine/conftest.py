"""What the engine's tests stand on: a journal, a reader of it, and an engine that runs steps upon a set."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from installer.common.errors import ExitCode
from installer.engine.context import Timing
from installer.engine.events import Event, EventType, RunKind
from installer.engine.journal import Journal, Reader
from installer.engine.progress import Progress
from installer.engine.runner import run
from installer.steps.step import Step

QUICK = Timing(first_wait=0.001, longest_wait=0.001)


@pytest.fixture
def journal_path(tmp_path: Path) -> Path:
    return tmp_path / "demo" / "journal.db"


@pytest.fixture
def journal(journal_path: Path) -> Iterator[Journal]:
    with Journal(journal_path) as journal:
        yield journal


@pytest.fixture
def reader(journal_path: Path) -> Iterator[Reader]:
    with Reader(journal_path) as reader:
        yield reader


@dataclass(frozen=True)
class Engine:
    """Runs steps to the end of the run, and reads what the journal then says."""

    path: Path

    def run(self, steps: Iterable[Step], **options: Any) -> ExitCode:
        world: Any = None
        with Journal(self.path) as journal:
            return asyncio.run(run(steps, world, journal, **{"timing": QUICK, **options}))

    def destroy(self, steps: Iterable[Step], **options: Any) -> ExitCode:
        return self.run(steps, kind=RunKind.DESTROY, **options)

    def events(self, type: EventType, step: str | None = None) -> list[Event]:
        with Reader(self.path) as reader:
            return [event for event in reader.events() if event.type is type and step in (None, event.step)]

    def states(self, step: str) -> list[str]:
        """The states that a step went through, in all runs."""
        return [event.data["state"] for event in self.events(EventType.STEP, step)]

    def progress(self) -> Progress:
        with Reader(self.path) as reader:
            progress = Progress.of(reader.steps())
            progress.extend(reader.events())
            return progress


@pytest.fixture
def engine(journal_path: Path) -> Engine:
    return Engine(journal_path)
