"""The summary of an install: what it says, and where its keys lead."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.screen import Screen

from installer.common.errors import ExitCode
from installer.health.report.model import save_report
from installer.operations import clusters, health
from screens.app import CratonApp
from screens.pages.health import HealthScreen
from screens.pages.progress import ProgressScreen
from screens.pages.review import ReviewScreen
from screens.pages.summary import SummaryScreen
from tests.screens.journals import Run, finish, halfway, plan, report, run, spread
from tests.screens.watching import ended, shows, until


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """A cluster whose install took five and a half minutes."""
    monkeypatch.setenv("CRATON_HOME", str(tmp_path))
    monkeypatch.setattr(health, "check", lambda *given: report(plan()))
    with run(tmp_path, plan()) as written:
        halfway(written)
        finish(written)
        written.journal.close()
        spread(written.directory, 300)
        yield written


def application(run: Run) -> CratonApp:
    def start() -> Screen[None]:
        return SummaryScreen(run.directory, clusters.progress(run.directory))

    return CratonApp(start)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_says_what_was_built_its_names_its_health_and_what_comes_next(
    installed: Run, size: tuple[int, int]
) -> None:
    save_report(installed.directory, report(plan()))
    async with application(installed).run_test(size=size) as pilot:
        await shows(pilot, "● demo is installed   in 5 min", "3 masters, 1 infra node, 2 workers", "v1.36.2")
        await shows(pilot, "https://demo-k8s.example.test:6443   D1")
        await shows(pilot, f"▲ healthy, 1 warning   {report(plan()).judged} checks", "stand-in's")
        await shows(pilot, "nothing leaves this computer")


@pytest.mark.parametrize(("key", "leads_to"), [("h", HealthScreen), ("v", ReviewScreen)])
async def test_keys_lead_to_health_and_review_and_back(installed: Run, key: str, leads_to: type[Screen[None]]) -> None:
    async with application(installed).run_test(size=(80, 24)) as pilot:
        await shows(pilot, "demo is installed")
        await pilot.press(key)
        await until(pilot, lambda: isinstance(pilot.app.screen, leads_to))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, SummaryScreen))


async def test_opens_above_the_finished_run_and_quits_with_its_exit_code(installed: Run) -> None:
    async with CratonApp(lambda: ProgressScreen(installed.directory)).run_test(size=(80, 24)) as pilot:
        await shows(pilot, "demo is installed")
        await pilot.press("q")
        await ended(pilot, ExitCode.DONE)


async def test_the_next_commands_can_be_copied_one_by_one_or_all(installed: Run) -> None:
    async with application(installed).run_test(size=(80, 24)) as pilot:
        await shows(pilot, "add a machine", "craton destroy demo")
        await pilot.press("enter")
        assert pilot.app.clipboard == "craton check demo"
        await pilot.press("down", "down", "down", "enter")
        assert pilot.app.clipboard == "craton destroy demo"
        await pilot.press("a")
        assert pilot.app.clipboard.startswith("# check its health\ncraton check demo\n")
        assert pilot.app.clipboard.endswith("craton destroy demo\n")
