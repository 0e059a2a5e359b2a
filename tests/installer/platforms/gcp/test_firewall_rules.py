"""From the contract to firewall rules and back: nothing that the contract asks for is lost on the way."""

from __future__ import annotations

from typing import Any

import pytest

from installer.health.report.compliance import covers
from installer.plan import rules as contract
from installer.plan.rules import Role
from installer.plan.topology import topology
from installer.platforms.gcp.firewall_rules import PROBERS, read_back, rows
from installer.platforms.gcp.names import mark_of
from tests.installer.platforms.gcp.plans import plan


def bodies(balancer: bool) -> list[dict[str, Any]]:
    given = plan(workers=2, masters=3, balancer=balancer)
    return [row.body(given, "network") for row in rows(given, topology(given))]


@pytest.mark.parametrize("balancer", [False, True])
@pytest.mark.parametrize("role", Role)
def test_what_the_contract_asks_for_is_read_back(role: Role, balancer: bool) -> None:
    given = plan(workers=2, masters=3, balancer=balancer)
    machines = topology(given).of_role(role)
    found = read_back(bodies(balancer), given, role, way_out=True)
    for rule in machines[0].firewall if machines else ():
        assert any(covers(actual, rule) for actual in found), rule


def test_a_rule_that_is_switched_off_or_taken_away_is_missed() -> None:
    given = plan(workers=2, masters=3)
    listed = [{**one, "disabled": one["name"] == "demo-n1"} for one in bodies(False) if one["name"] != "demo-m2"]
    found = read_back(listed, given, Role.MASTER, way_out=False)
    missed = {rule.rule for rule in topology(given).first_master.firewall if not any(covers(a, rule) for a in found)}
    assert missed == {"N1", "M2", "M8", "N9"}


@pytest.mark.parametrize("balancer", [False, True])
def test_each_row_of_the_contract_is_one_rule_whose_description_begins_with_its_id(balancer: bool) -> None:
    given = plan(workers=2, masters=3, balancer=balancer)
    found = bodies(balancer)
    ids = [str(one["description"]).partition(":")[0] for one in found]
    assert len({one["name"] for one in found}) == len(found)
    twice = {id for id in ids if ids.count(id) > 1}
    assert twice <= {"N5", "M3"}, "the overlay of infra nodes, and web traffic at the balancer's own ports"
    wanted = {rule.rule for role in Role for machine in topology(given).of_role(role)[:1]
              for rule in machine.firewall if rule.direction == "in"}  # fmt: skip
    assert set(ids) == wanted <= set(contract.RULES)
    for one in found:
        mark = mark_of(one["description"])
        assert mark is not None
        assert (mark.cluster, mark.subdomain) == ("demo", "k8s.example.com")


def test_the_probers_of_a_balancer_reach_the_api_and_everybody_its_web_ports() -> None:
    by_name = {one["name"]: one for one in bodies(True)}
    assert set(PROBERS) < set(by_name["demo-n1"]["sourceRanges"])
    assert by_name["demo-m3-2"]["allowed"] == [
        {"IPProtocol": "tcp", "ports": ["443"]},
        {"IPProtocol": "tcp", "ports": ["80"]},
    ]
    assert by_name["demo-m3-2"]["sourceRanges"] == ["0.0.0.0/0"]
