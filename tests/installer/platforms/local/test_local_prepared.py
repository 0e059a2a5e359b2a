"""Three masters, an infra node and a worker on this computer, prepared by the real scripts with real containerd.

kubeadm, kubelet and kubectl are stand-ins: small scripts with their sums, from a mirror that the machines fetch from.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from installer.common.errors import ExitCode
from installer.health.catalogue import CHECKS
from installer.health.check import Verdict
from installer.health.examine import examine
from installer.health.reach.flows import Outcome
from installer.health.reach.pairs import Reached
from installer.health.reach.prove import Reachability, prove
from installer.node import firewall, nftables
from installer.operations import session
from installer.plan.rules import RULES, Kind, Role
from installer.plan.topology import Topology, topology
from installer.platforms.local import faults
from installer.steps.step import Phase
from tests.doubles.local import TO_KUBERNETES, LocalCluster, bridge_mirror, cluster, local_plan
from tests.doubles.machines import await_ssh, share_images, the_engine
from tests.doubles.snapshot import difference, snapshot
from tests.patience import PATIENCE

pytestmark = pytest.mark.waits

OF_KUBERNETES = {
    "kubelet", "etcd", "api", "api-proxy", "node", "labels", "taints", "ports", "expiry", "console", "exporter",
}  # fmt: skip
"""Checks that ask Kubernetes, or the ports that its programs hold."""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CRATON_HOME", str(tmp_path_factory.mktemp("home")))
        share_images()
        with bridge_mirror(local_plan(masters=3, workers=1)) as (_, plan), cluster(plan) as made:
            assert made.install(*TO_KUBERNETES) is ExitCode.DONE
            yield made


@pytest.fixture
def shape(prepared: LocalCluster) -> Topology:
    return topology(prepared.plan)


def short(prepared: LocalCluster, name: str) -> str:
    return name.removeprefix(f"{prepared.plan.name}-")


def proof(prepared: LocalCluster) -> Reachability:
    with session.open_world(prepared.plan, prepared.directory) as world:
        return prove(world.connect, world.topology, PATIENCE)


def test_every_machine_runs_containerd_and_has_what_kubeadm_needs(prepared: LocalCluster, shape: Topology) -> None:
    assert [machine.role for machine in shape.machines] == [*[Role.MASTER] * 3, Role.INFRA, Role.WORKER]
    for machine in shape.machines:
        said = prepared.said(
            short(prepared, machine.name),
            "sudo ctr plugins ls | awk '$2 == \"cri\" { print $4 }'; systemctl is-system-running;"
            "kubeadm; cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/bridge/bridge-nf-call-iptables;"
            "systemctl is-enabled kubelet",
        ).splitlines()
        assert said == ["ok", "running", f"kubeadm amd64 {prepared.plan.kubernetes}", "1", "1", "enabled"]


def test_preparing_again_changes_nothing(prepared: LocalCluster, shape: Topology) -> None:
    worker = shape.machines[-1].name
    before = snapshot(worker)
    assert prepared.install(Phase.PREPARE) is ExitCode.DONE
    assert difference(before, snapshot(worker)) == ""


def test_the_names_lead_to_masters_or_the_machines_own_proxy_and_to_infra_nodes(
    prepared: LocalCluster, shape: Topology
) -> None:
    assert prepared.install(Phase.DNS) is ExitCode.DONE
    masters, infra = ({str(machine.address) for machine in shape.of_role(role)} for role in (Role.MASTER, Role.INFRA))
    for machine in shape.machines:
        api = masters if machine.role is Role.MASTER else {"127.0.0.1"}
        for name, wanted in ((prepared.plan.api_host, api), (prepared.plan.console_host, infra)):
            said = prepared.root(short(prepared, machine.name), f"getent ahostsv4 {name}").stdout
            assert {line.split()[0] for line in said.splitlines()} == wanted


def test_every_check_holds_that_does_not_need_kubernetes(prepared: LocalCluster) -> None:
    assert {check.id for check in CHECKS} > OF_KUBERNETES
    with session.open_world(prepared.plan, prepared.directory) as world:
        found = examine(world).findings
    problems = [
        (finding.machine, finding.check, finding.seen)
        for finding in found
        if finding.check not in OF_KUBERNETES and finding.verdict not in (Verdict.PASS, Verdict.NOT_APPLICABLE)
    ]
    assert problems == []
    assert {finding.check for finding in found} == {check.id for check in CHECKS}


def test_the_firewall_of_every_machine_is_the_contracts(prepared: LocalCluster, shape: Topology) -> None:
    for machine in shape.machines:
        shown = firewall.read_show(prepared.root(short(prepared, machine.name), "craton-node firewall show").stdout)
        assert (shown.table, shown.unit) == ("kept", "enabled")
        planned = {rule.rule for rule in machine.firewall if rule.direction == "in"}
        in_force = {rule.rule for rule in nftables.parse(shown.rules)}
        assert planned <= in_force
        assert all(RULES[rule].kind in (Kind.FIREWALL, Kind.ACCESS) for rule in planned)


def test_every_port_of_the_contract_is_reached_through_the_firewalls_and_no_other(
    prepared: LocalCluster, shape: Topology
) -> None:
    found = proof(prepared)
    assert [one for one in found.tried if one.result is not Reached.OPEN] == []
    assert found.covered == found.total == 20
    master, infra = shape.first_master, shape.of_role(Role.INFRA)[0]
    serve = "systemd-run --quiet --unit=stranger sh -c 'cd /run && exec python3 -m http.server 7777'"
    ask = "curl -s -o /dev/null --max-time 2"
    try:
        prepared.root(short(prepared, master.name), serve)
        assert (
            prepared.root(
                short(prepared, master.name),
                f"{ask} --retry 50 --retry-delay 1 --retry-connrefused http://127.0.0.1:7777",
            ).status
            == 0
        )
        assert prepared.root(short(prepared, infra.name), f"{ask} http://{master.address}:7777").status == 28
    finally:
        prepared.root(short(prepared, master.name), "systemctl stop stranger")


@contextmanager
def blocked(prepared: LocalCluster, rules: dict[str, str]) -> Iterator[None]:
    """A table of somebody else's on each of these machines."""
    try:
        for machine, rule in rules.items():
            table = f"table inet other {{\n chain input {{ type filter hook input priority 0; {rule}; }}\n}}\n"
            assert prepared.root(machine, "nft -f -", table).status == 0
        yield
    finally:
        for machine in rules:
            prepared.root(machine, "nft delete table inet other")


