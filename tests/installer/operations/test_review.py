"""What a review says of a plan, as data and as text."""

from __future__ import annotations

import json
from typing import Any

import pytest

from installer.operations.review import overview, review, rulings, text
from installer.plan import rules
from installer.plan.model import InstallPlan
from installer.plan.wordings import WORDINGS
from installer.steps.step import Context, Observation, Permanent, Phase, Step


class Nothing(Permanent):
    def observe(self, ctx: Context) -> Observation:
        return Observation(True, "")

    def apply(self, ctx: Context) -> None: ...


STEPS = (
    Step("check/names", "Check the names", Phase.CHECK, Nothing()),
    Step(
        "machines/create/demo-master-1", "Create master-1", Phase.MACHINES, Nothing(), "demo-master-1", ("check/names",)
    ),
)


def plan(**fields: Any) -> InstallPlan:
    return InstallPlan.model_validate({"name": "demo", "subdomain": "example.test", **fields})


def test_a_review_is_json_and_holds_the_plan_unchanged() -> None:
    document = json.loads(json.dumps(review(plan(), STEPS)))
    assert InstallPlan.model_validate(document["plan"]) == plan()


def test_a_review_lists_machines_names_steps_and_records() -> None:
    document = review(plan(), STEPS)
    assert [machine["name"] for machine in document["machines"]][-1] == "demo-worker-2"
    assert document["names"] == {"api": "demo-k8s.example.test", "console": "demo.example.test"}
    assert document["steps"][1] == {
        "id": "machines/create/demo-master-1",
        "title": "Create master-1",
        "phase": "machines",
        "machine": "demo-master-1",
        "needs": ("check/names",),
    }
    assert document["records"][1] == {
        "rule": "D2",
        "type": "A",
        "name": "demo.example.test",
        "targets": ("10.10.0.21",),
    }
    assert "in udp 4789 from masters, workers (M2)" in document["machines"][0]["firewall"]


OWN: dict[str, Any] = {
    "platform": "machines",
    "masters": 1,
    "workers": 1,
    "machines": {
        "inventory": [
            {"address": "10.0.0.1"},
            {
                "address": "web",
                "internal": "10.0.0.2",
                "user": "ada",
                "port": 2222,
                "jump": "bastion",
                "role": "worker",
            },
            {"address": "10.0.0.3"},
        ]
    },
}


def test_a_review_says_which_own_machine_stands_behind_a_name() -> None:
    machines = review(plan(**OWN), STEPS)["machines"]
    assert [(machine["name"], machine["address"], machine["host"]) for machine in machines] == [
        ("demo-master-1", "10.0.0.1", "10.0.0.1"),
        ("demo-infra-1", "10.0.0.3", "10.0.0.3"),
        ("demo-worker-1", "10.0.0.2", "ada@web:2222 jump=bastion"),
    ]
    assert "  demo-worker-1  worker  10.0.0.2         ada@web:2222 jump=bastion\n" in text(plan(**OWN), STEPS)
    assert "host" not in review(plan(), STEPS)["machines"][0]


def test_every_rule_of_the_contract_is_there() -> None:
    assert [ruling.id for ruling in rulings(plan())] == list(rules.RULES)


def test_a_review_gives_the_clean_wording_of_a_rule_and_not_the_specifications_draft() -> None:
    text = json.dumps(review(plan(), STEPS))
    assert WORDINGS["M14"] in text
    assert [mark for mark in ("TODO", "with label with label") if mark in text] == []


@pytest.mark.parametrize(
    ("rule", "state", "words"),
    [
        ("M1", "on", "firewall of 3 masters"),
        ("M3", "not applicable", ""),
        ("M13", "on", "label of 3 masters, set with the administrator's credentials after the join"),
        ("I4", "on", "taint of 1 infra node"),
        ("I3", "on", "kubelet on 1 infra node"),
        ("W6", "obsolete", ""),
        ("N9", "on", "firewall of 3 masters, 1 infra node, 2 workers"),
        ("D1", "on", "A record demo-k8s.example.test to 10.10.0.11, 10.10.0.12, 10.10.0.13"),
    ],
)
def test_a_rule_says_where_it_becomes_real_or_why_it_does_not(rule: str, state: str, words: str) -> None:
    ruling = next(ruling for ruling in rulings(plan()) if ruling.id == rule)
    assert (ruling.state, ruling.realised) == (state, words)
    assert ruling.reason


def test_ports_that_both_protocols_share_are_said_once() -> None:
    ruling = next(ruling for ruling in rulings(plan()) if ruling.id == "W2")
    assert ruling.traffic == ("in tcp+udp 30000-32767 from all",)


def test_the_text_has_every_section_and_no_line_with_blanks_at_its_end() -> None:
    written = text(plan(), STEPS)
    for expected in ("demo on rehearsal", "Machines\n", "Contract\n", "Steps\n", "DNS records\n", "  Create master-1"):
        assert expected in written
    assert [line for line in written.split("\n") if line != line.rstrip()] == []


def test_the_overview_says_what_is_about_to_happen() -> None:
    assert "6 machines · survives the loss of 1 master · $0 (rehearsal)" in overview(plan())
    assert "rehearsal · nothing leaves this computer" in overview(plan())


@pytest.mark.parametrize(
    ("artifacts", "warned"),
    [
        ({"mirror": "http://mirror.test"}, True),
        ({"mirror": "http://127.0.0.1:8080/k"}, True),
        ({"mirror": "https://mirror.test"}, False),
        ({}, False),
    ],
)
def test_a_mirror_without_encryption_is_warned_of_everywhere(artifacts: dict[str, str], warned: bool) -> None:
    found = plan(**OWN, artifacts=artifacts)
    words = "is not encrypted. Anybody between you and it can change the sums"
    assert any(words in warning for warning in review(found, STEPS)["warnings"]) is warned
    assert (words in text(found, STEPS)) is warned
    assert (words in overview(found)) is warned
