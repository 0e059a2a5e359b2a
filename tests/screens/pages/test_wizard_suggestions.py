"""The wizard's pages of a cloud: what the account has is suggested while one types, and nothing waits for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from installer.operations import account
from screens.app import CratonApp
from screens.pages import wizard as module
from screens.pages.wizard import WizardScreen
from screens.widgets.question import QuestionField
from tests.doubles.account_process import FakeAccount, regions, suggestion
from tests.screens.stand_ins import visible
from tests.screens.watching import hides, shows

SIZES = [(80, 24), (140, 40)]
ANSWERS = {"name": "demo", "platform": "aws", "subdomain": "example.com", "networks.user": "203.0.113.7/32"}
Wizard = Callable[..., CratonApp]


@pytest.fixture
def cloud() -> FakeAccount:
    zones = [suggestion(name) for name in ("eu-west-1a, eu-west-1b", "eu-west-1a", "eu-west-1b")]
    return FakeAccount({
        "aws.region": regions("eu-central-1", "eu-west-1", "us-east-1"),
        "aws.zones": {"found": zones, "source": "2 zones of eu-west-1 that your account has", "several": True},
    })  # fmt: skip


@pytest.fixture
def wizard(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cloud: FakeAccount) -> Wizard:
    """An application that starts with the wizard, whose account is `cloud`."""
    monkeypatch.setenv("CRATON_HOME", str(tmp_path / "craton"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(account, "AccountProcess", lambda: cloud)
    monkeypatch.setattr(module, "TYPING", 0.01)

    def with_answers(**answers: Any) -> CratonApp:
        return CratonApp(lambda: WizardScreen({**ANSWERS, **answers}))

    return with_answers


async def open_question(pilot: Pilot[Any], field: str) -> Input:
    """Put the focus on a question of the page after the platform's."""
    await pilot.pause()
    await pilot.press("ctrl+down", "ctrl+down")
    await shows(pilot, "Which region?")
    found = next(one for one in pilot.app.screen.query(QuestionField) if one.question.field == field)
    found.control.focus()
    await pilot.pause()
    assert isinstance(found.control, Input)
    return found.control


async def retype(pilot: Pilot[Any], text: str) -> None:
    await pilot.press("ctrl+u", *text)
    await pilot.pause()


@pytest.mark.parametrize("size", SIZES)
async def test_what_the_account_has_is_listed_with_where_it_comes_from_and_arrows_choose(
    wizard: Wizard, size: tuple[int, int]
) -> None:
    async with wizard().run_test(size=size) as pilot:
        region = await open_question(pilot, "aws.region")
        await shows(pilot, "3 regions that your account has switched on. ↑↓ chooses.")
        await shows(pilot, "the region eu-west-1")
        await pilot.press("down")
        assert region.value == "eu-west-1", "the default is the first of them, and the next one follows"
        await pilot.press("enter")
        screen = pilot.app.screen
        assert isinstance(screen, WizardScreen)
        assert screen._state.answers["aws.region"] == "eu-west-1"


async def test_typing_leaves_what_fits_and_anything_may_be_typed(wizard: Wizard) -> None:
    async with wizard().run_test(size=SIZES[1]) as pilot:
        region = await open_question(pilot, "aws.region")
        await retype(pilot, "east")
        await shows(pilot, "1 fit")
        assert "the region us-east-1" in visible(pilot)
        assert "the region eu-west-1" not in visible(pilot)
        await pilot.press("down")
        assert region.value == "us-east-1"
        await retype(pilot, "ap-south-1")
        await shows(pilot, "Nothing in the list is like this.")


async def test_several_answers_are_put_together_with_commas(wizard: Wizard) -> None:
    async with wizard(**{"aws.region": "eu-west-1"}).run_test(size=SIZES[1]) as pilot:
        zones = await open_question(pilot, "aws.zones")
        await shows(pilot, "2 zones of eu-west-1")
        await retype(pilot, "")
        await pilot.press("down")
        assert zones.value == "eu-west-1a, eu-west-1b"
        await retype(pilot, "eu-west-1b,")
        await pilot.press("down")
        assert zones.value == "eu-west-1b, eu-west-1a", "what is listed already is not offered again"


@pytest.mark.parametrize("size", SIZES)
async def test_an_account_that_is_slow_holds_nobody_up(
    wizard: Wizard, cloud: FakeAccount, size: tuple[int, int]
) -> None:
    cloud.slow = True
    async with wizard().run_test(size=size) as pilot:
        region = await open_question(pilot, "aws.region")
        await shows(pilot, "Asking your account. You can type meanwhile.")
        await retype(pilot, "eu-w")
        cloud.catch_up()
        await shows(pilot, "the region eu-west-1")
        assert region.value == "eu-w", "nobody's typing is overwritten"


async def test_a_problem_says_what_to_do_and_one_goes_on_without_the_list(wizard: Wizard, cloud: FakeAccount) -> None:
    cloud.answers.clear()
    cloud.answers["aws.region"] = {
        "problem": "the AWS session has expired (ExpiredToken). Sign in again: `aws sso login`"
    }
    async with wizard().run_test(size=SIZES[0]) as pilot:
        await open_question(pilot, "aws.region")
        await shows(pilot, "(ExpiredToken). Sign in")
        await retype(pilot, "eu-west-1")
        await pilot.press("enter", "enter")
        screen = pilot.app.screen
        assert isinstance(screen, WizardScreen)
        assert screen._state.answers["aws.region"] == "eu-west-1"
        assert not screen._state.problems


async def test_coming_back_to_a_page_asks_again_what_could_not_be_had(wizard: Wizard, cloud: FakeAccount) -> None:
    good = cloud.answers["aws.region"]
    cloud.answers["aws.region"] = {"problem": "no credentials were found."}
    async with wizard().run_test(size=SIZES[1]) as pilot:
        await open_question(pilot, "aws.region")
        await shows(pilot, "no credentials were found")
        cloud.answers["aws.region"] = good
        await pilot.press("ctrl+down", "ctrl+up")
        await open_again(pilot)
        await shows(pilot, "3 regions that your account has switched on")


async def open_again(pilot: Pilot[Any]) -> None:
    field = next(one for one in pilot.app.screen.query(QuestionField) if one.question.field == "aws.region")
    field.control.focus()
    await pilot.pause()


async def test_an_account_is_asked_about_valid_answers_alone_and_about_each_once(
    wizard: Wizard, cloud: FakeAccount
) -> None:
    async with wizard().run_test(size=SIZES[1]) as pilot:
        await open_question(pilot, "aws.region")
        await retype(pilot, "eu-west-1")
        await shows(pilot, "the region eu-west-1")
        await hides(pilot, "Asking your account")
    asked = [answers["aws.region"] for name, answers in cloud.asked if name == "aws.zones"]
    assert asked == ["eu-central-1", "eu-west-1"]


async def test_no_account_is_asked_for_a_platform_that_has_none(wizard: Wizard, cloud: FakeAccount) -> None:
    async with wizard(platform="rehearsal").run_test() as pilot:
        await pilot.pause()
        await pilot.press("ctrl+down", "ctrl+down", "ctrl+down")
        await pilot.pause()
    assert cloud.asked == []
