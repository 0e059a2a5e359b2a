"""The destroy screen: nothing goes before the name is typed, every step is seen, and a receipt ends it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from installer.common.errors import ExitCode, InstallerError
from installer.engine import process
from installer.engine.events import EventType, Outcome, RunKind, StepState
from installer.operations import destroy, runs
from installer.steps.platform import Resource, RunOptions
from screens.app import CratonApp
from screens.dialogs.details import DetailsDialog
from screens.dialogs.failure import FailureDialog
from screens.pages.destroy import DestroyScreen
from tests.screens.journals import Run, finish, halfway, plan, run
from tests.screens.stand_ins import footer, visible
from tests.screens.watching import ended, shows, until

FOUND = [
    *(Resource("machine", f"demo-worker-{number}", "running") for number in (1, 2)),
    Resource("A record", "demo-k8s.example.test", "10.10.0.11"),
]
IN_USE = InstallerError("delete the machine", "it is locked by another user", hint="release the lock")


class Destroys(list[tuple[str, RunOptions]]):
    """Every start of a destroy; the engine that it starts is `run`, which the test drives."""

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.run = run

    def __call__(self, cluster: str, options: RunOptions) -> None:
        self.append((cluster, options))
        self.run.begin(RunKind.DESTROY)


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path))
    monkeypatch.setattr(process, "running_pid", lambda directory: 4711)
    monkeypatch.setattr(destroy, "resources", lambda cluster: FOUND)
    with run(tmp_path, plan()) as written:
        halfway(written)
        finish(written)
        yield written


@pytest.fixture
def destroys(demo: Run, monkeypatch: pytest.MonkeyPatch) -> Destroys:
    recorded = Destroys(demo)
    monkeypatch.setattr(runs, "start_destroy", recorded)
    return recorded


def application() -> CratonApp:
    return CratonApp(lambda: DestroyScreen("demo"))


async def confirm(pilot: Pilot[Any]) -> None:
    await shows(pilot, "3 resources")
    await pilot.press(*"demo", "enter")
    await shows(pilot, "demo · destroying")


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_lists_everything_that_will_go(demo: Run, destroys: Destroys, size: tuple[int, int]) -> None:
    async with application().run_test(size=size) as pilot:
        await shows(
            pilot,
            "▲ This deletes 3 resources and everything Craton has stored about demo",
            "demo-worker-2",
            "demo-k8s.example.test",
        )
        await shows(pilot, "Type demo and press enter", "nothing leaves this computer")


@pytest.mark.parametrize("typed", ["", "dem", "demo2", "DEMO"])
async def test_nothing_happens_for_any_other_name(demo: Run, destroys: Destroys, typed: str) -> None:
    async with application().run_test(size=(80, 24), notifications=True) as pilot:
        await shows(pilot, "3 resources")
        await pilot.press(*typed, "enter")
        await shows(pilot, "That is not demo.")
        await pilot.press("escape")
        await ended(pilot, ExitCode.DONE)
    assert destroys == []


async def test_shows_each_step_being_undone_and_then_the_receipt(demo: Run, destroys: Destroys) -> None:
    async with application().run_test(size=(80, 24)) as pilot:
        await confirm(pilot)
        assert destroys == [("demo", RunOptions(speed=20.0, seed=7))]
        demo.done("verify/demo-worker-2", state=StepState.UNDONE)
        demo.start("verify/demo-worker-1", state=StepState.UNDOING)
        demo.flush()
        await shows(pilot, "● check demo-worker-2", "undone", "◐ check demo-worker-1", "undoing")
        await pilot.press("d")
        await until(pilot, lambda: isinstance(pilot.app.screen, DetailsDialog))
        await pilot.press("escape")
        demo.done(*demo.steps, state=StepState.UNDONE)
        demo.end(Outcome.DONE, ExitCode.DONE)
        await shows(pilot, "● demo is destroyed", "looked again: nothing is left", "demo-worker-1, demo-worker-2")
        await pilot.press("q")
        await ended(pilot, ExitCode.DONE)


async def test_the_receipt_comes_though_the_engine_removed_the_journal_before_its_end_was_read(
    demo: Run, destroys: Destroys
) -> None:
    async with application().run_test(size=(80, 24)) as pilot:
        await confirm(pilot)
        demo.done(*demo.steps, state=StepState.UNDONE)
        demo.end(Outcome.DONE, ExitCode.DONE)
        demo.directory.path.rename(demo.directory.path.with_name(".demo.destroyed"))
        await shows(pilot, "● demo is destroyed", "3 resources deleted")
        await pilot.press("q")
        await ended(pilot, ExitCode.DONE)


async def test_what_is_left_is_named_and_can_be_tried_again(demo: Run, destroys: Destroys) -> None:
    async with application().run_test(size=(80, 24)) as pilot:
        await confirm(pilot)
        demo.fail("machines/create/demo-worker-2", IN_USE)
        await shows(pilot, "✕ create demo-worker-2", "it is locked by another user", "release the lock")
        left = [{"kind": "machine", "name": "demo-worker-2", "detail": "running"}]
        demo.journal.record(EventType.RESULT, demo.steps["check/tools"], topic="receipt", left=left)
        demo.end(Outcome.FAILED, ExitCode.LEFTOVERS)
        await shows(
            pilot, "not all of demo could be destroyed", "▲ left: machine demo-worker-2 running", "exit code 10"
        )
        assert "Try again" in footer(pilot)
        await pilot.press("r")
        await until(pilot, lambda: len(destroys) == 2)
        demo.end(Outcome.FAILED, ExitCode.LEFTOVERS)
        await shows(pilot, "not all of demo could be destroyed")
        await pilot.press("q")
        await ended(pilot, ExitCode.LEFTOVERS)


async def test_a_destroy_that_cannot_start_is_explained_and_may_be_confirmed_again(
    demo: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*given: Any) -> None:
        raise InstallerError("start the engine", "another one runs (pid 7)", exit_code=ExitCode.LOCKED)

    monkeypatch.setattr(runs, "start_destroy", refuse)
    async with application().run_test(size=(80, 24)) as pilot:
        await shows(pilot, "3 resources")
        await pilot.press(*"demo", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, FailureDialog))
        await shows(pilot, "another one runs (pid 7)")
        await pilot.press("escape")
        await shows(pilot, "Type demo and press enter")


async def test_leaving_a_running_destroy_asks_first(demo: Run, destroys: Destroys) -> None:
    async with application().run_test(size=(80, 24)) as pilot:
        await confirm(pilot)
        await pilot.press("q")
        await shows(pilot, "The destroy of demo is running", "Leave it running")
        assert "demo is destroyed" not in visible(pilot)
        await pilot.press("enter")
        await ended(pilot, ExitCode.DONE)
