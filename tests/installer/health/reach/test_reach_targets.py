"""Which machine has to try which port of which other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from installer.health.checks.network import REACH
from installer.health.reach import pairs
from installer.plan.model import InstallPlan
from installer.plan.rules import Role, Traffic
from installer.plan.sections import Ingress
from installer.plan.topology import topology
from installer.steps.evidence import Evidence, Probed
from tests.strategies import examples


def _plan(masters: int, infra: int, workers: int) -> InstallPlan:
    ingress = Ingress(kind="infra", infra=infra) if infra else Ingress(kind="load-balancer")
    return InstallPlan.model_validate(
        {
            "name": "demo",
            "subdomain": "k8s.example.test",
            "masters": masters,
            "schedulable_masters": True,
            "workers": workers,
            "ingress": ingress,
            "networks": {"machines": "10.128.0.0/18", "pods": "10.0.0.0/9", "services": "172.16.0.0/16"},
        }
    )


SMALL = st.builds(_plan, st.sampled_from([1, 3, 5]), st.integers(0, 6), st.integers(0, 12))
LARGE = st.builds(_plan, st.sampled_from([1, 3, 5]), st.integers(0, 60), st.integers(60, 400))


@examples(20)
@given(SMALL)
def test_every_incoming_rule_is_tried_by_every_peer_and_by_nobody_else(plan: InstallPlan) -> None:
    whole = topology(plan)
    expected = {
        (source.name, other.name, rule.rule, port)
        for other in whole.machines
        for rule in other.firewall
        if rule.direction == "in"
        for source in whole.peers(rule)
        if source is not other
        for port in pairs.ports(rule.traffic)
    }
    tried = {
        (source.name, target.machine, target.rule, (target.protocol, target.port))
        for source in whole.machines
        for target in pairs.targets(source, whole)
    }
    assert tried == expected


@examples(20)
@given(SMALL | LARGE)
def test_coverage_counts_the_pairs_that_are_tried(plan: InstallPlan) -> None:
    whole = topology(plan)
    tried = {(source.name, target.machine) for source in whole.machines for target in pairs.targets(source, whole)}
    covered, total = pairs.coverage(whole)
    assert covered == len(tried)
    assert covered == total or len(whole.machines) > pairs.ALL_PAIRS
    assert covered <= total


@examples(20)
@given(LARGE)
def test_a_sample_covers_every_machine_and_every_pair_of_roles(plan: InstallPlan) -> None:
    whole = topology(plan)
    roles = {machine.name: machine.role for machine in whole.machines}
    tried = [(source, target.machine) for source in whole.machines for target in pairs.targets(source, whole)]
    opened = {
        (source, machine.role)
        for machine in whole.machines
        for rule in machine.firewall
        if rule.direction == "in" and pairs.ports(rule.traffic)
        for source in rule.peer_roles
        if whole.of_role(source) and (source is not machine.role or len(whole.of_role(source)) > 1)
    }
    assert {(source.role, roles[target]) for source, target in tried} == opened
    assert {target for _, target in tried} == set(roles)
    assert {source.name for source, _ in tried} == set(roles)


@pytest.mark.parametrize("role", Role)
def test_the_largest_clusters_script_stays_small_enough_for_one_argument(role: Role) -> None:
    whole = topology(_plan(3, 80, 5000))
    command = REACH.command(whole.of_role(role)[0], whole)
    assert len(command) < 100_000


@pytest.mark.parametrize(
    ("traffic", "ports"),
    [
        (Traffic("tcp", 22, 22), (("tcp", 22),)),
        (Traffic("tcp", 2379, 2380), (("tcp", 2379), ("tcp", 2380))),
        (Traffic("tcp", 30000, 32767), (("tcp", 30000), ("tcp", 32767))),
        (Traffic("all", 1, 65535), (("tcp", 10250),)),
        (Traffic("udp", 4789, 4789), (("udp", 4789),)),
        (Traffic("udp", 30000, 32767), ()),
    ],
)
def test_a_range_is_represented_by_its_ends(traffic: Traffic, ports: tuple[tuple[str, int], ...]) -> None:
    assert pairs.ports(traffic) == ports


def test_what_a_machine_did_not_tell_is_unknown() -> None:
    whole = topology(_plan(3, 1, 1))
    found = pairs.pairs(whole, {"demo-master-1": Evidence("demo-master-1", {"reach": Probed(0, "junk")}, "", 0, 0)})
    assert {pair.result for pair in found} == {pairs.Reached.UNKNOWN}
    assert len(found) == sum(len(pairs.targets(machine, whole)) for machine in whole.machines)