def test_ports_that_are_blocked_inside_machines_are_found_and_no_others(prepared: LocalCluster) -> None:
    rules = {
        "master-2": "tcp dport 6443 drop",
        "infra-1": "udp dport 4789 drop",
        "worker-1": "tcp dport 10250 reject",
    }
    with blocked(prepared, rules):
        found = proof(prepared)
    failed = {
        (short(prepared, one.flow.target), *one.flow.service, one.outcome)
        for one in found.tried
        if one.result is not Reached.OPEN
    }
    assert failed == {
        ("master-2", "tcp", 6443, Outcome.SILENT),
        ("infra-1", "udp", 4789, Outcome.SILENT),
        ("worker-1", "tcp", 10250, Outcome.REFUSED),
    }
    reached = {(finding.machine, finding.verdict) for finding in found.findings if finding.check == "reach"}
    named = {machine for machine, verdict in reached if verdict is Verdict.FAIL}
    assert {short(prepared, name) for name in named} == set(rules)
    assert {one.result for one in proof(prepared).tried} == {Reached.OPEN}


def test_a_machine_that_was_started_again_is_still_prepared_and_behind_its_firewall(prepared: LocalCluster) -> None:
    name = prepared.plan.name
    faults.stop(the_engine(), name, "infra-1")
    faults.start(the_engine(), name, "infra-1")
    await_ssh(f"{name}-infra-1", "craton")
    assert prepared.said("infra-1", "systemctl is-system-running --wait; systemctl is-active containerd").split() == [
        "running", "active",
    ]  # fmt: skip
    shown = firewall.read_show(prepared.root("infra-1", "craton-node firewall show").stdout)
    assert (shown.table, shown.unit) == ("kept", "enabled")
    assert prepared.install(Phase.PREPARE, Phase.DNS) is ExitCode.DONE
