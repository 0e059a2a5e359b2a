"""From the contract to security groups and back: nothing that the contract asks for is lost on the way."""

from __future__ import annotations

import re

import pytest

from installer.health.report.compliance import covers
from installer.plan import rules as contract
from installer.plan.rules import Role
from installer.plan.topology import topology
from installer.platforms.aws.security_groups import MOST_RULES, description, group_in_force, known, permission
from installer.platforms.clouds.firewall import openings
from tests.installer.platforms.aws.plans import plan

GROUPS = {role: f"sg-{number:08x}" for number, role in enumerate(Role, 1)}
EVERYTHING_OUT = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}


@pytest.mark.parametrize("balancer", [False, True])
@pytest.mark.parametrize("role", Role)
def test_what_the_contract_asks_for_is_read_back_from_the_groups(role: Role, balancer: bool) -> None:
    given = plan(workers=2, masters=3, balancer=balancer)
    machines = topology(given).of_role(role)
    if not machines:
        assert balancer
        assert role is Role.INFRA
        return
    permissions = [permission(opening) for opening in openings(machines[0].firewall, known(given, GROUPS))]
    group = {"IpPermissions": permissions, "IpPermissionsEgress": [EVERYTHING_OUT]}
    found = group_in_force(group, given, GROUPS)
    for rule in machines[0].firewall:
        assert any(covers(actual, rule) for actual in found), rule


@pytest.mark.parametrize("role", Role)
def test_a_rule_that_somebody_took_out_is_missed(role: Role) -> None:
    given = plan(workers=2, masters=3)
    machine = topology(given).of_role(role)[0]
    permissions = [permission(opening) for opening in openings(machine.firewall, known(given, GROUPS))]
    ssh = [one for one in permissions if one.get("FromPort") != 22]
    found = group_in_force({"IpPermissions": ssh, "IpPermissionsEgress": []}, given, GROUPS)
    missed = {rule.rule for rule in machine.firewall if not any(covers(actual, rule) for actual in found)}
    outgoing = {rule.rule for rule in machine.firewall if rule.direction == "out"}
    assert missed - outgoing == {"M1"} & missed or missed - outgoing <= {"M1", "N4", "N8"}
    assert outgoing <= missed, "without its outgoing rule a group lets nothing out"


def test_groups_name_groups_and_each_rule_says_why_it_is_there() -> None:
    given = plan(workers=2, masters=3)
    found = openings(topology(given).first_master.firewall, known(given, GROUPS))
    api = {opening.source for opening in found if opening.traffic.first == 6443}
    assert api == {*GROUPS.values(), "203.0.113.0/24"}
    for opening in found:
        ids, colon, purpose = description(opening).partition(": ")
        assert colon
        assert purpose
        assert set(ids.split(",")) <= set(contract.RULES)
        assert re.fullmatch(r"[A-Za-z0-9 ._:/()#,@\[\]+=&;{}!$*-]{1,255}", description(opening))


def test_rules_of_the_contract_that_open_the_same_are_one_rule_of_the_group() -> None:
    given = plan(workers=2, masters=3)
    for machine in topology(given).machines:
        found = openings(machine.firewall, known(given, GROUPS))
        assert len({(one.traffic, one.source) for one in found}) == len(found) <= MOST_RULES


def test_a_rule_that_kubernetes_added_stands_for_no_rule_of_the_contract() -> None:
    theirs = {"IpProtocol": "tcp", "FromPort": 30080, "ToPort": 30080,
              "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "kubernetes.io/rule/nlb/client=web"}]}  # fmt: skip
    assert group_in_force({"IpPermissions": [theirs], "IpPermissionsEgress": []}, plan(), GROUPS) == ()
