"""The progress screen: what it shows of a run in every state, and what each key does."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from installer.common.errors import ExitCode, InstallerError
from installer.engine import process
from installer.engine.events import Outcome, RunKind, StepState
from installer.engine.journal import Reader
from installer.engine.progress import Progress
from installer.operations import health, runs, shell, support_bundle
from installer.steps.step import Phase, Step
from screens.app import CratonApp
from screens.dialogs.choice import ChoiceDialog
from screens.dialogs.details import DetailsDialog
from screens.dialogs.failure import FailureDialog
from screens.dialogs.help import HelpDialog
from screens.models.feed import JournalFeed
from screens.models.fleet import CLUSTER, Fleet
from screens.pages import run as run_module
from screens.pages.progress import ProgressScreen
from screens.pages.summary import SummaryScreen
from screens.widgets.log import LogView
from screens.widgets.machines import MachineGrid, MachineTable
from screens.widgets.rows import Spans
from screens.widgets.timeline import Timeline
from tests.screens.journals import Idle, Run, finish, halfway, plan, run, spread
from tests.screens.stand_ins import footer, visible
from tests.screens.watching import ended, hides, shows, until

SIZES = [(80, 24), (120, 40)]


@pytest.fixture(autouse=True)
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An engine that is alive, and a home of its own."""
    monkeypatch.setenv("CRATON_HOME", str(tmp_path))
    monkeypatch.setattr(process, "running_pid", lambda directory: 4711)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Run]:
    with run(tmp_path, plan()) as written:
        yield written


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What was asked of the product."""
    seen: list[tuple[Any, ...]] = []

    def recorder(module: ModuleType, name: str, result: Any) -> None:
        def call(*given: Any) -> Any:
            seen.append((name, *given))
            return result

        monkeypatch.setattr(module, name, call)

    recorder(runs, "retry", None)
    recorder(runs, "stop", None)
    recorder(support_bundle, "gather", Path("demo.tar.gz"))
    recorder(shell, "ssh_command", ["ssh", "demo"])
    return seen


def application(run: Run, **options: bool) -> CratonApp:
    return CratonApp(lambda: ProgressScreen(run.directory, **options))


def screen(pilot: Pilot[Any]) -> ProgressScreen:
    found = pilot.app.screen
    assert isinstance(found, ProgressScreen)
    return found


@pytest.mark.parametrize("size", SIZES)
async def test_shows_phases_machines_percent_and_the_notice(demo: Run, size: tuple[int, int]) -> None:
    halfway(demo)
    async with application(demo).run_test(size=size) as pilot:
        await shows(pilot, "demo · installing", "nothing leaves this computer", "◐ prepare", "47 %")
        await shows(pilot, "6 machines", "◐ 3 running", "○ 3 waiting")
        await shows(pilot, "worker-1  worker", "4 of 9", "waits: start the first")


async def test_says_what_is_awaited_what_was_seen_and_until_which_time(demo: Run) -> None:
    halfway(demo)
    until_when = time.time() + 40
    demo.wait("prepare/demo-worker-2", "containerd.sock", "unit activating", until_when)
    demo.flush()
    async with application(demo).run_test(size=(120, 40)) as pilot:
        clock = time.strftime("%H:%M:%S", time.localtime(until_when))
        await shows(pilot, f"waits for containerd.sock until {clock}, last seen: unit activating")


async def test_steps_of_no_machine_stand_in_a_row_of_the_cluster(demo: Run) -> None:
    halfway(demo)
    async with application(demo).run_test(size=(120, 40)) as pilot:
        await shows(pilot, "cluster")
        await pilot.press("home")
        await shows(pilot, "write the A records")


@pytest.mark.parametrize("size", SIZES)
async def test_all_machines_of_a_pool_are_one_line_that_counts_them(demo: Run, size: tuple[int, int]) -> None:
    joining = _pooled(demo)
    halfway(demo)
    demo.start(joining)
    demo.wait(joining, "3 workers of the pool to join", "3 asked, 2 up, 1 joined, 0 Ready", time.time() + 600)
    demo.log(joining, "approved csr-1 of demo-worker-0a1b")
    demo.flush()
    async with application(demo).run_test(size=size) as pilot:
        await shows(pilot, "6 machines and a pool", "◐ 3 running")
        await shows(pilot, "worker    pool", "3 asked, 2 up, 1")
        screen(pilot)._show_machine("demo-worker")
        assert screen(pilot).check_action("shell", ()) is False
        if size[0] == 120:
            await shows(pilot, "up, 1 joined, 0 Ready   ", "worker · pool · running", "approved csr-1")
        demo.journal.transition(demo.steps[joining], StepState.DONE, durable=False, how="applied", seen="3 Ready")
        demo.flush()
        await shows(pilot, "done: 3 Ready")


def _pooled(run: Run) -> str:
    """The run has a step of a worker pool, too; its id."""
    title = "let 3 workers of the pool join, drain and replace others"
    step = Step("join/pool", title, Phase.JOIN, Idle(), machine="demo-worker", needs=("network/create",))
    run.steps[step.id] = step
    return step.id


async def test_shows_only_the_log_of_the_selected_machine_and_takes_markup_literally(demo: Run) -> None:
    halfway(demo)
    demo.log("prepare/demo-worker-1", "[bold red]not markup[/] [link=x]")
    demo.log("prepare/demo-worker-2", "of the other machine")
    demo.flush()
    async with application(demo).run_test(size=(120, 40)) as pilot:
        await shows(pilot, "worker-1")
        await pilot.press("end", "up")
        await shows(pilot, "[bold red]not markup[/] [link=x]")
        assert "of the other machine" not in visible(pilot)
        await pilot.press("down")
        await shows(pilot, "of the other machine")
        assert "not markup" not in visible(pilot)


async def test_follows_a_log_as_it_grows(demo: Run) -> None:
    halfway(demo)
    async with application(demo).run_test(size=(120, 40)) as pilot:
        await shows(pilot, "infra-1 · infra · running")
        for number in range(100):
            demo.log("prepare/demo-infra-1", f"line {number}")
        demo.flush()
        await shows(pilot, "line 99")
        assert "line 0 " not in visible(pilot)


async def test_keeps_the_cursor_on_its_machine_when_another_fails(demo: Run) -> None:
    halfway(demo)
    async with application(demo).run_test(size=(120, 40)) as pilot:
        await shows(pilot, "worker-2")
        await pilot.press("end")
        await until(pilot, lambda: screen(pilot).query_one(MachineTable).selected == "demo-worker-2")
        demo.fail("prepare/demo-worker-1")
        await shows(pilot, "✕ worker-1")
        table = screen(pilot).query_one(MachineTable)
        assert table.names[0] == "demo-worker-1"
        assert table.selected == "demo-worker-2"


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("worker", ["worker-1", "worker-2"]),
        ("worker failed", ["worker-1"]),
        ("running", ["infra-1", "worker-2"]),
        ("master-2", ["master-2"]),
        ("nothing like it", []),
    ],
)
async def test_filter_goes_by_name_role_and_state(demo: Run, typed: str, found: list[str]) -> None:
    halfway(demo, fail=True)
    async with application(demo).run_test(size=(120, 40)) as pilot:
        await shows(pilot, "✕ worker-1")
        await pilot.press("slash", *("space" if letter == " " else letter for letter in typed), "enter")
        await until(pilot, lambda: [name.removeprefix("demo-") for name in screen(pilot).list.names] == found)
        await pilot.press("escape")
        await until(pilot, lambda: len(screen(pilot).list.names) == 7)


async def test_failure_card_says_what_where_why_and_what_helps(demo: Run) -> None:
    halfway(demo, fail=True)
    async with application(demo).run_test(size=(80, 24)) as pilot:
        await shows(pilot, "✕ prepare demo-worker-1 for Kubernetes v1.36.2", "install kubelet: sha256 differs")
        await shows(pilot, "Usually a proxy that rewrites downloads", "s shell on it", "d details")
        demo.end(Outcome.FAILED, ExitCode.MACHINES)
        await shows(pilot, "r retry", "failed after")


async def test_what_failed_can_be_retried_while_the_rest_goes_on_one_machine_or_all(
    demo: Run, calls: list[tuple[Any, ...]]
) -> None:
    halfway(demo, fail=True)
    async with application(demo).run_test(size=(120, 40)) as pilot:
        await shows(pilot, "demo · installing", "r retry")
        assert "a retry all" not in visible(pilot)
        demo.fail("prepare/demo-master-2")
        await shows(pilot, "r retry", "a retry all")
        await pilot.press("r")
        await until(pilot, lambda: any(call[0] == "retry" for call in calls))
        (steps,) = [call[2] for call in calls if call[0] == "retry"]
        assert len(steps) == 1
        await pilot.press("a")
        await until(pilot, lambda: ("retry", "demo", None) in calls)


async def test_a_retry_says_that_it_is_under_way_and_that_it_failed_again(
    demo: Run, calls: list[tuple[Any, ...]]
) -> None:
    halfway(demo, fail=True)
    async with application(demo).run_test(size=(80, 24)) as pilot:
        await shows(pilot, "✕ prepare demo-worker-1", "r retry")
        await pilot.press("r")
        await shows(pilot, "◐ trying again")
        assert "r retry" not in visible(pilot)
        demo.start("prepare/demo-worker-1")
        demo.fail("prepare/demo-worker-1")
        await shows(pilot, "✕ failed again: prepare demo-worker-1", "r retry")


async def test_the_question_of_what_becomes_of_a_run_goes_when_the_run_has_ended(
    demo: Run, calls: list[tuple[Any, ...]]
) -> None:
    halfway(demo)
    async with application(demo).run_test(size=(80, 24)) as pilot:
        await shows(pilot, "demo · installing")
        await pilot.press("q")
        await shows(pilot, "is running", "Leave it running")
        demo.end(Outcome.STOPPED, ExitCode.INTERRUPTED)
        await shows(pilot, "demo · stopped")
        assert isinstance(pilot.app.screen, ProgressScreen)


async def test_a_closed_filter_takes_no_keys(demo: Run) -> None:
    halfway(demo)
    async with application(demo).run_test(size=(80, 24)) as pilot:
        await shows(pilot, "demo · installing")
        box = screen(pilot).query_one("#filter", Input)
        for keys in ((), ("slash", "escape"), ("slash", *"worker", "escape"), ("slash", "enter")):
            await pilot.press(*keys)
            await until(pilot, lambda: not box.focusable, "a filter that can't have the focus")
            assert box.value == ""


async def test_keys_of_the_failure_card_reach_the_lifecycle(demo: Run, calls: list[tuple[Any, ...]]) -> None:
    halfway(demo, fail=True)
    demo.end(Outcome.FAILED, ExitCode.MACHINES)
    async with application(demo).run_test(size=(120, 40), notifications=True) as pilot:
        await shows(pilot, "r retry")
        await pilot.press("s")
        await until(pilot, lambda: ("ssh_command", "demo", "demo-worker-1") in calls)
        await shows(pilot, "This terminal can't open a shell here. Run: ssh demo")
        await pilot.press("g")
        await until(pilot, lambda: any(call[0] == "gather" for call in calls))
        await pilot.press("d")
        await until(pilot, lambda: isinstance(pilot.app.screen, DetailsDialog))
        await shows(pilot, "prepare/demo-worker-1", "sha256 differs")
        await pilot.press("escape", "r")
        await until(pilot, lambda: ("retry", "demo", ["prepare/demo-worker-1"]) in calls)


async def test_follows_the_run_that_a_retry_begins(demo: Run, calls: list[tuple[Any, ...]]) -> None:
    halfway(demo, fail=True)
    demo.end(Outcome.FAILED, ExitCode.MACHINES)
    async with application(demo).run_test(size=(120, 40)) as pilot:
        await shows(pilot, "demo · failed")
        await pilot.press("r")
        demo.begin()
        await shows(pilot, "demo · installing", "0 %")
        await hides(pilot, "sha256 differs")


async def test_a_failing_lifecycle_call_is_shown_and_the_screen_goes_on(
    demo: Run, calls: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*given: Any) -> None:
        raise InstallerError("start the engine", "another one runs (pid 7)", hint="wait", exit_code=ExitCode.LOCKED)

    monkeypatch.setattr(runs, "retry", refuse)
    halfway(demo, fail=True)
    demo.end(Outcome.FAILED, ExitCode.MACHINES)
    async with application(demo).run_test(size=(120, 40)) as pilot:
        await shows(pilot, "r retry")
        await pilot.press("r")
        await until(pilot, lambda: isinstance(pilot.app.screen, FailureDialog))
        await shows(pilot, "another one runs (pid 7)")
        await pilot.press("escape")
        assert screen(pilot)


async def test_an_engine_that_died_is_told_of_and_can_be_resumed(
    demo: Run, calls: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "running_pid", lambda directory: None)
    monkeypatch.setattr(run_module, "LIVENESS", 0.05)
    halfway(demo)
    async with application(demo).run_test(size=(80, 24)) as pilot:
        await shows(pilot, "demo · interrupted", "the engine is gone", "r retry")
        await pilot.press("q")
        await ended(pilot, ExitCode.INTERRUPTED)


@pytest.mark.parametrize("frames", [0.01, 60.0])
async def test_the_machine_that_a_dead_engine_worked_on_stays_in_view(
    demo: Run, monkeypatch: pytest.MonkeyPatch, frames: float
) -> None:
    monkeypatch.setattr(process, "running_pid", lambda directory: None)
    monkeypatch.setattr(run_module, "LIVENESS", 0.05)
    monkeypatch.setattr(run_module, "FRAMES", frames)
    halfway(demo)
    async with application(demo).run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: screen(pilot).engine_gone)
        assert screen(pilot).selected is not None
        assert screen(pilot)._selected != CLUSTER


async def test_leaving_a_running_install_leaves_it_running_unless_told_otherwise(
    demo: Run, calls: list[tuple[Any, ...]]
) -> None:
    halfway(demo)
    async with application(demo).run_test(size=(80, 24)) as pilot:
        await shows(pilot, "installing", "master-1")  # from here on the engine counts as running
        await pilot.press("q")
        await shows(pilot, "Leave it running", "Stop at the next safe point", "Stay here")
        await pilot.press("c")
        await until(pilot, lambda: isinstance(pilot.app.screen, ProgressScreen))
        await pilot.press("q", "enter")
        await ended(pilot, ExitCode.DONE)
    assert calls == []


async def test_leaving_before_anything_was_read_asks_what_is_to_become_of_the_run(
    demo: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(JournalFeed, "start", lambda _feed: None)
    halfway(demo)
    async with application(demo).run_test(size=(80, 24)) as pilot:
        await pilot.press("q")
        await shows(pilot, "Leave it running", "Stop at the next safe point", "Stay here")
        await pilot.press("l")
        await ended(pilot, ExitCode.DONE)


async def test_leaving_by_stopping_ends_with_the_runs_exit_code(
    demo: Run, calls: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    halfway(demo)
    async with application(demo).run_test(size=(80, 24)) as pilot:
        await shows(pilot, "installing", "master-1")  # from here on the engine counts as running
        await pilot.press("q", "s")
        await until(pilot, lambda: ("stop", "demo") in calls)
        demo.end(Outcome.STOPPED, ExitCode.INTERRUPTED)
        await ended(pilot, ExitCode.INTERRUPTED)


async def test_a_stopped_run_says_so_and_can_be_resumed(demo: Run, calls: list[tuple[Any, ...]]) -> None:
    halfway(demo)
    demo.end(Outcome.STOPPED, ExitCode.INTERRUPTED)
    async with application(demo).run_test(size=(80, 24)) as pilot:
        await shows(pilot, "demo · stopped", "stopped after")
        await pilot.press("r")
        await until(pilot, lambda: [call[0] for call in calls] == ["retry"])
        await pilot.press("q")
        await ended(pilot, ExitCode.INTERRUPTED)


async def test_a_finished_install_leads_to_its_summary_and_back(demo: Run) -> None:
    halfway(demo)
    async with application(demo).run_test(size=(80, 24)) as pilot:
        await shows(pilot, "installing", "master-1")  # from here on the engine counts as running
        finish(demo)
        await until(pilot, lambda: isinstance(pilot.app.screen, SummaryScreen))
        await pilot.press("escape")
        await shows(pilot, "demo · installed", "100 %", "done after", "● 6 done")
        await pilot.press("u")
        await until(pilot, lambda: isinstance(pilot.app.screen, SummaryScreen))


@pytest.mark.parametrize(("outcome", "code"), [(Outcome.DONE, ExitCode.DONE), (Outcome.FAILED, ExitCode.CLUSTER)])
async def test_closes_by_itself_with_the_runs_exit_code_if_asked_to(
    demo: Run, outcome: Outcome, code: ExitCode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("screens.pages.progress.LINGER", 0.01)
    halfway(demo)
    async with application(demo, close=True).run_test(size=(80, 24)) as pilot:
        await shows(pilot, "installing", "master-1")  # from here on the engine counts as running
        demo.end(outcome, code)
        await ended(pilot, code)


async def test_timeline_has_a_bar_per_machine_with_a_letter_per_phase(demo: Run) -> None:
    halfway(demo, fail=True)
    demo.end(Outcome.FAILED, ExitCode.MACHINES)
    demo.journal.close()
    spread(demo.directory, 300)
    async with application(demo).run_test(size=(80, 24)) as pilot:
        await shows(pilot, "r retry")
        await pilot.press("t")
        await until(pilot, lambda: screen(pilot).query_one(Timeline).has_focus)
        await shows(pilot, "p\u00a0prepare", "5:00")
        row = next(line for line in visible(pilot).splitlines() if "worker-2" in line)
        bar = row.split("worker-2")[1]
        assert "".join(letter for letter in bar if letter.isalpha()) == "msp"
        await pilot.press("escape")
        await until(pilot, lambda: screen(pilot).query_one(MachineTable).has_focus)


async def test_narrow_terminals_switch_between_table_and_machine(demo: Run) -> None:
    halfway(demo)
    async with application(demo).run_test(size=(80, 24)) as pilot:
        await shows(pilot, "machine   role")
        await pilot.press("tab")
        await shows(pilot, "infra-1 · infra · running", "installing containerd")
        assert "machine   role" not in visible(pilot)
        await pilot.press("tab")
        await shows(pilot, "machine   role")


async def test_log_fills_the_screen_on_request(demo: Run) -> None:
    halfway(demo)
    async with application(demo).run_test(size=(120, 40)) as pilot:
        await shows(pilot, "installing containerd")
        await pilot.press("l")
        await until(pilot, lambda: screen(pilot).query_one(LogView).size.width > 110)
        await pilot.press("escape")
        await shows(pilot, "machine   role")


@pytest.mark.parametrize("size", [*SIZES, (200, 60)])
async def test_a_thousand_machines_are_a_grid_and_a_filter_makes_a_table(tmp_path: Path, size: tuple[int, int]) -> None:
    with run(tmp_path, plan("big", masters=5, infra=10, workers=985)) as big:
        halfway(big, fail=True)
        for number in (17, 300):
            big.fail(f"prepare/big-worker-{number}")
        async with application(big).run_test(size=size) as pilot:
            await shows(pilot, "1,000 machines", "✕ 3 failed")
            grid = screen(pilot).query_one(MachineGrid)
            assert grid.display
            assert grid.names[:3] == ["big-worker-17", "big-worker-300", "big-worker-985"]
            await pilot.press("right", "down")
            await until(pilot, lambda: grid.cursor > grid.columns)
            await pilot.press("slash", *"failed", "enter")
            await shows(pilot, "✕ worker-17", "✕ worker-300", "3 of 1,000 machines")
            assert screen(pilot).query_one(MachineTable).has_focus
            await pilot.press("escape", "m")
            await until(pilot, lambda: screen(pilot).query_one(MachineTable).display)


async def test_only_visible_rows_are_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: set[int] = set()
    original = MachineTable.row

    def row(self: MachineTable, index: int, width: int) -> Spans:
        drawn.add(index)
        return original(self, index, width)

    monkeypatch.setattr(MachineTable, "row", row)
    with run(tmp_path, plan("big", masters=5, infra=10, workers=985)) as big:
        halfway(big)
        async with application(big).run_test(size=(80, 24)) as pilot:
            await shows(pilot, "1,000 machines")
            await pilot.press("m")
            await shows(pilot, "machine")
            assert 0 < len(drawn) < 100


async def test_replay_tells_the_last_run_again_and_can_be_paused_and_hurried(demo: Run) -> None:
    halfway(demo)
    finish(demo)
    demo.journal.close()
    spread(demo.directory, 600)
    async with application(demo, replay=True).run_test(size=(80, 24)) as pilot:
        await shows(pilot, "replay 30×")
        assert {"Pause", "Speed"} <= footer(pilot)
        await pilot.press("space")
        await shows(pilot, "replay paused")
        replay = screen(pilot).replay
        assert replay is not None
        before = replay.now
        await pilot.press("plus", "plus", "minus")
        assert replay.speed == pytest.approx(60)
        assert replay.now == before
        for _ in range(6):
            await pilot.press("plus")
        await pilot.press("space")
        await shows(pilot, "100 %")
        assert isinstance(pilot.app.screen, ProgressScreen)
        await pilot.press("q")
        await ended(pilot, ExitCode.DONE)


async def test_a_destroy_that_removed_its_journal_is_shown_to_its_end(demo: Run) -> None:
    halfway(demo)
    finish(demo)
    demo.begin(RunKind.DESTROY)
    demo.done("verify/demo-worker-2", state=StepState.UNDONE)
    demo.flush()
    async with application(demo).run_test(size=(80, 24)) as pilot:
        await shows(pilot, "demo · destroying")
        demo.done(*demo.steps, state=StepState.UNDONE)
        demo.end(Outcome.DONE, ExitCode.DONE)
        demo.directory.path.rename(demo.directory.path.with_name(".gone"))
        await shows(pilot, "demo · destroyed")
        await pilot.press("q")
        await ended(pilot, ExitCode.DONE)


def _as_left(demo: Run, state: str) -> None:
    halfway(demo, fail=state == "failed")
    if state == "failed":
        demo.end(Outcome.FAILED, ExitCode.MACHINES)
    elif state == "stopped":
        demo.end(Outcome.STOPPED, ExitCode.INTERRUPTED)
    elif state == "done":
        finish(demo)


async def has_effect(pilot: Pilot[Any], key: str) -> None:
    """Press `key` and wait until that is seen."""
    here, before = pilot.app.screen, visible(pilot)
    await pilot.press(key)
    await until(pilot, lambda: visible(pilot) != before or pilot.app.screen is not here, f"an effect of {key}")


@pytest.mark.parametrize(
    ("state", "size"),
    [("stopped", SIZES[0]), *((state, SIZES[1]) for state in ("running", "failed", "stopped", "done"))],
)
async def test_every_key_in_the_footer_works(  # of the others on narrow terminals: tests/screens/test_footers.py
    demo: Run, calls: list[tuple[Any, ...]], state: str, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    _as_left(demo, state)
    async with application(demo).run_test(size=size) as pilot:
        if state == "done":
            await until(pilot, lambda: isinstance(pilot.app.screen, SummaryScreen))
            await pilot.press("escape")
        await shows(pilot, "demo · ", "machine")
        monkeypatch.setattr(health, "check", lambda *given: pytest.fail("not asked for"))
        here = pilot.app.screen

        def keys() -> list[str]:
            return [each.binding.key for each in here.active_bindings.values() if each.binding.show and each.enabled]

        await until(pilot, lambda: {"q", "l", "t", "slash", "question_mark"} <= set(keys()), "the footer's keys")
        for key in keys():
            if key in ("q", "ctrl+q", "h", "ctrl+p"):
                continue
            await has_effect(pilot, key)
            if isinstance(pilot.app.screen, HelpDialog | SummaryScreen | ChoiceDialog) or key in ("slash", "l", "t"):
                await pilot.press("escape")
            elif key == "tab":
                await pilot.press("tab")
            await until(pilot, lambda: pilot.app.screen is here and screen(pilot).view == "machines")


def test_the_fleet_agrees_with_progress_however_the_events_are_cut(demo: Run) -> None:
    halfway(demo, fail=True)
    finish(demo)
    with Reader(demo.directory.journal) as reader:
        records, events = reader.steps(), reader.events()
    for size in (1, 7, len(events)):
        fleet, progress = Fleet("demo"), Progress.of(records)
        fleet.load(records)
        for start in range(0, len(events), size):
            fleet.extend(events[start : start + size])
            progress.extend(events[start : start + size])
            assert fleet.fraction == pytest.approx(progress.fraction)
            assert fleet.phases() == progress.phases()
        assert fleet.tally()[0][1] == 6
        assert fleet.waits == progress.waits == []


def test_the_feed_begins_with_the_newest_run_and_loses_no_event(tmp_path: Path) -> None:
    with run(tmp_path, plan("big", workers=600)) as big:
        halfway(big)
        big.end(Outcome.STOPPED, ExitCode.INTERRUPTED)
        halfway(big)
        with Reader(big.directory.journal) as reader:
            feed = JournalFeed(big.directory.journal, lambda batch: None, lambda error: None)
            batches = []
            while batch := feed.next_batch(reader, CLUSTER):
                batches.append(batch)
            expected = [event for event in reader.events() if event.run == 2]
    assert len(batches) > 1
    assert [batch.steps is not None for batch in batches] == [True] + [False] * (len(batches) - 1)
    assert [event for batch in batches for event in batch.events] == expected
