"""The draft of answers: kept, found again, and never in the way."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from installer.plan.model import InstallPlan
from installer.plan.questions.answers import answers_of
from installer.plan.questions.draft import Draft, discard_draft, load_draft, save_draft
from tests.strategies import plans, repeatable


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path))
    return tmp_path


def test_there_is_no_draft_until_one_is_saved_nor_after_it_is_discarded() -> None:
    assert load_draft() is None
    save_draft({"name": "demo"}, "Masters")
    assert load_draft() == Draft({"name": "demo"}, "Masters")
    discard_draft()
    discard_draft()
    assert load_draft() is None


def test_a_draft_may_be_empty() -> None:
    save_draft({}, "Name")
    assert load_draft() == Draft({}, "Name")


@settings(repeatable, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(plans())
def test_answers_are_found_again_as_they_were(plan: InstallPlan) -> None:
    save_draft(answers_of(plan), "Downloads")
    assert load_draft() == Draft(answers_of(plan), "Downloads")


def test_a_list_of_machines_that_is_not_right_yet_is_kept_as_it_was_typed() -> None:
    typed = '10.0.0.[1-\n  ada@web role=  # later: "x"\n'
    save_draft({"machines.inventory": typed}, "Machines")
    assert load_draft() == Draft({"machines.inventory": typed}, "Machines")


def test_answers_that_are_not_right_yet_are_kept_as_well(home: Path) -> None:
    answers = {"name": "On", "masters": 2, "workers": "m\udcff\x1b: #", "networks.pods": "", "may": ("X",)}
    save_draft(answers, "Workers")
    assert load_draft() == Draft(answers, "Workers")
    assert (home / "draft.yaml").stat().st_mode & 0o777 == 0o600


def test_a_secret_pasted_by_mistake_is_not_kept(home: Path) -> None:
    key = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNz\n-----END OPENSSH PRIVATE KEY-----"
    save_draft({"name": "demo", "ssh.public_key": key, "subdomain": "abcdef.0123456789abcdef"}, "Access")
    assert load_draft() == Draft({"name": "demo"}, "Access")
    assert "b3BlbnNz" not in (home / "draft.yaml").read_text()


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe", b"name: [", b"- a", b"craton: 2\npage: Name\nanswers: {}\n",
     b"craton: 1\npage: 3\nanswers: {}\n",
     b"craton: 1\npage: Name\nanswers: 3\n", b"x" * (1 << 20)],
)  # fmt: skip
def test_a_damaged_draft_is_put_aside(home: Path, content: bytes) -> None:
    path = home / "draft.yaml"
    path.write_bytes(content)
    assert load_draft() is None
    assert not path.exists()
    assert (home / "draft.yaml.damaged").read_bytes() == content


def test_what_no_question_asks_is_dropped_from_a_draft(home: Path) -> None:
    (home / "draft.yaml").write_text(
        "craton: 1\npage: Name\nanswers: {name: demo, gone: 1, masters: {a: 1}, may: [M6]}\n"
    )
    assert load_draft() == Draft({"name": "demo", "may": ("M6",)}, "Name")
