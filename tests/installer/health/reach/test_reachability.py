"""The proof of reachability between real machines with real firewalls between them, in network namespaces."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from installer.health.check import Finding, Verdict
from installer.health.reach.flows import Outcome
from installer.health.reach.pairs import Reached
from installer.health.reach.prove import Reachability
from tests.installer.health.reach.proving import INFRA, MASTER, WORKER, Site, site, unreached


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Site]:
    with site(tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
def blocked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reachability]:
    """What is found where each machine has a firewall of its own kind."""
    with site(tmp_path_factory.mktemp("blocked")) as running:
        network = running.network
        network.nft(MASTER, "tcp dport 6443 reject", "tcp dport 9100 reject with icmpx type admin-prohibited")
        network.nft(INFRA, "udp dport 4789 drop")
        network.nft(WORKER, "tcp dport 30000 drop", "udp dport 32767 reject", "tcp dport 9100 reject with tcp reset")
        yield running.prove()


def _finding(found: Reachability, check: str, machine: str) -> Finding:
    return next(finding for finding in found.findings if (finding.check, finding.machine) == (check, machine))


def test_every_port_of_the_contract_is_reached_where_nothing_filters(machines: Site) -> None:
    found = machines.prove()
    assert unreached(found) == {}
    assert {finding.verdict for finding in found.findings} == {Verdict.PASS}
    assert (found.covered, found.total) == (6, 6)
    assert {(mtu.interface, mtu.path) for mtu in found.mtus} == {(1500, 1500)}
    assert len(found.mtus) == 6


def test_nothing_is_left_on_any_machine(machines: Site) -> None:
    machines.prove()
    for machine in machines.network.machines:
        assert machines.programs(machine) == []
        sockets = machines.network.run(machine, "ss", "-Hanutp").stdout.splitlines()
        assert [line for line in sockets if ":22 " not in line] == []


def test_exactly_the_blocked_ports_are_found(blocked: Reachability) -> None:
    assert unreached(blocked) == {
        (MASTER, "tcp", 6443): Outcome.REFUSED,
        (MASTER, "tcp", 9100): Outcome.PROHIBITED,
        (INFRA, "udp", 4789): Outcome.SILENT,
        (WORKER, "tcp", 30000): Outcome.SILENT,
        (WORKER, "udp", 32767): Outcome.REFUSED,
        (WORKER, "tcp", 9100): Outcome.REFUSED,
    }
    filtered = {(pair.target, pair.rule, pair.port) for pair in blocked.pairs if pair.result is Reached.FILTERED}
    assert (INFRA, "N5", 4789) in filtered
    assert (MASTER, "N1", 6443) in filtered
    assert {pair.result for pair in blocked.pairs} == {Reached.OPEN, Reached.FILTERED}


@pytest.mark.parametrize(
    ("machine", "seen"),
    [
        (MASTER, "tcp 6443 (N1) from 2 machines: rejected, though something listened there"),
        (MASTER, "tcp 9100 (M4) from demo-worker-1: rejected as prohibited"),
        (INFRA, "udp 4789 (N5) from 2 machines: dropped, no answer came"),
        (WORKER, "tcp 30000 (W2) from 2 machines: dropped, no answer came"),
    ],
)
def test_a_blocked_port_is_named_with_its_rule_and_how_it_is_blocked(
    blocked: Reachability, machine: str, seen: str
) -> None:
    finding = _finding(blocked, "reach", machine)
    assert finding.verdict is Verdict.FAIL
    assert seen in finding.seen
    assert f"likely {machine}'s own firewall: open " in finding.remedy


def test_without_the_overlays_port_the_ways_mtu_stays_unknown(blocked: Reachability) -> None:
    assert _finding(blocked, "mtu", INFRA).verdict is Verdict.UNKNOWN
    assert _finding(blocked, "mtu", WORKER).verdict is Verdict.PASS


def test_a_narrow_link_is_found_with_what_flannel_needs(machines: Site) -> None:
    machines.network.set_mtu(INFRA, 1400)
    found = machines.prove()
    narrow = {(mtu.source, mtu.target): mtu.path for mtu in found.mtus if mtu.narrow}
    assert {pair for pair in narrow if INFRA not in pair} == set()
    assert len(narrow) == 4
    assert all(1400 <= path <= 1404 for path in narrow.values())  # a cable lets a VLAN's tag pass as well
    finding = _finding(found, "mtu", INFRA)
    assert finding.verdict is Verdict.FAIL
    assert "at most 1400 bytes pass from 2 machines, whose interface has MTU 1500" in finding.seen
    assert "flannel would use 1450 and needs 1350" in finding.seen
    assert "at demo-infra-1's end" in finding.remedy


def test_a_firewall_of_the_network_is_told_from_a_machines_own(machines: Site) -> None:
    machines.network.nft_between("udp dport 4789 drop")
    found = machines.prove()
    assert set(unreached(found)) == {(machine, "udp", 4789) for machine in (MASTER, INFRA, WORKER)}
    assert "a firewall of the network" in _finding(found, "reach", WORKER).remedy


def test_a_machine_that_may_not_send_is_named_itself(machines: Site) -> None:
    machines.network.nft(WORKER, "udp dport 4789 drop", chain="output")
    found = machines.prove()
    barred = {(one.flow.source, one.flow.service) for one in found.tried if one.outcome is Outcome.BARRED}
    assert barred == {(WORKER, ("udp", 4789))}
    assert "likely demo-worker-1's own firewall" in _finding(found, "reach", MASTER).remedy


def test_an_answer_that_is_not_the_targets_listeners_proves_nothing(machines: Site) -> None:
    chain = "type nat hook prerouting priority -100; policy accept;"
    rules = (
        "add table ip elsewhere",
        f"add chain ip elsewhere c {{ {chain} }}",
        "add rule ip elsewhere c tcp dport 9100 redirect to :22",
    )
    machines.network.run(WORKER, "nft", "-f", "-", stdin="\n".join(rules) + "\n")
    found = machines.prove()
    assert unreached(found) == {(WORKER, "tcp", 9100): Outcome.STRANGER}
    assert "something else answers in its place" in _finding(found, "reach", WORKER).seen


def test_ports_that_are_taken_are_tried_as_they_are(machines: Site) -> None:
    def take() -> list[socket.socket]:
        overlay = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        overlay.bind(("0.0.0.0", 4789))
        return [socket.create_server(("0.0.0.0", 10250)), overlay]

    taken = machines.network.within(WORKER, take)
    found = machines.prove()
    for one in taken:
        one.close()
    assert unreached(found) == {(WORKER, "tcp", 10250): Outcome.TAKEN, (WORKER, "udp", 4789): Outcome.UNTRIED}
    finding = _finding(found, "reach", WORKER)
    assert finding.verdict is Verdict.UNKNOWN
    assert "a process on demo-worker-1 already holds udp 4789" in finding.seen


def test_a_machine_that_is_down_spoils_nothing_for_the_others(machines: Site) -> None:
    os.kill(machines.network.machines[INFRA].sshd.pid, signal.SIGKILL)
    found = machines.prove(deadline=20)
    assert {pair.result for pair in found.pairs if INFRA in (pair.source, pair.target)} == {Reached.UNKNOWN}
    assert {pair.result for pair in found.pairs if INFRA not in (pair.source, pair.target)} == {Reached.OPEN}
    assert (found.covered, found.total) == (2, 6)
    finding = _finding(found, "reach", INFRA)
    assert finding.verdict is Verdict.UNKNOWN
    assert "demo-infra-1 could not listen" in finding.seen


def test_losses_on_the_way_are_no_firewall(machines: Site) -> None:
    machines.network.set_loss(WORKER, every=50)
    assert unreached(machines.prove()) == {}
