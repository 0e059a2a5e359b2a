"""The contract table of the specification, row by row, and what a plan makes of each rule."""

from __future__ import annotations

import re
from itertools import groupby

import pytest
from hypothesis import given

from installer.plan import decisions, rules
from installer.plan.decisions import State, decide
from installer.plan.model import InstallPlan
from installer.plan.rules import RULES, Kind, Level, Peer, Role, When
from tests.strategies import plans, repeatable

SPECIFICATION = """
D1  NAME   name
D2  NAME   name
M1  MUST   in   tcp 22                           the user's network
M2  MUST   in   udp 4789                         masters, workers
M3  MUST   in   tcp 32000-32002                  all
M4  SHOULD in   tcp 9100                         masters, workers
M5  MAY    in   tcp 30000-32767 udp 30000-32767  the user's network
M6  MAY    in   tcp 2379                         masters
M7  MAY    in   tcp 10255                        all
M8  MUST   out  tcp 443                          all
M9  MAY    out  tcp 2379                         external etcd
M10 MAY    out  tcp 2379-2380                    masters
M11 MAY    out  tcp 12379-12380                  masters
M12 MUST   access
M13 MUST   label
M14 MAY    label
I1  MUST   in   tcp 443                          all
I2  MUST   out  tcp 443                          all
I3  MUST   boot
I4  MAY    taint
W1  MUST   in   all ports                        masters
W2  MUST   in   tcp 30000-32767 udp 30000-32767  all
W3  MUST   in   udp 4789                         masters, workers
W4  SHOULD in   tcp 10250                        masters
W5  SHOULD in   tcp 9100                         masters, workers
W6  SHOULD in   tcp 4194                         masters
W7  MAY    in   tcp 2379-2380                    masters
W8  MUST   out  tcp 443                          all
W9  MUST   label
N1  NEEDED in   tcp 6443                         masters, workers, infra, the user's network, the load balancer
N2  NEEDED in   tcp 2379-2380                    masters
N3  NEEDED in   tcp 10250                        masters
N4  NEEDED in   tcp 22                           the user's network
N5  NEEDED in   udp 4789                         masters, workers, infra
N6  NEEDED in   tcp 10250                        masters
N7  NEEDED in   tcp 80                           all
N8  NEEDED in   tcp 22                           the user's network
N9  NEEDED out  udp 53 tcp 53 udp 123            all
N10 NEEDED in   tcp 9100                         masters, workers, infra
"""

ROLES = {"D": (), "M": (Role.MASTER,), "I": (Role.INFRA,), "W": (Role.WORKER,)}
NEEDED_ROLES = {
    "N1": (Role.MASTER,),
    "N2": (Role.MASTER,),
    "N3": (Role.MASTER,),
    "N4": (Role.INFRA,),
    "N5": tuple(Role),
    "N6": (Role.INFRA,),
    "N7": (Role.INFRA,),
    "N8": (Role.WORKER,),
    "N9": tuple(Role),
    "N10": (Role.INFRA,),
}


def _row(id: str) -> str:
    """A rule in the words of the table above; of several flows, the first."""
    rule = RULES[id]
    words = [rule.id, rule.level]
    if not rule.flows:
        return " ".join([*words, rule.kind])
    flow = rule.flows[0]
    return " ".join([*words, flow.direction, *map(str, flow.traffic), ", ".join(flow.peers)])


def _plan(**given: object) -> InstallPlan:
    return InstallPlan.model_validate({"name": "demo", "subdomain": "example.test", **given})


BALANCED = _plan(ingress={"kind": "load-balancer"})


@pytest.mark.parametrize("line", SPECIFICATION.strip().splitlines(), ids=lambda line: line.split()[0])
def test_each_row_of_the_specification_is_a_rule(line: str) -> None:
    id = line.split()[0]
    assert _row(id) == " ".join(line.split())
    assert RULES[id].roles == (NEEDED_ROLES[id] if id in NEEDED_ROLES else ROLES[id[0]])


