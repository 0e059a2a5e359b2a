"""Machines, addresses, firewalls and names that follow from a plan."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from installer.common.errors import InstallerError
from installer.plan import decisions, rules
from installer.plan.decisions import State
from installer.plan.model import InstallPlan
from installer.plan.rules import Kind, Peer, Role
from installer.plan.topology import Machine, Topology, topology
from tests.strategies import plan_data, plans, repeatable


def _plan(**given: object) -> InstallPlan:
    return InstallPlan.model_validate({"name": "demo", "subdomain": "example.test", **given})


def _rules(machine: Machine) -> set[str]:
    return {rule.rule for rule in machine.firewall}


def test_machines_are_named_by_role_and_number_in_order() -> None:
    names = [machine.name for machine in topology(_plan(masters=1, workers=2)).machines]
    assert names == ["demo-master-1", "demo-infra-1", "demo-worker-1", "demo-worker-2"]


def test_addresses_start_at_11_21_and_101() -> None:
    addresses = [str(machine.address) for machine in topology(_plan(masters=1, workers=1)).machines]
    assert addresses == ["10.10.0.11", "10.10.0.21", "10.10.0.101"]


def test_a_machine_is_found_by_name_or_not_at_all() -> None:
    found = topology(_plan())
    assert found.machine("demo-worker-2").number == 2
    with pytest.raises(KeyError):
        found.machine("demo-worker-3")


@repeatable
@given(plans())
def test_the_plan_counts_the_machines(plan: InstallPlan) -> None:
    found = topology(plan)
    assert len(found.machines) == plan.machine_count
    assert len(found.of_role(Role.MASTER)) == plan.masters
    assert len(found.of_role(Role.INFRA)) == plan.infra
    assert len(found.of_role(Role.WORKER)) == plan.workers
    assert found.first_master.name == f"{plan.name}-master-1"


@repeatable
@given(plans())
def test_names_and_addresses_are_unique_and_addresses_are_own_or_usable_hosts_of_the_network(plan: InstallPlan) -> None:
    machines, network = topology(plan).machines, plan.networks.machines
    assert len({machine.name for machine in machines}) == len(machines)
    assert len({machine.address for machine in machines}) == len(machines)
    if plan.traits.inventory:
        assert {machine.address for machine in machines} == {host.node_address for host in plan.inventory}
        return
    for machine in machines:
        assert machine.address in network
        assert machine.address not in (network.network_address, network.broadcast_address)


@repeatable
@given(plans())
def test_every_host_name_fits_the_limits_of_dns(plan: InstallPlan) -> None:
    for name in (plan.api_host, plan.console_host, *(machine.name for machine in topology(plan).machines)):
        assert len(name) <= 253
        assert all(0 < len(label) <= 63 for label in name.split("."))


@repeatable
@given(plans())
def test_every_firewall_rule_that_is_on_stands_on_each_machine_of_its_roles_and_on_no_other(plan: InstallPlan) -> None:
    on = [decision.rule for decision in decisions.decisions(plan) if decision.state is State.ON]
    for machine in topology(plan).machines:
        expected = {
            (rule.id, flow.direction, traffic)
            for rule in on
            for flow in rule.flows
            if machine.role in flow.roles
            for traffic in flow.traffic
        }
        assert {(rule.rule, rule.direction, rule.traffic) for rule in machine.firewall} == expected


@repeatable
@given(plans())
def test_peers_that_the_plan_does_not_have_are_left_out(plan: InstallPlan) -> None:
    absent = Peer.INFRA if plan.ingress.kind == "load-balancer" else Peer.LOAD_BALANCER
    for machine in topology(plan).machines:
        for rule in machine.firewall:
            assert rule.peers
            assert absent not in rule.peers


@repeatable
@given(plans())
def test_masters_open_the_ingress_node_ports_only_behind_a_load_balancer(plan: InstallPlan) -> None:
    for master in topology(plan).of_role(Role.MASTER):
        assert ("M3" in _rules(master)) is (plan.ingress.kind == "load-balancer")


@repeatable
@given(plans())
def test_masters_reach_every_port_of_every_worker(plan: InstallPlan) -> None:
    found = topology(plan)
    for worker in found.of_role(Role.WORKER):
        [rule] = [rule for rule in worker.firewall if rule.rule == "W1"]
        assert str(rule.traffic) == "all ports"
        assert found.peers(rule) == found.of_role(Role.MASTER)


@repeatable
@given(plans())
def test_the_overlay_reaches_every_machine_from_every_role(plan: InstallPlan) -> None:
    found = topology(plan)
    for machine in found.machines:
        overlay = [rule for rule in machine.firewall if str(rule.traffic) == "udp 4789" and rule.direction == "in"]
        assert {peer.name for rule in overlay for peer in found.peers(rule)} == {peer.name for peer in found.machines}


@repeatable
@given(plans())
def test_labels_and_taints_follow_the_contract_and_infra_nodes_show_their_role(plan: InstallPlan) -> None:
    for machine in topology(plan).machines:
        labels = {
            Role.MASTER: {"node-role.kubernetes.io/master="}
            | ({"node-role.kubernetes.io/node="} if "M14" in plan.may else set()),
            Role.INFRA: {"node-role.kubernetes.io/infra="},
            Role.WORKER: {"node-role.kubernetes.io/node=true"},
        }
        taints: dict[Role, set[str]] = {
            Role.MASTER: set() if plan.schedulable_masters else {"node-role.kubernetes.io/control-plane=:NoSchedule"},
            Role.INFRA: {"node-role.kubernetes.io/infra=:NoSchedule"} if "I4" in plan.may else set(),
            Role.WORKER: set(),
        }
        assert set(machine.labels) == labels[machine.role]
        assert set(machine.taints) == taints[machine.role]


@repeatable
@given(plan_data(), st.integers(0, 50), st.integers(0, 20))
def test_machines_keep_name_and_address_when_workers_and_infra_nodes_are_added(
    data: dict[str, Any], workers: int, infra: int
) -> None:
    before = InstallPlan.model_validate(data)
    data = {**data, "workers": before.workers + workers}
    if before.ingress.kind == "infra":
        data["ingress"] = {"kind": "infra", "infra": min(before.infra + infra, 80)}
    after = topology(InstallPlan.model_validate(data))
    for machine in topology(before).machines:
        assert after.machine(machine.name).address == machine.address


@repeatable
@given(plans())
def test_records_name_the_balancer_or_the_machines_that_serve(plan: InstallPlan) -> None:
    found = topology(plan)
    api, console = found.records
    assert (api.rule, api.name) == ("D1", plan.api_host)
    assert (console.rule, console.name) == ("D2", plan.console_host)
    if found.load_balancer:
        assert api.targets == console.targets == (found.load_balancer.name,)
    else:
        assert api.targets == _names(found, Role.MASTER)
        assert console.targets == _names(found, Role.INFRA)
        assert found.addresses(api) == tuple(str(machine.address) for machine in found.of_role(Role.MASTER))


def _names(found: Topology, role: Role) -> tuple[str, ...]:
    return tuple(machine.name for machine in found.of_role(role))


@repeatable
@given(plans())
def test_on_a_master_the_api_leads_to_the_master_itself_first(plan: InstallPlan) -> None:
    found = topology(plan)
    api = found.records[0]
    masters = {str(machine.address) for machine in found.of_role(Role.MASTER)}
    for machine in found.of_role(Role.MASTER):
        leads = found.addresses_on(machine, api)
        assert leads[0] == str(machine.address)
        assert set(leads) == masters


@repeatable
@given(plans())
def test_elsewhere_the_api_leads_to_the_machines_own_proxy_or_to_the_only_master(plan: InstallPlan) -> None:
    found = topology(plan)
    api, master = found.records[0], found.first_master
    for machine in (*found.of_role(Role.INFRA), *found.of_role(Role.WORKER)):
        expected = "127.0.0.1" if plan.masters > 1 else str(master.address)
        assert found.addresses_on(machine, api) == (expected,)


def test_a_machine_without_an_address_says_what_is_missing_and_may_be_asked_again() -> None:
    machine = replace(topology(InstallPlan(name="demo", subdomain="example.test")).first_master, address=None)
    with pytest.raises(InstallerError, match="has not given it one yet") as caught:
        _ = machine.located
    assert caught.value.retryable
    assert caught.value.machine == "demo-master-1"


@repeatable
@given(plans())
def test_the_balancer_leads_to_ports_that_masters_open_to_it(plan: InstallPlan) -> None:
    found = topology(plan)
    assert (found.load_balancer is not None) is (plan.ingress.kind == "load-balancer")
    if not found.load_balancer:
        return
    open_ports = [
        rule.traffic
        for rule in found.first_master.firewall
        if rule.direction == "in" and {Peer.ALL, Peer.LOAD_BALANCER} & set(rule.peers)
    ]
    for _, port in found.load_balancer.listeners:
        assert any(traffic.first <= port <= traffic.last for traffic in open_ports)


def test_every_machine_runs_the_rules_of_its_own_role_alone() -> None:
    for machine in topology(_plan()).machines:
        for id in _rules(machine):
            assert machine.role in rules.RULES[id].roles
            assert rules.RULES[id].kind is Kind.FIREWALL


def test_the_work_of_laying_out_a_cluster_grows_no_faster_than_the_cluster() -> None:
    plan = _plan(workers=5000, networks={"pods": "10.128.0.0/11"})
    calls = Counter[str]()
    sys.setprofile(lambda _frame, event, _argument: calls.update([event]))
    try:
        found = topology(plan)
    finally:
        sys.setprofile(None)
    assert len(found.machines) == 5004
    assert calls["call"] < 50 * len(found.machines)
