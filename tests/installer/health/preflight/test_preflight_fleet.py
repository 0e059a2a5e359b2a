"""What preflight finds by comparing machines: clocks, machines that are one, copies, and addresses of two."""

from __future__ import annotations

from dataclasses import replace

import pytest

from installer.health.check import Verdict
from installer.health.preflight import TOGETHER, evaluate_preflight
from installer.plan.model import InstallPlan
from installer.plan.topology import topology
from installer.steps.evidence import Evidence
from tests.installer.health.preflight.bare import (
    MASTER,
    NOW,
    PLAN,
    TOPOLOGY,
    WORKER,
    added,
    evidence,
    examine,
    identity,
    mac,
    network,
    spoiled,
    swapped,
)

OTHER = "demo-worker-2"
PASS, WARN, FAIL, UNKNOWN = Verdict.PASS, Verdict.WARN, Verdict.FAIL, Verdict.UNKNOWN
WORKER_1, WORKER_2 = TOPOLOGY.machine(WORKER), TOPOLOGY.machine(OTHER)


def copied(*kinds: str) -> dict[str, Evidence]:
    """Everyone's evidence, where the second worker shows the first one's `kinds` of identity."""
    everyone = evidence()
    output = everyone[OTHER].probes["system"].output
    for kind in kinds:
        output = output.replace(f"{kind} {identity(WORKER_2)}", f"{kind} {identity(WORKER_1)}")
    return everyone | {OTHER: spoiled(everyone[OTHER], "system", output)}


def test_a_clock_a_day_off_fails_against_the_median() -> None:
    finding = examine(
        "clock", WORKER, evidence() | {WORKER: spoiled(evidence()[WORKER], "clock", f"{NOW - 86400:.3f}")}
    )
    assert finding.verdict is FAIL
    assert "86400.0 s behind the median of 6 machines" in finding.seen
    assert "timedatectl" in finding.remedy


def test_two_machines_of_the_plan_that_are_one_are_told_so_and_nothing_else() -> None:
    everyone = evidence()
    both = network(WORKER_1, f"address eth0 {WORKER_2.address}/24")
    for name in (WORKER, OTHER):
        one = everyone[WORKER]
        everyone[name] = replace(spoiled(one, "network", both), machine=name)
    for name, other in ((WORKER, OTHER), (OTHER, WORKER)):
        finding = examine("one-machine", name, everyone)
        assert finding.verdict is FAIL
        assert finding.seen == f"this is the same machine as {other}"
        for check in ("machine-id", "product-uuid", "mac-address", "own-host-key", "address-owner"):
            assert examine(check, name, everyone).verdict is PASS, check


@pytest.mark.parametrize(
    ("check", "kind", "remedy"),
    [("machine-id", "machine-id", "systemd-machine-id-setup"), ("product-uuid", "product-uuid", "hypervisor")],
)
def test_a_copy_of_another_machine_is_named(check: str, kind: str, remedy: str) -> None:
    finding = examine(check, WORKER, copied(kind))
    assert finding.verdict is FAIL
    assert OTHER in finding.seen
    assert remedy in finding.remedy
    assert examine(check, MASTER, copied(kind)).verdict is PASS
    assert examine("one-machine", WORKER, copied(kind)).verdict is PASS


def test_containers_of_one_computer_may_show_the_same_board_and_the_same_boot() -> None:
    everyone = copied("product-uuid", "boot-id")
    for name in (WORKER, OTHER):
        output = everyone[name].probes["system"].output.replace("container none", "container podman")
        everyone[name] = spoiled(everyone[name], "system", output)
    assert examine("product-uuid", WORKER, everyone).verdict is PASS
    assert examine("one-machine", WORKER, everyone).verdict is PASS


@pytest.mark.parametrize("board", ["03000200-0400-0500-0006-000700080009", "00000000-0000-0000-0000-000000000000"])
def test_a_board_id_that_no_maker_set_says_nothing(board: str) -> None:
    everyone = evidence()
    for machine in (WORKER_1, WORKER_2):
        output = everyone[machine.name].probes["system"].output
        output = output.replace(f"product-uuid {identity(machine)}", f"product-uuid {board}")
        everyone[machine.name] = spoiled(everyone[machine.name], "system", output)
    assert examine("product-uuid", WORKER, everyone).verdict is PASS


