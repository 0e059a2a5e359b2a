"""What the review says before an install: how long, how much, and which of one's own machines answer now."""

from __future__ import annotations

from pathlib import Path

import pytest

from installer.operations.login import connection_tests
from installer.plan.host import Host
from installer.plan.model import InstallPlan
from screens.app import CratonApp
from screens.models.subject import Subject
from screens.pages.review import ReviewScreen
from screens.widgets import outlook
from tests.doubles.account_process import FakeAccount
from tests.doubles.connection_tester import REFUSED, UNKNOWN, FakeConnectionTester
from tests.screens.watching import shows

PLAN = InstallPlan.model_validate(
    {
        "name": "demo",
        "subdomain": "example.test",
        "platform": "machines",
        "masters": 1,
        "workers": 1,
        "machines": {"inventory": tuple(Host(address=f"10.0.0.{number}") for number in (1, 2, 3))},
    }
)


async def test_own_machines_are_tried_and_can_be_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path))
    ends = {"10.0.0.2": ("log in", *REFUSED), "10.0.0.3": ("host key", *UNKNOWN)}
    monkeypatch.setattr(connection_tests, "ConnectionTester", lambda: FakeConnectionTester(ends))
    async with CratonApp(lambda: ReviewScreen(Subject(PLAN, offline=True))).run_test(size=(140, 60)) as pilot:
        await shows(
            pilot,
            "nothing, on your own machines",
            "about 460 MB for each master",
            "✕ 1 of 3 machines can be logged in to",
            "10.0.0.2 (log in)",
            "t tries again",
        )
        await pilot.press("i")
        await shows(pilot, "Install demo: 3 machines", "costs: nothing, on your own machines", "reachable: ✕ 1 of 3")
        await pilot.press("escape", "t")
        await shows(pilot, "● 3 of 3 machines can be logged in to")


async def test_the_install_dialog_follows_what_comes_of_the_machines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path))
    monkeypatch.setattr(
        connection_tests, "ConnectionTester", lambda: FakeConnectionTester({"10.0.0.2": ("log in", *REFUSED)})
    )
    async with CratonApp(lambda: ReviewScreen(Subject(PLAN, offline=True))).run_test(size=(140, 60)) as pilot:
        await shows(pilot, "about 460 MB for each master", "✕ 2 of 3 machines")
        await pilot.press("i")
        await shows(pilot, "Install demo: 3 machines", "reachable: ✕ 2 of 3")
        await pilot.press("t")
        await shows(pilot, "Install demo: 3 machines", "reachable: ● 3 of 3 machines can be logged in to")


CLOUD = InstallPlan.model_validate(
    {"name": "demo", "subdomain": "example.test", "platform": "aws", "networks": {"user": "203.0.113.0/24"}}
)


async def test_what_a_cloud_costs_comes_from_the_account_and_nobody_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path))
    cloud = FakeAccount({"plan": {"costs": "about 0.75 USD an hour"}}, slow=True)
    monkeypatch.setattr(outlook, "AccountProcess", lambda: cloud)
    async with CratonApp(lambda: ReviewScreen(Subject(CLOUD))).run_test(size=(140, 60)) as pilot:
        await shows(pilot, "asking your account for its prices")
        cloud.catch_up()
        await shows(pilot, "about 0.75 USD an hour; billed by AWS until you destroy the cluster")


async def test_an_offline_review_asks_no_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path))
    cloud = FakeAccount()
    monkeypatch.setattr(outlook, "AccountProcess", lambda: cloud)
    async with CratonApp(lambda: ReviewScreen(Subject(CLOUD, offline=True))).run_test(size=(140, 60)) as pilot:
        await shows(pilot, "calculator.aws")
    assert cloud.asked == []
