"""Which firewall is named for which pattern of blocked ports."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from installer.health.check import Finding, Verdict
from installer.health.reach.findings import judge
from installer.health.reach.flows import Flow, Outcome, PathMTU, Tried, flows
from installer.plan.model import InstallPlan
from installer.plan.topology import topology

WHOLE = topology(
    InstallPlan.model_validate(
        {
            "name": "demo",
            "subdomain": "k8s.example.test",
            "masters": 3,
            "workers": 3,
            "ingress": {"kind": "infra", "infra": 2},
        }
    )
)
FLOWS = flows(WHOLE)
MASTER, INFRA, WORKER = "demo-master-1", "demo-infra-1", "demo-worker-1"


def _judge(
    blocked: Callable[[Flow], bool], outcome: Outcome = Outcome.SILENT, firewalls: Mapping[str, str] | None = None
) -> dict[str, Finding]:
    """Findings on ports, by machine, where `blocked` flows have this outcome and the others are answered."""
    tried = [Tried(flow, outcome if blocked(flow) else Outcome.ANSWERED) for flow in FLOWS]
    return {one.machine: one for one in judge(WHOLE, tried, [], firewalls or {}) if one.check == "reach"}


def _between(source: str, target: str) -> Callable[[Flow], bool]:
    return lambda flow: source in flow.source and target in flow.target


@pytest.mark.parametrize(
    ("blocked", "machine", "suspect"),
    [
        (lambda flow: flow.target == WORKER, WORKER, "demo-worker-1's own firewall"),
        (lambda flow: (flow.target, flow.port) == (MASTER, 6443), MASTER, "demo-master-1's own firewall"),
        (lambda flow: flow.source == WORKER, MASTER, "demo-worker-1's own firewall"),
        (lambda flow: flow.port == 4789, INFRA, "a firewall of the network, such as a security group (no machine"),
        (_between("master", "worker"), WORKER, "(from master machines to worker machines nothing passes)"),
        (
            lambda flow: "worker" in flow.source and "worker" in flow.target and flow.port == 4789,
            WORKER,
            "(among worker machines nothing passes)",
        ),
        (_between("demo-worker-2", WORKER), WORKER, "a firewall between demo-worker-2 and demo-worker-1"),
    ],
)
def test_the_pattern_tells_whose_firewall_it_likely_is(
    blocked: Callable[[Flow], bool], machine: str, suspect: str
) -> None:
    finding = _judge(blocked)[machine]
    assert finding.verdict is Verdict.FAIL
    assert f"likely {suspect}" in finding.remedy or suspect in finding.remedy


def test_a_firewall_that_is_known_is_named() -> None:
    finding = _judge(lambda flow: (flow.target, flow.port) == (WORKER, 10250), firewalls={WORKER: "ufw"})[WORKER]
    assert finding.remedy == "likely ufw on demo-worker-1: open tcp 10250 there"


def test_only_the_targets_of_blocked_flows_fail() -> None:
    found = _judge(lambda flow: flow.target == WORKER and flow.port == 9100)
    assert {name for name, one in found.items() if one.verdict is not Verdict.PASS} == {WORKER}


def test_a_port_that_the_contract_only_recommends_is_a_warning() -> None:
    found = _judge(lambda flow: (flow.target, flow.service) == (MASTER, ("tcp", 9100)))
    assert found[MASTER].verdict is Verdict.WARN
    assert "tcp 9100 (M4)" in found[MASTER].seen


@pytest.mark.parametrize(
    ("outcome", "seen", "remedy"),
    [
        (Outcome.SILENT, "dropped, no answer came", "demo-worker-1's own firewall"),
        (Outcome.REFUSED, "rejected, though something listened there", "demo-worker-1's own firewall"),
        (Outcome.PROHIBITED, "rejected as prohibited", "demo-worker-1's own firewall"),
        (Outcome.UNREACHABLE, "no route", "the routes between demo-master-1 and demo-worker-1"),
        (Outcome.BARRED, "forbidden by the machine that sends", "demo-master-1's own firewall"),
        (Outcome.STRANGER, "something else answers in its place", "a second machine with this address"),
    ],
)
def test_each_way_of_failing_has_its_own_words(outcome: Outcome, seen: str, remedy: str) -> None:
    finding = _judge(lambda flow: flow.target == WORKER, outcome)[WORKER]
    assert seen in finding.seen
    assert remedy in finding.remedy


def _paths(path: Callable[[str, str], int]) -> dict[str, Finding]:
    """Findings on MTU, by machine, where `path` says how much passes from one machine to another."""
    pairs = dict.fromkeys((flow.source, flow.target) for flow in FLOWS)
    mtus = [PathMTU(source, target, 1500, path(source, target)) for source, target in pairs]
    tried = [Tried(flow, Outcome.ANSWERED) for flow in FLOWS]
    return {one.machine: one for one in judge(WHOLE, tried, mtus, {}) if one.check == "mtu"}


def test_a_way_that_carries_what_the_interface_sends_has_room_for_vxlan() -> None:
    found = _paths(lambda _source, _target: 1500)
    assert {one.verdict for one in found.values()} == {Verdict.PASS}
    assert "VXLAN takes 50 of them, 1450 are left for pods" in found[WORKER].seen


def test_a_narrow_way_names_the_end_that_all_narrow_ways_share() -> None:
    found = _paths(lambda source, target: 1420 if WORKER in (source, target) else 1500)
    assert found[MASTER].verdict is found[WORKER].verdict is Verdict.FAIL
    assert "flannel would use 1450 and needs 1370" in found[WORKER].seen
    assert found[MASTER].remedy == (
        "let the network pass 1500 bytes at demo-worker-1's end, or set MTU 1420 on the interface of every machine"
    )


def test_narrow_ways_everywhere_blame_no_machine() -> None:
    found = _paths(lambda _source, _target: 1380)
    assert "let the network pass 1500 bytes, or" in found[WORKER].remedy
