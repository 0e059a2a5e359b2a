"""The health screen: the matrix and its evidence, who reaches whom, the contract, and what each key does."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from installer.common.errors import ExitCode, InstallerError
from installer.health.reach.pairs import Pair, Reached
from installer.health.report.model import Report, save_report
from installer.operations import health, shell
from screens.app import CratonApp
from screens.dialogs.failure import FailureDialog
from screens.pages.health import CheckMatrix, HealthScreen, ReachMatrix
from screens.widgets.rows import Spans
from tests.patience import PATIENCE
from tests.screens.journals import Run, plan, report, run
from tests.screens.stand_ins import footer, visible
from tests.screens.watching import ended, shows, until

SIZES = [(80, 24), (120, 40)]
ALL = (None, None)
Asked = list[tuple[list[str] | None, list[str] | None]]


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with run(tmp_path, plan()) as written:
        yield written


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """Of which machines and which checks was asked, None for all. They find a clock ahead and a kubelet dead."""
    seen: Asked = []

    def check(cluster: str, machines: list[str] | None = None, checks: list[str] | None = None) -> Report:
        seen.append((machines, checks))
        return report(plan(), at=time.time(), failing=[("demo-worker-1", "kubelet")])

    monkeypatch.setattr(health, "check", check)
    return seen


def application() -> CratonApp:
    return CratonApp(lambda: HealthScreen("demo"))


def written(folder: Path) -> list[str]:
    """What the exported files say."""
    return [path.read_text() for path in folder.glob("demo-health-*")]


def screen(pilot: Pilot[Any]) -> HealthScreen:
    found = pilot.app.screen
    assert isinstance(found, HealthScreen)
    return found


@pytest.mark.parametrize("size", SIZES)
async def test_shows_the_verdict_the_matrix_and_the_notice(demo: Run, checks: Asked, size: tuple[int, int]) -> None:
    async with application().run_test(size=size) as pilot:
        await shows(pilot, "✕ 1 failure, 1 warning", "nothing leaves this computer", "host-key", "infra-1")
        await until(pilot, lambda: screen(pilot).query_one(CheckMatrix).has_focus)
        assert checks == [ALL]


@pytest.mark.parametrize("size", SIZES)
async def test_the_selected_cell_shows_evidence_and_remedy_even_where_columns_scroll(
    demo: Run, checks: Asked, size: tuple[int, int]
) -> None:
    async with application().run_test(size=size) as pilot:
        await shows(pilot, "1 failure")
        await pilot.press("down", "right", "right")
        await shows(pilot, "▲ master-2 · clock", "2.4 s ahead of the median", "timedatectl set-ntp true")
        await pilot.press(*["right"] * 20)
        await shows(pilot, "names", "● master-2 · names", "as it should be")
        await pilot.press(*["left"] * 20)
        await shows(pilot, "● master-2 · ssh")


async def test_the_last_report_shows_while_a_new_check_runs(demo: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    go = threading.Event()

    def check(*given: Any) -> Report:
        go.wait(PATIENCE)
        return report(plan(), at=time.time(), warn=False)

    monkeypatch.setattr(health, "check", check)
    save_report(demo.directory, report(plan(), at=time.time() - 7200))
    async with application().run_test(size=(120, 40)) as pilot:
        await shows(pilot, "healthy, 1 warning", "checking 0:0")
        assert "Check all" not in footer(pilot)
        go.set()
        await shows(pilot, "● healthy", "6 machines · 63 checks")
        assert "1 warning" not in visible(pilot)
        assert "Check all" in footer(pilot)


async def test_says_how_old_the_report_is(demo: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "check", lambda *given: report(plan(), at=time.time() - 7200))
    async with application().run_test(size=(80, 24)) as pilot:
        await shows(pilot, "2 h ago")


@pytest.mark.parametrize(
    ("key", "asked"),
    [
        ("r", ALL),
        ("m", (["demo-worker-2"], None)),
        ("c", (None, ["clock"])),
        ("x", (["demo-worker-2"], ["clock"])),
        ("enter", (["demo-worker-2"], ["clock"])),
    ],
)
async def test_keys_check_again_all_a_machine_a_check_or_one_of_both(
    demo: Run, checks: Asked, key: str, asked: tuple[list[str] | None, list[str] | None]
) -> None:
    async with application().run_test(size=(80, 24)) as pilot:
        await shows(pilot, "1 failure")
        await until(pilot, lambda: screen(pilot).checking_since is None)
        await pilot.press("end", "right", "right", key)
        await until(pilot, lambda: checks == [ALL, asked])


async def test_one_check_is_offered_only_where_one_is_looked_at(demo: Run, checks: Asked) -> None:
    async with application().run_test(size=(80, 24)) as pilot:
        await shows(pilot, "1 failure")
        await until(pilot, lambda: screen(pilot).checking_since is None)
        assert footer(pilot) >= {"Check all", "Machine", "Check", "This one"}
        await pilot.press("tab")
        await until(pilot, lambda: footer(pilot) >= {"Check all", "Machine", "Port"})
        assert not footer(pilot) & {"Check", "This one"}


async def test_a_key_opens_a_shell_on_the_machine(demo: Run, checks: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    shells: list[tuple[str, ...]] = []

    def ssh_command(*given: str) -> list[str]:
        shells.append(given)
        return ["ssh", "there"]

    monkeypatch.setattr(shell, "ssh_command", ssh_command)
    async with application().run_test(size=(80, 24), notifications=True) as pilot:
        await shows(pilot, "1 failure")
        await pilot.press("end", "s")
        await until(pilot, lambda: shells == [("demo", "demo-worker-2")])


async def test_a_check_that_cannot_be_made_is_explained(demo: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def check(*given: Any) -> Report:
        raise InstallerError("reach the rehearsal site", "there is no site of demo", hint="install it")

    monkeypatch.setattr(health, "check", check)
    async with application().run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: isinstance(pilot.app.screen, FailureDialog))
        await shows(pilot, "there is no site of demo")
        await pilot.press("escape")
        await shows(pilot, "not checked yet")
        await until(pilot, lambda: screen(pilot).checking_since is None)


async def test_reach_shows_a_grid_per_port_and_what_each_pair_found(demo: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    found = report(plan(), at=time.time())
    blocked = Pair("demo-worker-1", "demo-master-1", "N1", "tcp", 6443, Reached.FILTERED)
    monkeypatch.setattr(health, "check", lambda *given: replace(found, reach=(blocked, *found.reach)))
    async with application().run_test(size=(80, 24)) as pilot:
        await shows(pilot, "healthy")
        await pilot.press("tab")
        await until(pilot, lambda: screen(pilot).query_one(ReachMatrix).has_focus)
        await shows(pilot, "tcp 6443   port 1 of 2", "30 of 30 pairs of machines probed", "m1")
        await pilot.press("end", "up")
        await shows(pilot, "worker-1 → master-1", "✕ tcp 6443 filtered, rule N1")
        await pilot.press("p")
        await shows(pilot, "udp 4789   port 2 of 2", "● udp 4789 open, rule M2")


async def test_contract_shows_three_columns(demo: Run, checks: Asked) -> None:
    async with application().run_test(size=(120, 40)) as pilot:
        await shows(pilot, "1 failure")
        await pilot.press("shift+tab")
        await shows(pilot, "planned", "configured", "observed", "in udp 4789 from masters, workers", "12 of 12 pairs")
        await pilot.press("end")
        await shows(pilot, "planned: obsolete")
        assert "This one" not in footer(pilot)


async def test_exports_json_and_html(demo: Run, checks: Asked, tmp_path: Path) -> None:
    async with application().run_test(size=(120, 40), notifications=True) as pilot:
        await shows(pilot, "1 failure")
        await pilot.press("e")
        await until(pilot, lambda: len(written(tmp_path)) == 2)
        await shows(pilot, "Report written")
    page, document = sorted(written(tmp_path))
    assert Report.from_dict(json.loads(document)).cluster == "demo"
    assert "<html" in page


async def test_closing_a_failing_cluster_ends_with_the_verification_code(demo: Run, checks: Asked) -> None:
    async with application().run_test(size=(80, 24)) as pilot:
        await shows(pilot, "1 failure")
        await pilot.press("q")
        await ended(pilot, ExitCode.VERIFICATION)


async def test_a_thousand_machines_are_drawn_row_by_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path))
    big = plan("big", masters=5, infra=10, workers=985)
    found = replace(report(big, at=time.time(), warn=False, reach=False), cluster="big")
    monkeypatch.setattr(health, "check", lambda *given: found)
    drawn: set[int] = set()
    original = CheckMatrix.row

    def row(self: CheckMatrix, index: int, width: int) -> Spans:
        drawn.add(index)
        return original(self, index, width)

    monkeypatch.setattr(CheckMatrix, "row", row)
    with run(tmp_path, big):
        async with CratonApp(lambda: HealthScreen("big")).run_test(size=(80, 24)) as pilot:
            await shows(pilot, "● healthy")
            await pilot.press("end")
            await shows(pilot, "● worker-985 · ssh")
    assert len(drawn) < 60
