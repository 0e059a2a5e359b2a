"""Questions explained: every choice, what suits the plan, and a platform's own questions like the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from installer.plan.guidance import Advice, Guidance
from installer.plan.question import Choice, Kind, Question
from installer.plan.questions import guide, reading
from installer.plan.questions.answers import complete
from installer.plan.questions.catalogue import QUESTIONS, question_of

EXPLAINED = ("platform", "masters", "schedulable_masters", "ingress.kind", "pod_security")
NETWORKS = ("networks.user", "networks.machines", "networks.pods", "networks.services")
OWN = {"platform": "machines"}


def machines(count: int, network: str = "10.0.0") -> dict[str, Any]:
    listed = reading.parse(question_of("machines.inventory"), f"{network}.[1-{count}]")
    return complete({**OWN, "machines.inventory": listed})


@pytest.mark.parametrize("field", [*EXPLAINED, "machines.firewall", "local.firewall"])
def test_every_choice_says_what_it_is_when_to_pick_it_and_what_it_costs(field: str) -> None:
    question = question_of(field)
    for choice in guide.offered(question, complete({})):
        labels = [label for label, _ in guide.of_answer(question, complete({}), choice.value)]
        assert labels[:3] == [choice.label, guide.WHEN, guide.COST]


@pytest.mark.parametrize("field", [*NETWORKS, "workers", "ingress.infra"])
def test_what_is_typed_is_explained_too(field: str) -> None:
    labels = [label for label, _ in guide.of_answer(question_of(field), complete({}), "anything")]
    assert labels[:3] == ["", guide.WHEN, guide.COST]


ADVICE: list[tuple[str, Mapping[str, Any], str]] = [
    ("masters", complete({}), "3, because you can then lose one"),
    ("masters", machines(3), "1, because 3 machines leave no room"),
    ("masters", machines(6), "3, because 6 machines are enough"),
    ("schedulable_masters", machines(2), "Yes, because no machine is left for a worker."),
    ("schedulable_masters", complete({}), "No, because it has workers."),
    ("workers", machines(6), "2, because that is what your list leaves."),
    ("ingress.kind", machines(6), "Infra nodes, because your own machines have no load balancer."),
    ("ingress.kind", complete({}), "Infra nodes, unless the environment you're rehearsing"),
    ("ingress.infra", complete({"masters": 1}), "1, because a single master"),
    ("ingress.infra", complete({}), "2, so that web traffic survives"),
    ("networks.user", complete({}), "your own network, if you know it, for example"),
    ("networks.machines", complete({}), "10.10.0.0/16, unless this computer already reaches"),
    ("networks.machines", complete({"platform": "aws"}), "10.10.0.0/16, unless the machines join a network"),
    ("networks.pods", complete({}), "10.244.0.0/16, because nothing else uses it by default"),
    ("networks.pods", machines(3, "10.244.0"), "172.20.0.0/16, because none of your machines has an address in it"),
    ("networks.pods", complete({"workers": 600}), "10.128.0.0/14, because"),
    ("networks.services", complete({}), "10.96.0.0/12, because nothing else uses it by default."),
    ("networks.services", machines(3, "10.96.0"), "172.21.0.0/16, because none of your machines"),
    ("machines.firewall", machines(3), "No, if another firewall keeps the rules, and Yes if none does."),
    ("local.firewall", complete({"platform": "local"}), "Yes, so that checks see the rules at work."),
]


@pytest.mark.parametrize(("field", "answers", "words"), ADVICE)
def test_the_advice_is_about_this_plan(field: str, answers: Mapping[str, Any], words: str) -> None:
    lines = dict(guide.of_answer(question_of(field), answers, answers.get(field)))
    assert lines[guide.ADVICE].startswith(words)


@pytest.mark.parametrize("answers", [complete({}), machines(1), machines(3), machines(9), complete({"masters": 5})])
def test_what_is_advised_may_be_answered(answers: Mapping[str, Any]) -> None:
    for question in QUESTIONS:
        advice = question.advice(answers) if question.applies(answers) else None
        offered = {choice.value: choice for choice in guide.offered(question, answers)}
        if advice and offered:
            assert not offered[advice.value].unavailable  # type: ignore[index]
        elif advice and question.kind is Kind.INTEGER:
            assert reading.error(question, advice.value) is None


def test_the_help_of_a_question_has_every_answer_the_advice_and_the_rules() -> None:
    text = "\n".join(guide.text(guide.of_question(question_of("ingress.kind"), machines(6))))
    assert "Infra nodes: Machines of their own" in text
    assert "Load balancer: not available: Your own machines have no load balancer." in text
    assert "For this plan: Infra nodes, because" in text
    assert "I1 MUST: Infra nodes accept web traffic" in text


def test_a_question_of_a_platform_explains_itself_in_the_same_way() -> None:
    size = Guidance("A machine with two processors.", "For tests.", "About 30 dollars a month.")
    question = Question(
        "toy.size", "--size", "Size", "Which size?", "Machines differ.", kind=Kind.CHOICE,
        choices=lambda _: (Choice("small", "Small", guidance=size),),
        advice=lambda _: Advice("small", "because it is the only one."),
    )  # fmt: skip
    assert guide.text(guide.of_answer(question, {}, "small")) == [
        "Small: A machine with two processors.",
        "When to pick it: For tests.",
        "What it costs: About 30 dollars a month.",
        "For this plan: Small, because it is the only one.",
    ]
