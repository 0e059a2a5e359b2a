"""Which ports are proved between which machines before anything is installed."""

from __future__ import annotations

import pytest

from installer.health.reach import pairs as reach
from installer.health.reach.flows import flows, services
from installer.plan.model import InstallPlan
from installer.plan.rules import Role, Traffic
from installer.plan.sections import Ingress
from installer.plan.topology import Topology, topology


def _topology(masters: int, infra: int, workers: int) -> Topology:
    ingress = Ingress(kind="infra", infra=infra) if infra else Ingress(kind="load-balancer")
    return topology(
        InstallPlan.model_validate(
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
    )


def test_each_port_is_tried_once_whatever_the_number_of_rules_that_open_it() -> None:
    found = flows(_topology(3, 1, 2))
    assert len({(flow.source, flow.target, flow.service) for flow in found}) == len(found)
    kubelet = {flow.rules for flow in found if flow.target == "demo-worker-1" and flow.service == ("tcp", 10250)}
    assert kubelet == {("W1", "W4")}


def test_the_overlay_is_tried_between_all_machines_in_both_directions() -> None:
    whole = _topology(3, 2, 3)
    names = [machine.name for machine in whole.machines]
    tried = {(flow.source, flow.target) for flow in flows(whole) if flow.service == ("udp", 4789)}
    assert tried == {(source, target) for source in names for target in names if source != target}


@pytest.mark.parametrize(
    ("traffic", "ports"),
    [
        (Traffic("tcp", 22, 22), {("tcp", 22)}),
        (Traffic("tcp", 2379, 2380), {("tcp", 2379), ("tcp", 2380)}),
        (Traffic("udp", 30000, 32767), {("udp", 30000), ("udp", 32767)}),
        (Traffic("all", 1, 65535), {("tcp", 1), ("tcp", 10250), ("tcp", 65535), ("udp", 1), ("udp", 65535)}),
    ],
)
def test_a_range_is_tried_at_its_ends(traffic: Traffic, ports: set[tuple[str, int]]) -> None:
    assert set(services(traffic)) == ports


def test_up_to_fifty_machines_every_pair_is_tried() -> None:
    whole = _topology(5, 5, 40)
    pairs = {(flow.source, flow.target) for flow in flows(whole)}
    assert len(pairs) == 50 * 49
    assert reach.coverage(whole) == (50 * 49, 50 * 49)


def test_a_sample_of_a_thousand_machines_covers_every_machine_and_every_pair_of_roles() -> None:
    whole = _topology(3, 7, 990)
    roles = {machine.name: machine.role for machine in whole.machines}
    found = flows(whole)
    pairs = {(flow.source, flow.target) for flow in found}
    assert {source for source, _ in pairs} == {target for _, target in pairs} == set(roles)
    assert {(roles[source], roles[target]) for source, target in pairs} == {
        (one, other) for one in Role for other in Role
    }
    covered, total = reach.coverage(whole)
    assert (covered, total) == (len(pairs), 1000 * 999)
    assert len(found) < 25_000


def test_in_a_sample_every_machine_tries_a_machine_of_every_role() -> None:
    whole = _topology(3, 7, 990)
    roles = {machine.name: machine.role for machine in whole.machines}
    tried: dict[str, set[Role]] = {name: set() for name in roles}
    for flow in flows(whole):
        tried[flow.source].add(roles[flow.target])
    assert {frozenset(found) for found in tried.values()} == {frozenset(Role)}
