"""The questions on a plain terminal: one line shows, one line answers."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from installer.cli import prompts
from installer.common.errors import ExitCode, InstallerError
from installer.plan.model import InstallPlan
from installer.plan.questions.answers import complete, plan_of
from installer.plan.questions.catalogue import QUESTIONS, question_of
from installer.plan.questions.draft import load_draft
from tests.accounts import live_in

Typing = Callable[[str], None]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    live_in(tmp_path, monkeypatch)
    monkeypatch.setenv("CRATON_HOME", str(tmp_path / "craton"))
    return tmp_path


@pytest.fixture
def typing(monkeypatch: pytest.MonkeyPatch) -> Typing:
    """Types lines; after the last one, input ends."""
    return lambda text: monkeypatch.setattr("sys.stdin", io.StringIO(text))


def _all_but(*fields: str) -> dict[str, Any]:
    """Default answers to every question but those about `fields`."""
    return {field: value for field, value in complete({}).items() if field not in fields}


def test_enter_takes_every_default(typing: Typing) -> None:
    typing("\n" * len(QUESTIONS))
    answers = prompts.ask({})
    assert answers == complete({})
    assert plan_of(answers) == InstallPlan(name="demo", subdomain="example.test", pod_security="baseline")


def test_what_is_answered_already_is_not_asked(typing: Typing, capsys: pytest.CaptureFixture[str]) -> None:
    typing("")
    assert prompts.ask(_all_but()) == complete({})
    assert capsys.readouterr().err == ""


def test_a_question_mark_explains_the_answers_and_asks_again(
    typing: Typing, capsys: pytest.CaptureFixture[str]
) -> None:
    typing("?\n2\n")
    assert prompts.ask(_all_but("ingress.kind", "ingress.infra"))["ingress.kind"] == "load-balancer"
    said = capsys.readouterr().err
    assert "Type ? for more." in said
    assert "Load balancer: A service of the platform" in said
    assert "What it costs: No machines." in said
    assert "For this plan: Infra nodes" in said
    assert said.count("Ingress [1]:") == 2


ANSWERS: list[tuple[str, str, object]] = [
    ("name", "shop", "shop"),
    ("name", "Shop\nshop", "shop"),
    ("workers", "many\n12", 12),
    ("workers", "0\n1", 1),
    ("masters", "5", 5),
    ("masters", "2\n3", 3),
    ("ingress.kind", "2", "load-balancer"),
    ("ingress.kind", "Load Balancer", "load-balancer"),
    ("ingress.kind", "infra", "infra"),
    ("schedulable_masters", "y", True),
    ("schedulable_masters", "maybe\nNO", False),
    ("networks.pods", "10.10.0.0/16\n10.128.0.0/16", "10.128.0.0/16"),
    ("may", "1, 6", ("M5", "I4")),
    ("may", "M5 9\nM5", ("M5",)),
    ("may", "none", ()),
    ("ssh.public_key", "none", None),
]


@pytest.mark.parametrize(("field", "typed", "value"), ANSWERS)
def test_an_answer_is_typed_and_a_wrong_one_is_asked_again(
    typing: Typing, capsys: pytest.CaptureFixture[str], field: str, typed: str, value: object
) -> None:
    typing(f"{typed}\n")
    assert prompts.ask(_all_but(field))[field] == value
    captured = capsys.readouterr()
    assert captured.out == ""
    prompt = rf"{question_of(field).title}( \(.*?\))?( \[.*?\])?: "
    assert len(re.findall(prompt, captured.err)) == len(typed.splitlines())


@pytest.mark.parametrize(
    ("field", "lines"),
    [
        ("name", ["What is the cluster's name?", "Name [demo]: "]),
        ("schedulable_masters", ["Workloads on masters (yes or no) [no]: "]),
        ("masters", ["  1. no high availability", "  5. survives the loss of 2", "Masters [3]: "]),
        (
            "ingress.kind",
            ["  1. Infra nodes: dedicated machines take web traffic on ports 80 and 443", "Ingress [1]: "],
        ),
        ("artifacts.mirror", ["Mirror: "]),
    ],
)
def test_a_question_is_plain_lines_with_its_default_in_brackets(
    typing: Typing, capsys: pytest.CaptureFixture[str], field: str, lines: list[str]
) -> None:
    typing("\n")
    own = {"platform": "local"} if field == "artifacts.mirror" else {}
    every = complete({**own, "subdomain": "example.test"})
    prompts.ask({name: answer for name, answer in every.items() if name != field})
    shown = capsys.readouterr().err
    assert [line for line in lines if line not in shown.split("\n")] == []
    assert "\x1b" not in shown


def test_a_load_balancer_drops_the_question_about_infra_nodes(typing: Typing) -> None:
    typing("2\n")
    answers = prompts.ask(_all_but("ingress.kind", "ingress.infra"))
    assert answers["ingress.kind"] == "load-balancer"
    assert "ingress.infra" not in answers


def test_a_choice_that_is_not_available_says_why_and_is_asked_again(
    typing: Typing, capsys: pytest.CaptureFixture[str]
) -> None:
    typing("2\n\n")
    answers = prompts.ask({**_all_but("ingress.kind"), "rehearsal.load_balancers": False})
    assert answers["ingress.kind"] == "infra"
    assert capsys.readouterr().err.count("not available: ") == 2


def test_a_given_answer_that_turns_out_wrong_is_asked_again(typing: Typing) -> None:
    typing("10.244.0.0/16\n")
    answers = prompts.ask({**_all_but(), "networks.pods": "10.10.0.0/16"})
    assert answers["networks.pods"] == "10.244.0.0/16"


def test_machines_are_listed_on_one_line_and_a_wrong_one_is_asked_again(typing: Typing) -> None:
    given = {**_all_but("platform", "ingress.infra", "masters", "workers"), "platform": "machines"}
    own = {field: value for field, value in complete(given).items() if field not in ("masters", "workers")}
    typing("10.0.0.1, oh!\n10.0.0.[1-5]\n" + "\n" * 4)
    answers = prompts.ask({field: value for field, value in own.items() if field != "ingress.infra"})
    assert [host["address"] for host in answers["machines.inventory"]] == [f"10.0.0.{n}" for n in range(1, 6)]
    assert (answers["masters"], answers["ingress.infra"], answers["workers"]) == (3, 1, 1)


def test_a_list_of_another_program_is_read_from_its_file_and_what_was_left_out_is_said(
    typing: Typing, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "hosts.ini").write_text("[masters]\n10.0.0.1 rack=7\n[infra]\n10.0.0.2\n[workers]\n10.0.0.[3:4]\n")
    given = {**_all_but("platform", "ingress.infra", "masters", "workers"), "platform": "machines"}
    own = {field: value for field, value in complete(given).items() if field not in ("masters", "workers")}
    typing(f"@{tmp_path}/hosts.ini\n" + "\n" * 4)
    answers = prompts.ask({field: value for field, value in own.items() if field != "ingress.infra"})
    roles = [host["role"] for host in answers["machines.inventory"]]
    assert roles == ["master", "infra", "worker", "worker"]
    assert "hosts.ini: Read as an Ansible inventory. Ignored: the variable rack." in capsys.readouterr().err


class _Interrupted(io.StringIO):
    """Lines, and ctrl+c after the last one."""

    def readline(self, size: int = -1, /) -> str:  # type: ignore[override]
        line = super().readline(size)
        if not line:
            raise KeyboardInterrupt
        return line


@pytest.mark.parametrize("end", [_Interrupted, io.StringIO])
def test_an_interruption_keeps_the_draft(monkeypatch: pytest.MonkeyPatch, end: type[io.StringIO]) -> None:
    monkeypatch.setattr("sys.stdin", end("shop\n\n\n\n\n"))
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


@pytest.mark.parametrize(("typed", "confirmed"), [("y", True), ("Yes", True), ("n", False), ("", False)])
def test_a_confirmation_is_a_yes(typing: Typing, typed: str, confirmed: bool) -> None:
    typing(f"{typed}\n")
    assert prompts.confirm("Install demo?") is confirmed


@pytest.mark.parametrize(("typed", "confirmed"), [("demo", True), ("Demo", False), ("", False), ("y", False)])
def test_a_confirmation_may_ask_for_the_name(typing: Typing, typed: str, confirmed: bool) -> None:
    typing(f"{typed}\n")
    assert prompts.confirm("Type demo to destroy it:", expected="demo") is confirmed


@pytest.mark.parametrize("end", [_Interrupted, io.StringIO])
def test_an_interrupted_confirmation_is_an_interruption(
    monkeypatch: pytest.MonkeyPatch, end: type[io.StringIO]
) -> None:
    monkeypatch.setattr("sys.stdin", end(""))
    with pytest.raises(InstallerError) as caught:
        prompts.confirm("Install demo?")
    assert caught.value.exit_code is ExitCode.INTERRUPTED
