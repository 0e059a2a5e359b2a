"""The process that asks an account: it answers what it can, and says what it can't."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from installer.operations import account
from installer.operations.account import AccountProcess, AccountSuggestions
from installer.plan.model import InstallPlan
from installer.plan.platforms import PLATFORMS
from tests.doubles.aws.account import Account
from tests.doubles.aws.fixtures import aws, aws_server
from tests.patience import PATIENCE, eventually

__all__ = ["aws", "aws_server"]

PLAN = InstallPlan.model_validate({
    "name": "demo", "subdomain": "example.com", "platform": "aws", "masters": 1, "workers": 1,
    "ingress": {"kind": "load-balancer"}, "networks": {"user": "203.0.113.0/24"},
})  # fmt: skip
DEPENDS = PLATFORMS["aws"].suggests


@pytest.fixture
def process() -> Iterator[AccountProcess]:
    opened = AccountProcess()
    yield opened
    opened.close()


class Answers:
    """Hears one answer."""

    def __init__(self) -> None:
        self._came = threading.Event()
        self.answer: Mapping[str, Any] = {}

    def __call__(self, answer: Mapping[str, Any]) -> None:
        self.answer = answer
        self._came.set()

    def wait(self) -> Mapping[str, Any]:
        assert self._came.wait(PATIENCE), "an answer of the process"
        return self.answer


def ask(process: AccountProcess, field: str, **answers: Any) -> Mapping[str, Any]:
    heard = Answers()
    process({"platform": "aws", "field": field, "answers": answers}, heard)
    return heard.wait()


def test_suggestions_come_from_a_process_of_their_own(aws: Account) -> None:
    came = threading.Event()
    suggestions = AccountSuggestions(came.set)
    try:
        suggestions.want("aws", ["aws.zones"], DEPENDS, {"aws.region": "eu-central-1"})
        found = suggestions.of("aws", "aws.zones", DEPENDS, {"aws.region": "eu-central-1"})
        assert found is not None
        assert found.waiting
        assert came.wait(PATIENCE)
        found = suggestions.of("aws", "aws.zones", DEPENDS, {"aws.region": "eu-central-1"})
        assert found is not None
        assert [one.value for one in found.found][1:] == ["eu-central-1a", "eu-central-1b", "eu-central-1c"]
        assert aws.calls["ec2:DescribeAvailabilityZones"] == 1
    finally:
        suggestions.close()


def test_an_account_that_cant_be_reached_is_a_problem_in_words(process: AccountProcess) -> None:
    assert "no credentials were found" in ask(process, "aws.region")["problem"]


def test_a_bug_in_a_look_up_is_said_and_the_process_goes_on(process: AccountProcess) -> None:
    assert "KeyError" in ask(process, "aws.nothing")["problem"]
    assert "no credentials" in ask(process, "aws.region")["problem"]


def test_a_process_that_was_killed_is_a_problem_and_the_next_question_starts_another(process: AccountProcess) -> None:
    heard = Answers()
    process({"platform": "aws", "field": "aws.region", "answers": {}}, heard)
    assert process._process is not None
    process._process.kill()
    assert "has ended" in heard.wait()["problem"]
    assert "no credentials" in ask(process, "aws.region")["problem"]


def test_an_account_that_never_answers_is_given_up(process: AccountProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account, "SECONDS", 0.01)
    assert "No answer in 0 s" in ask(process, "aws.region")["problem"]


def test_the_process_ends_with_whoever_asked() -> None:
    process = AccountProcess()
    ask(process, "aws.nothing")
    child = process._process
    assert child is not None
    process.close()
    eventually(lambda: child.poll() is not None, "the end of the process")


def test_a_review_says_what_the_accounts_price_list_says(aws: Account) -> None:
    said = account.costs(PLAN)
    assert said.startswith("about 0.17 USD an hour, 126 a month, before addresses, load balancers, NAT gateways and")
    assert said.endswith("; billed by AWS until you destroy the cluster")


def test_costs_that_nobody_knows_are_said_to_be_unknown_and_why() -> None:
    said = account.costs(PLAN)
    assert said.startswith("unknown: no credentials were found.")
    assert said.endswith("https://calculator.aws works it out.")


@pytest.mark.parametrize("line", ["", "{", "[]", '{"id": "1"}', '{"found": []}', '{"id": 1, "found": [{"value": 2}]}'])
def test_a_line_that_is_no_answer_is_passed_over(line: str) -> None:
    assert account.read(line) is None


def test_control_characters_of_an_account_never_reach_the_terminal() -> None:
    found = account.read('{"id": 1, "source": "\\u001b[31mred", "found": [{"value": "a\\u0007", "detail": ""}]}')
    assert found is not None
    assert "\x1b" not in found["source"]
    assert "\x07" not in found["found"][0]["value"]