def test_the_contract_has_no_rule_beyond_the_table_and_keeps_its_order() -> None:
    assert list(RULES) == [line.split()[0] for line in SPECIFICATION.strip().splitlines()]
    assert [letter for letter, _ in groupby(RULES, lambda id: id[0])] == ["D", "M", "I", "W", "N"]


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: str(rule.id))
def test_a_rule_says_what_it_is_for_and_quotes_its_source(rule: rules.Rule) -> None:
    assert rule.purpose
    assert rule.quote
    assert rule.wording.endswith(".")
    assert "TODO" not in rule.wording
    assert not re.search(r"\b(.+) \1\b", rule.wording), "a phrase written twice"
    assert bool(rule.flows) is (rule.kind is Kind.FIREWALL)
    assert bool(rule.value) is (rule.kind in (Kind.LABEL, Kind.TAINT, Kind.NAME))
    assert ("not in the specification" in rule.quote) is (rule.level is Level.NEEDED)


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: str(rule.id))
def test_a_quote_carries_its_own_level(rule: rules.Rule) -> None:
    if rule.level in (Level.MUST, Level.SHOULD, Level.MAY):
        assert rule.quote.startswith(rule.level)


def test_only_may_rules_can_be_chosen() -> None:
    assert rules.choosable() == ("M5", "M6", "M7", "M9", "M14", "I4")
    assert all(RULES[id].level is Level.MAY for id in rules.choosable())
    assert rules.default_may() == ("M6", "I4")


LABELS = {
    "M13": "node-role.kubernetes.io/master=",
    "M14": "node-role.kubernetes.io/node=",
    "W9": "node-role.kubernetes.io/node=true",
}


@pytest.mark.parametrize(("id", "label"), LABELS.items())
def test_labels_are_the_specifications(id: str, label: str) -> None:
    assert RULES[id].value == label


DECISIONS = [
    ("M1", _plan(), State.ON),
    ("M3", _plan(), State.NOT_APPLICABLE),
    ("M3", BALANCED, State.ON),
    ("M5", _plan(), State.OFF),
    ("M5", _plan(may=["M5"]), State.ON),
    ("M6", _plan(), State.ON),
    ("M6", _plan(may=[]), State.OFF),
    ("M7", _plan(), State.OBSOLETE),
    ("M7", _plan(may=["M7"]), State.ON),
    ("M10", _plan(), State.OBSOLETE),
    ("M11", _plan(), State.OBSOLETE),
    ("M12", _plan(), State.NOT_APPLICABLE),
    ("I1", _plan(), State.ON),
    ("I1", BALANCED, State.NOT_APPLICABLE),
    ("I4", _plan(), State.ON),
    ("I4", BALANCED, State.NOT_APPLICABLE),
    ("I4", _plan(may=[]), State.OFF),
    ("W1", _plan(), State.ON),
    ("W6", _plan(), State.OBSOLETE),
    ("W7", _plan(), State.OBSOLETE),
    ("N5", BALANCED, State.NOT_APPLICABLE),
    ("N9", BALANCED, State.ON),
]


@pytest.mark.parametrize(("id", "plan", "state"), DECISIONS)
def test_a_plan_decides_a_rule(id: str, plan: InstallPlan, state: State) -> None:
    decision = decide(RULES[id], plan)
    assert decision.state is state
    assert decision.reason


@repeatable
@given(plans())
def test_a_must_rule_is_never_switched_off(plan: InstallPlan) -> None:
    for decision in decisions.decisions(plan):
        if decision.rule.level in (Level.MUST, Level.NEEDED, Level.NAME):
            assert decision.state in (State.ON, State.NOT_APPLICABLE)


@repeatable
@given(plans())
def test_exactly_one_of_node_ports_and_infra_ports_lets_the_console_in(plan: InstallPlan) -> None:
    states = {decision.rule.id: decision.state for decision in decisions.decisions(plan)}
    assert {states["M3"], states["I1"]} == {State.ON, State.NOT_APPLICABLE}
    assert (states["M3"] is State.ON) is (plan.ingress.kind == "load-balancer")


@repeatable
@given(plans())
def test_chosen_rules_are_on_wherever_their_role_exists(plan: InstallPlan) -> None:
    for decision in decisions.decisions(plan):
        if decision.rule.when is When.CHOSEN and decision.state is not State.NOT_APPLICABLE:
            assert (decision.state is State.ON) is (decision.rule.id in plan.may)


def test_every_peer_but_the_cloud_api_appears_in_a_flow() -> None:
    found = {peer for rule in RULES.values() for flow in rule.flows for peer in flow.peers}
    assert found == set(Peer) - {Peer.CLOUD_API}
