"""An engine that is killed at any moment: the next one finds every effect, makes the rest, and nothing twice."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest

from installer.common.paths import ClusterDirectory
from installer.engine.events import EventType, Outcome
from installer.engine.journal import Reader
from tests.doubles.file_engine import COUNT, POINTS
from tests.doubles.forks import FILE_ENGINE, Forked
from tests.patience import PATIENCE


def engine(directory: ClusterDirectory, *order: str) -> Forked:
    return Forked(FILE_ENGINE, [str(directory.path), *order], os.environ, {0: 0, 1: 1, 2: 2})


@pytest.fixture
def directory(tmp_path: Path) -> ClusterDirectory:
    return ClusterDirectory(tmp_path / "demo")


def made(directory: ClusterDirectory) -> set[str]:
    return {path.name for path in directory.path.glob("file-*")}


def applied_after_done(directory: ClusterDirectory) -> list[str]:
    """Steps that were applied although the journal had them as done."""
    done: set[str] = set()
    wrong: list[str] = []
    with Reader(directory.journal) as reader:
        for event in reader.events():
            if event.type is EventType.STEP and event.step:
                done |= {event.step} if event.data["state"] == "done" else set()
                wrong += [event.step] if event.data["state"] == "applying" and event.step in done else []
    return wrong


def assert_everything_is_there_once(directory: ClusterDirectory) -> None:
    assert made(directory) == {f"file-{number}" for number in range(COUNT)}
    assert applied_after_done(directory) == []
    with Reader(directory.journal) as reader:
        assert reader.runs()[-1].outcome is Outcome.DONE
        assert [run.outcome for run in reader.runs()[:-1]] == [None] * (len(reader.runs()) - 1)


@pytest.mark.parametrize("seed", range(4))
def test_killed_at_chosen_moments_and_run_again(directory: ClusterDirectory, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(3):
        point, number = chance.choice(POINTS), chance.randint(1, 3)
        assert engine(directory, "kill", point, str(number)).wait(PATIENCE) in (-signal.SIGKILL, 0)
    assert engine(directory).wait(PATIENCE) == 0
    assert_everything_is_there_once(directory)


def test_killed_from_outside_amid_the_work_and_run_again(directory: ClusterDirectory) -> None:
    for files in (1, 4, COUNT - 1):
        running = engine(directory, "hold")
        until = time.monotonic() + PATIENCE
        while len(made(directory)) < files and time.monotonic() < until:
            time.sleep(0.001)
        running.kill()
        assert running.wait(PATIENCE) == -signal.SIGKILL
    assert engine(directory).wait(PATIENCE) == 0
    assert_everything_is_there_once(directory)