def test_a_machine_without_an_id_is_warned_of() -> None:
    everyone = swapped(WORKER, "system", f"machine-id {identity(WORKER_1)}\n", "")
    assert examine("machine-id", WORKER, everyone).verdict is WARN


def test_machines_that_share_a_mac_address_fail() -> None:
    everyone = swapped(OTHER, "network", mac(WORKER_2), mac(WORKER_1))
    finding = examine("mac-address", WORKER, everyone)
    assert (finding.verdict, OTHER in finding.seen) == (FAIL, True)


def test_machines_that_share_a_host_key_are_warned_of() -> None:
    everyone = evidence()
    everyone[OTHER] = replace(everyone[OTHER], host_key=everyone[WORKER].host_key)
    finding = examine("own-host-key", WORKER, everyone)
    assert (finding.verdict, OTHER in finding.seen) == (WARN, True)


def test_machines_that_call_themselves_the_same_fail() -> None:
    everyone = swapped(OTHER, "hostname", "host-2-worker", "host-1-worker")
    assert examine("hostname", WORKER, everyone).verdict is FAIL
    assert examine("hostname", MASTER, everyone).verdict is PASS


def test_an_address_that_another_machine_of_the_plan_has_as_well_fails() -> None:
    everyone = added(OTHER, "network", f"address eth0 {WORKER_1.address}/24")
    finding = examine("address-owner", WORKER, everyone)
    assert (finding.verdict, finding.seen) == (FAIL, f"{WORKER_1.address} is on {OTHER} as well")


def test_an_address_for_which_a_stranger_answers_fails() -> None:
    everyone = added(OTHER, "network", f"neighbour {WORKER_1.address} 0x2 66:66:66:66:66:66 eth0")
    finding = examine("address-owner", WORKER, everyone)
    assert finding.verdict is FAIL
    assert f"{OTHER} sees {WORKER_1.address} at 66:66:66:66:66:66" in finding.seen


@pytest.mark.parametrize(
    "neighbours",
    [
        (f"neighbour {WORKER_1.address} 0x2 {mac(WORKER_1)} eth0",),
        (f"neighbour {WORKER_1.address} 0x0 00:00:00:00:00:00 eth0",),
        (f"neighbour {WORKER_1.address} 0x2 02:fc:00:00:00:05 eth0",),  # the gateway answers for all
    ],
)
def test_an_answer_from_the_machine_itself_or_from_a_router_is_right(neighbours: tuple[str, ...]) -> None:
    assert examine("address-owner", WORKER, added(OTHER, "network", *neighbours)).verdict is PASS


def test_a_machine_whose_mtu_differs_from_the_others_is_warned_of() -> None:
    everyone = evidence() | {WORKER: spoiled(evidence()[WORKER], "network", network(WORKER_1, mtu=9000))}
    finding = examine("same-mtu", WORKER, everyone)
    assert (finding.verdict, finding.seen) == (WARN, "9000, where 5 machines have 1500")
    assert finding.remedy == "ip link set dev eth0 mtu 1500"
    assert examine("same-mtu", OTHER, everyone).verdict is PASS


def test_machines_that_did_not_answer_are_not_judged() -> None:
    everyone = evidence()
    del everyone[WORKER]
    findings = evaluate_preflight(PLAN, TOPOLOGY, everyone, checks=TOGETHER)
    assert {finding.machine for finding in findings} == set(everyone)


def test_two_hundred_machines_are_compared_in_a_moment() -> None:
    one = evidence()[WORKER]
    plan = InstallPlan(name="demo", subdomain="k8s.example.test", workers=200)
    whole = topology(plan)
    findings = evaluate_preflight(plan, whole, {machine.name: one for machine in whole.machines}, checks=TOGETHER)
    assert len(findings) == len(whole.machines) * len(TOGETHER)
