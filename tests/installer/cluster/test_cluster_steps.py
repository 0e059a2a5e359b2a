"""The cluster's steps, in the order in which they happen."""

from __future__ import annotations

import pytest

from installer.operations import pipeline
from installer.plan.model import InstallPlan
from installer.plan.platforms.local.settings import Local
from installer.plan.rules import Role
from installer.steps.step import Phase, Step


def steps(**given: object) -> dict[str, Step]:
    plan = InstallPlan.model_validate({"name": "demo", "subdomain": "example.test", "platform": "local", **given})
    return {step.id: step for step in pipeline.install_steps(plan)}


def test_the_first_master_begins_once_the_others_can_be_asked_whether_there_is_a_cluster() -> None:
    needs = steps(local=Local(firewall=False))["control-plane/init/demo-master-1"].needs
    assert needs == ("prepare/demo-master-1", "connect/demo-master-2", "connect/demo-master-3")


@pytest.mark.parametrize(
    ("platform", "masters", "waits"), [("local", 3, True), ("local", 1, False), ("rehearsal", 3, False)]
)
def test_on_this_computer_infra_nodes_and_workers_are_prepared_while_further_masters_join(
    platform: str, masters: int, waits: bool
) -> None:
    found = steps(platform=platform, masters=masters)
    for machine in ("infra-1", "worker-1"):
        assert ("control-plane/init/demo-master-1" in found[f"prepare/demo-{machine}"].needs) is waits
    assert "control-plane/init/demo-master-1" not in found[f"prepare/demo-master-{masters}"].needs


def test_the_pod_network_comes_right_after_the_first_master() -> None:
    assert steps()["control-plane/overlay"].needs == ("control-plane/init/demo-master-1",)


def test_masters_join_two_at_a_time_and_all_others_at_once_after_the_first() -> None:
    found = steps(masters=5, workers=3)
    awaited = {number: found[f"control-plane/join/demo-master-{number}"].needs[0] for number in (2, 3, 4, 5)}
    assert awaited == {
        2: "control-plane/init/demo-master-1",
        3: "control-plane/init/demo-master-1",
        4: "control-plane/join/demo-master-2",
        5: "control-plane/join/demo-master-3",
    }
    for name in ("infra-1", "worker-1", "worker-2", "worker-3"):
        assert found[f"join/demo-{name}"].needs[0] == "control-plane/init/demo-master-1"


def test_machines_that_enforce_the_rules_do_so_before_they_join() -> None:
    found = steps()
    assert "firewall/demo-worker-1" in found["join/demo-worker-1"].needs
    assert "firewall/demo-master-1" in found["control-plane/init/demo-master-1"].needs
    assert "connect/demo-master-2" in found["control-plane/init/demo-master-1"].needs


@pytest.mark.parametrize("platform", ["rehearsal", "local"])
def test_each_addon_is_a_step_of_its_own_that_nothing_needs(platform: str) -> None:
    found = steps(platform=platform)
    addons = {id for id, step in found.items() if step.phase is Phase.INGRESS}
    assert addons == {
        "ingress/controller", "ingress/metrics-server", "ingress/node-exporter", "ingress/certificate",
        "ingress/sign-in", "ingress/console", "ingress/sign-in-secrets",
    } | {f"ingress/trust/demo-master-{number}" for number in (1, 2, 3)}  # fmt: skip
    assert not [step.id for step in found.values() if addons & set(step.needs) and step.phase is not Phase.INGRESS]
    for id in addons:
        assert "join/roles/demo-worker-1" in found[id].needs


def test_the_node_ports_of_the_ingress_are_taken_before_any_machine_joins() -> None:
    found = steps(platform="rehearsal", ingress={"kind": "load-balancer"})
    assert found["control-plane/node-ports"].needs == ("control-plane/overlay",)
    assert "control-plane/node-ports" in found["ingress/controller"].needs
    assert "control-plane/node-ports" not in steps()


def test_what_the_plan_leaves_out_is_no_step_but_is_looked_for() -> None:
    found = steps(masters=1, addons=dict.fromkeys(("ingress", "node_exporter", "sign_in", "console"), False))
    assert {id for id in found if id.startswith("ingress/")} == {
        "ingress/metrics-server", "ingress/left-out", "ingress/trust/demo-master-1",
    }  # fmt: skip
    assert "ingress, node-exporter, sign-in, console" in found["ingress/left-out"].title


def test_what_asks_masters_alone_waits_for_no_other_node() -> None:
    found = steps(masters=3, addons={"sign_in": False, "console": False})
    assert found["ingress/left-out"].needs == ("control-plane/init/demo-master-1",)
    assert [found[f"ingress/trust/demo-master-{number}"].needs for number in (1, 3)] == [
        ("control-plane/init/demo-master-1",),
        ("control-plane/join/demo-master-3",),
    ]


@pytest.mark.parametrize(("masters", "workers", "there"), [(1, 0, False), (1, 1, True), (3, 0, True)])
def test_the_clusters_dns_is_spread_where_it_has_more_than_one_node_and_only_the_end_waits_for_it(
    masters: int, workers: int, there: bool
) -> None:
    found = steps(masters=masters, workers=workers, schedulable_masters=not workers)
    assert ("join/cluster-dns" in found) is there
    roles = {id for id in found if id.startswith("join/roles/")}
    names, end = found["dns/demo-k8s.example.test"].needs, found["verify/contract"].needs
    assert (names.count("join/cluster-dns"), end.count("join/cluster-dns")) == (0, int(there))
    assert set(names) >= roles


@pytest.mark.parametrize(
    ("masters", "nodes"), [(1, ["master-1", "worker-1", "worker-2"]), (3, ["master-1", "master-2"])]
)
def test_the_clusters_dns_is_spread_as_soon_as_it_has_two_nodes(masters: int, nodes: list[str]) -> None:
    found = steps(masters=masters, workers=2)
    assert found["join/cluster-dns"].needs == tuple(f"join/roles/demo-{node}" for node in nodes)


def test_every_node_gets_its_labels_and_taints() -> None:
    found = steps(masters=1, workers=1)
    assert [id for id in found if id.startswith("join/roles/")] == [
        f"join/roles/demo-{role}-1" for role in (Role.MASTER, Role.INFRA, Role.WORKER)
    ]
