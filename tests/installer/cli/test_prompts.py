"""The questions as prompts, answered key by key."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output import DummyOutput

from installer.cli import prompts
from installer.common.errors import ExitCode, InstallerError
from installer.plan.model import InstallPlan
from installer.plan.questions.answers import complete, plan_of
from installer.plan.questions.catalogue import QUESTIONS
from installer.plan.questions.draft import load_draft
from tests.accounts import live_in

ENTER, DOWN, CLEAR, CTRL_C, CTRL_D = "\r", "\x1b[B", "\x15", "\x03", "\x04"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    live_in(tmp_path, monkeypatch)
    monkeypatch.setenv("CRATON_HOME", str(tmp_path / "craton"))
    return tmp_path


@pytest.fixture
def keys() -> Iterator[PipeInput]:
    with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):
        yield pipe


def _all_but(*fields: str) -> dict[str, Any]:
    """Default answers to every question but those about `fields`."""
    return {field: value for field, value in complete({}).items() if field not in fields}


def test_enter_takes_every_default(keys: PipeInput) -> None:
    keys.send_text(ENTER * len(QUESTIONS))
    answers = prompts.ask({})
    assert answers == complete({})
    assert plan_of(answers) == InstallPlan(name="demo", subdomain="example.test", pod_security="baseline")


def test_what_is_answered_already_is_not_asked(keys: PipeInput) -> None:
    assert prompts.ask(_all_but()) == complete({})


ANSWERS: list[tuple[str, str, object]] = [
    ("name", f"{CLEAR}shop{ENTER}", "shop"),
    ("name", f"{CLEAR}Shop{ENTER}{CLEAR}shop{ENTER}", "shop"),
    ("workers", f"{CLEAR}many{ENTER}{CLEAR}12{ENTER}", 12),
    ("workers", f"{CLEAR}0{ENTER}{CLEAR}1{ENTER}", 1),
    ("masters", f"{DOWN}{ENTER}", 5),
    ("schedulable_masters", f"y{ENTER}", True),
    ("networks.pods", f"{CLEAR}10.10.0.0/16{ENTER}{CLEAR}10.128.0.0/16{ENTER}", "10.128.0.0/16"),
    ("may", f" {ENTER}", ("M5", "M6", "I4")),
]


@pytest.mark.parametrize(("field", "typed", "value"), ANSWERS)
def test_an_answer_is_typed_and_a_wrong_one_is_not_let_through(
    keys: PipeInput, field: str, typed: str, value: object
) -> None:
    keys.send_text(typed)
    assert prompts.ask(_all_but(field))[field] == value


def test_a_load_balancer_drops_the_question_about_infra_nodes(keys: PipeInput) -> None:
    keys.send_text(f"{DOWN}{ENTER}")
    answers = prompts.ask(_all_but("ingress.kind", "ingress.infra"))
    assert answers["ingress.kind"] == "load-balancer"
    assert "ingress.infra" not in answers


def test_a_choice_that_is_not_available_is_passed_over(keys: PipeInput) -> None:
    keys.send_text(f"{DOWN}{ENTER}")
    answers = prompts.ask({**_all_but("ingress.kind"), "rehearsal.load_balancers": False})
    assert answers["ingress.kind"] == "infra"


def test_a_given_answer_that_turns_out_wrong_is_asked_again(keys: PipeInput) -> None:
    keys.send_text(f"{CLEAR}10.244.0.0/16{ENTER}")
    answers = prompts.ask({**_all_but(), "networks.pods": "10.10.0.0/16"})
    assert answers["networks.pods"] == "10.244.0.0/16"


def test_machines_are_listed_on_one_line_and_a_wrong_one_is_not_let_through(keys: PipeInput) -> None:
    keys.send_text(f"10.0.0.1, oh!{ENTER}{CLEAR}10.0.0.[1-5]{ENTER}")
    given = {**_all_but("platform", "ingress.infra", "masters", "workers"), "platform": "machines"}
    own = {field: value for field, value in complete(given).items() if field not in ("masters", "workers")}
    keys.send_text(ENTER * 4)
    answers = prompts.ask({field: value for field, value in own.items() if field != "ingress.infra"})
    assert [host["address"] for host in answers["machines.inventory"]] == [f"10.0.0.{n}" for n in range(1, 6)]
    assert (answers["masters"], answers["ingress.infra"], answers["workers"]) == (3, 1, 1)


@pytest.mark.parametrize("end", [CTRL_C, CTRL_D])
def test_an_interruption_keeps_the_draft(keys: PipeInput, end: str) -> None:
    keys.send_text(f"{CLEAR}shop{ENTER}{ENTER}{ENTER}{ENTER}{ENTER}{CLEAR}{end}")
    with pytest.raises(InstallerError) as caught:
        prompts.ask({})
    assert caught.value.exit_code is ExitCode.INTERRUPTED
    draft = load_draft()
    assert draft is not None
    assert draft.page == "Workers"
    assert draft.answers == {
        "name": "shop",
        "platform": "rehearsal",
        "rehearsal.load_balancers": True,
        "masters": 3,
        "schedulable_masters": False,
    }


@pytest.mark.parametrize(("typed", "confirmed"), [("y", True), ("n", False), ("", False)])
def test_a_confirmation_is_a_yes(keys: PipeInput, typed: str, confirmed: bool) -> None:
    keys.send_text(typed + ENTER)
    assert prompts.confirm("Install demo?") is confirmed


@pytest.mark.parametrize(("typed", "confirmed"), [("demo", True), ("Demo", False), ("", False), ("y", False)])
def test_a_confirmation_may_ask_for_the_name(keys: PipeInput, typed: str, confirmed: bool) -> None:
    keys.send_text(typed + ENTER)
    assert prompts.confirm("Type demo to destroy it:", expected="demo") is confirmed


def test_an_interrupted_confirmation_is_an_interruption(keys: PipeInput) -> None:
    keys.send_text(CTRL_C)
    with pytest.raises(InstallerError) as caught:
        prompts.confirm("Install demo?")
    assert caught.value.exit_code is ExitCode.INTERRUPTED
