"""What the drawing of a plan says."""

from __future__ import annotations

from typing import Any

import pytest

from installer.plan.diagram import MAX_WIDTH, MIN_WIDTH, diagram, facts
from installer.plan.model import InstallPlan


def plan(**fields: Any) -> InstallPlan:
    return InstallPlan.model_validate({"name": "demo", "subdomain": "example.test", **fields})


SHAPES: dict[str, dict[str, Any]] = {
    "default": {},
    "one of each": {"masters": 1, "workers": 1},
    "load balancer": {"ingress": {"kind": "load-balancer"}},
    "load balancer, no workers": {"ingress": {"kind": "load-balancer"}, "workers": 0, "schedulable_masters": True},
    "own machines": {
        "platform": "machines",
        "machines": {"inventory": [{"address": f"10.0.0.{number}"} for number in range(1, 7)]},
    },
    "no workers": {"workers": 0, "schedulable_masters": True},
    "largest": {
        "name": "a-name-of-20-letters",
        "subdomain": "some.very.long.subdomain.of.example.test",
        "masters": 5,
        "ingress": {"kind": "infra", "infra": 80},
        "workers": 1000,
        "networks": {"pods": "10.128.0.0/9"},
    },
}


@pytest.mark.parametrize("fields", SHAPES.values(), ids=SHAPES.keys())
@pytest.mark.parametrize("width", [1, MIN_WIDTH, 57, MAX_WIDTH, 200])
def test_no_line_is_wider_than_asked_and_the_drawing_is_never_tall(fields: dict[str, Any], width: int) -> None:
    lines = diagram(plan(**fields), width)
    assert max(map(len, lines)) <= max(MIN_WIDTH, min(width, MAX_WIDTH))
    assert len(lines) <= 18


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({}, ["demo.example.test", "demo-k8s.example.test", "tcp 443", "tcp 6443", "udp 4789"]),
        ({}, ["3 masters", "master-3", "1 infra node", "infra-1", "2 workers", "worker-2"]),
        ({"ingress": {"kind": "load-balancer"}}, ["load balancer", "demo-lb", "tcp 32000", "tcp 6443", "udp 4789"]),
        ({"workers": 0, "schedulable_masters": True}, ["udp 4789"]),
        (SHAPES["largest"], ["1,000 workers", "worker-1 ", "…", "worker-1000", "80 infra nodes", ".some.very.long"]),
    ],
)
def test_the_drawing_names_machines_ports_and_entrances(fields: dict[str, Any], shown: list[str]) -> None:
    drawing = "\n".join(diagram(plan(**fields), MIN_WIDTH))
    assert [text for text in shown if text not in drawing] == []


def test_what_a_plan_does_not_have_is_not_drawn() -> None:
    assert "infra" not in "\n".join(diagram(plan(ingress={"kind": "load-balancer"})))
    assert "worker" not in "\n".join(diagram(plan(workers=0, schedulable_masters=True)))


@pytest.mark.parametrize("fields", SHAPES.values(), ids=SHAPES.keys())
def test_a_terminal_without_unicode_gets_plain_characters(fields: dict[str, Any]) -> None:
    assert "\n".join(diagram(plan(**fields), MIN_WIDTH, ascii=True)).isascii()


@pytest.mark.parametrize(
    ("masters", "words"),
    [(1, "no high availability"), (3, "survives the loss of 1 master"), (5, "survives the loss of 2 masters")],
)
def test_the_facts_say_size_quorum_and_cost(masters: int, words: str) -> None:
    assert facts(plan(masters=masters)) == (f"{masters + 3} machines", words, "$0 (rehearsal)")
