"""Asking whichever engine there may be: what comes of it where it runs on, ends meanwhile, dies, or does not answer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from installer.common.errors import ExitCode, InstallerError
from installer.common.paths import ClusterDirectory
from installer.engine.events import Outcome, RunKind, StepState
from installer.engine.journal import Journal, Reader
from installer.engine.lock import hold_lock
from installer.engine.requests import retry_live
from tests.doubles.actions import Effects, fake_step

A, B = fake_step(Effects(), "a"), fake_step(Effects(), "b")

BROKEN = InstallerError("install packages", "no space left on device")


@dataclass
class StandIn:
    """Holds the lock and the journal of a run in which `a` and `b` failed, as an engine does."""

    journal: Journal
    lock: ExitStack

    def takes_up(self, *steps: str) -> None:
        for step in (A, B):
            if step.id in steps:
                self.journal.transition(step, StepState.WAITING).result()

    def fails_again(self) -> None:
        self.takes_up("a", "b")
        for step in (A, B):
            self.journal.transition(step, StepState.FAILED, error=BROKEN.as_dict()).result()
        self.ends()

    def ends(self) -> None:
        self.journal.end(Outcome.FAILED, ExitCode.MACHINES)
        self.dies()

    def dies(self) -> None:
        self.lock.close()

    def takes_up_and_dies(self) -> None:
        self.takes_up("a", "b")
        self.dies()


@pytest.fixture
def directory(tmp_path: Path) -> ClusterDirectory:
    return ClusterDirectory(tmp_path / "demo")


@pytest.fixture
def engine(directory: ClusterDirectory) -> Iterator[StandIn]:
    with ExitStack() as lock, Journal(directory.journal) as journal:
        lock.enter_context(hold_lock(directory))
        journal.begin(RunKind.INSTALL, [A, B], {})
        for step in (A, B):
            journal.transition(step, StepState.FAILED, error=BROKEN.as_dict()).result()
        yield StandIn(journal, lock)


@contextmanager
def on_request(engine: StandIn, answer: Callable[[], None]) -> Iterator[None]:
    """Meanwhile, let the engine answer once it is asked for anything."""

    def wait() -> None:
        while not engine.journal.requested() and not over.wait(0.005):
            pass
        answer()

    over = threading.Event()
    thread = threading.Thread(target=wait)
    thread.start()
    yield
    over.set()
    thread.join()


@pytest.mark.parametrize(
    ("answer", "taken_up"),
    [
        (lambda engine: engine.takes_up("a", "b"), True),
        (StandIn.fails_again, True),
        (StandIn.ends, False),
        (StandIn.dies, False),
        (StandIn.takes_up_and_dies, False),
    ],
    ids=["takes it up", "takes it up, fails and ends", "ends", "dies", "takes it up and dies"],
)
def test_an_engine_is_asked_for_all_that_failed(
    engine: StandIn, directory: ClusterDirectory, answer: Callable[[StandIn], None], taken_up: bool
) -> None:
    with on_request(engine, lambda: answer(engine)):
        assert retry_live(directory, None) is taken_up


@pytest.mark.parametrize(("steps", "asked"), [(["a"], ["a"]), (["b", "nobody"], ["b"]), (["a", "b"], ["a", "b"])])
def test_only_what_is_named_is_asked_for(
    engine: StandIn, directory: ClusterDirectory, steps: list[str], asked: list[str]
) -> None:
    seen: list[str] = []

    def answer() -> None:
        seen.extend(engine.journal.requested())
        engine.takes_up(*seen)

    with on_request(engine, answer):
        assert retry_live(directory, steps) is True
    assert sorted(seen) == asked


def test_an_engine_is_not_asked_for_what_has_not_failed(engine: StandIn, directory: ClusterDirectory) -> None:
    engine.takes_up("a")
    assert retry_live(directory, ["a", "nobody"]) is True
    assert engine.journal.requested() == []


def test_a_run_that_had_ended_is_asked_for_nothing(engine: StandIn, directory: ClusterDirectory) -> None:
    engine.ends()
    assert retry_live(directory, None) is False
    with Reader(directory.journal) as reader:
        assert reader.requests() == []


def test_an_engine_that_does_not_answer_is_told_of_with_its_pid(engine: StandIn, directory: ClusterDirectory) -> None:
    with pytest.raises(InstallerError, match=r"the engine \(pid \d+\) didn't respond") as raised:
        retry_live(directory, None, deadline=0.05)
    assert raised.value.exit_code is ExitCode.LOCKED
    assert "craton watch demo" in raised.value.hint


def test_where_nothing_ever_ran_nobody_is_asked(directory: ClusterDirectory) -> None:
    assert retry_live(directory, None) is False
