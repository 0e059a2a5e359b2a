"""Nodes become Ready, and have the labels and taints of the contract; what keeps them from it is said."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from installer.cluster import nodes, overview
from installer.cluster.nodes import Roles, label_changes, taint_changes
from installer.common.errors import InstallerError
from installer.plan.model import InstallPlan
from installer.plan.topology import topology
from installer.ssh.connection import Result
from tests.doubles.node_verbs import FakeCluster
from tests.doubles.together import at_once

PLAN = InstallPlan(name="demo", subdomain="example.test", platform="local")
FIRST, INFRA, WORKER = "demo-master-1", "demo-infra-1", "demo-worker-1"
MACHINES = {machine.name: machine for machine in topology(PLAN).machines}
MASTER_TAINT = {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path))
    monkeypatch.setattr(nodes, "_LOOKING", 0.0)
    return FakeCluster(PLAN).founded(FIRST)


def node(labels: dict[str, str] | None = None, *taints: dict[str, str]) -> dict[str, Any]:
    return {"metadata": {"labels": labels or {}}, "spec": {"taints": list(taints)}}


@pytest.mark.parametrize(
    ("machine", "labels", "changes"),
    [
        (WORKER, {}, ["node-role.kubernetes.io/node=true"]),
        (WORKER, {"node-role.kubernetes.io/node": "true", "mine": "yes"}, []),
        (WORKER, {"node-role.kubernetes.io/node": "no"}, ["node-role.kubernetes.io/node=true"]),
        (FIRST, {"node-role.kubernetes.io/control-plane": ""}, ["node-role.kubernetes.io/master="]),
        (FIRST, {"node-role.kubernetes.io/master": "", "node-role.kubernetes.io/node": "true"},
         ["node-role.kubernetes.io/node-"]),
    ],
)  # fmt: skip
def test_labels_are_brought_to_the_plan_and_others_left_alone(
    machine: str, labels: dict[str, str], changes: list[str]
) -> None:
    assert label_changes(node(labels), MACHINES[machine]) == changes


@pytest.mark.parametrize(
    ("machine", "taints", "changes"),
    [
        (FIRST, [], ["node-role.kubernetes.io/control-plane=:NoSchedule"]),
        (FIRST, [MASTER_TAINT], []),
        (WORKER, [MASTER_TAINT], ["node-role.kubernetes.io/control-plane:NoSchedule-"]),
        (WORKER, [{"key": "mine", "value": "x", "effect": "NoExecute"}], []),
        (INFRA, [], ["node-role.kubernetes.io/infra=:NoSchedule"]),
    ],
)
def test_taints_are_brought_to_the_plan_and_others_left_alone(
    machine: str, taints: list[dict[str, str]], changes: list[str]
) -> None:
    assert taint_changes(node({}, *taints), MACHINES[machine]) == changes


def test_labels_that_a_rejoin_lost_are_put_back(cluster: FakeCluster) -> None:
    cluster.admit(WORKER)
    roles = Roles(MACHINES[WORKER])
    assert roles.observe(cluster.context()).seen == "to do: node-role.kubernetes.io/node=true"
    roles.apply(cluster.context())
    assert cluster.did() == [
        "master-1 kubectl label node demo-worker-1 node-role.kubernetes.io/node=true --overwrite",
    ]
    cluster.nodes[WORKER]["metadata"]["labels"] = {"node-role.kubernetes.io/node": "true"}
    assert roles.observe(cluster.context()).holds


def test_a_node_that_is_not_ready_says_why_with_its_pods(cluster: FakeCluster) -> None:
    cluster.admit(WORKER)
    message = "container runtime network not ready: cni plugin not initialized"
    cluster.nodes[WORKER]["status"]["conditions"] = [{"type": "Ready", "status": "False", "message": message}]
    waiting = {"reason": "ImagePullBackOff", "message": "dial tcp: lookup ghcr.io: no such host"}
    cluster.objects["pods"] = {"items": [pod(image="ghcr.io/x/flannel:v1", state={"waiting": waiting})]}
    with pytest.raises(InstallerError) as caught:
        Roles(MACHINES[WORKER]).apply(cluster.context(deadline=0.3))
    assert caught.value.observed == (
        f"node demo-worker-1 to be Ready: NotReady: {message}; pod flannel-x cannot pull ghcr.io/x/flannel:v1: "
        "dial tcp: lookup ghcr.io: no such host"
    )


def test_a_node_that_its_cloud_has_not_looked_at_waits_for_the_clouds_controller(cluster: FakeCluster) -> None:
    cluster.admit(WORKER)
    taint = {"key": "node.cloudprovider.kubernetes.io/uninitialized", "value": "true", "effect": "NoSchedule"}
    cluster.nodes[WORKER]["spec"]["taints"] = [taint]
    roles = Roles(MACHINES[WORKER])
    assert "initialised by the cloud's controller" in roles.observe(cluster.context()).seen
    with pytest.raises(InstallerError, match="Ready; the cloud's controller hasn't initialised it yet"):
        roles.apply(cluster.context(deadline=0.3))


def test_a_node_that_does_not_register_says_what_its_kubelet_says(cluster: FakeCluster) -> None:
    with pytest.raises(InstallerError, match="not registered; its kubelet: connection refused"):
        Roles(MACHINES[WORKER]).apply(cluster.context(deadline=0.3))


def test_what_is_waited_for_is_told_though_nobody_knows_of_pods(cluster: FakeCluster) -> None:
    cluster.admit(WORKER)
    cluster.nodes[WORKER]["status"]["conditions"] = []
    with pytest.raises(InstallerError, match=r"NotReady: its kubelet hasn't reported yet$"):
        Roles(MACHINES[WORKER]).apply(cluster.context(deadline=0.3))


def test_an_api_that_goes_away_is_the_masters_trouble(cluster: FakeCluster) -> None:
    cluster.machines[FIRST].api = "connection refused"
    with pytest.raises(InstallerError) as caught:
        Roles(MACHINES[WORKER]).observe(cluster.context())
    assert caught.value.machine == FIRST


def test_an_answer_that_is_no_json_may_pass(cluster: FakeCluster) -> None:
    cluster.fails[f"{FIRST} kubectl get node {WORKER} --ignore-not-found -o json"] = Result(0, "<html>", "")
    with pytest.raises(InstallerError, match="isn't the JSON") as caught:
        Roles(MACHINES[WORKER]).observe(cluster.context())
    assert caught.value.retryable


def pod(image: str = "", state: dict[str, Any] | None = None, last: dict[str, Any] | None = None) -> dict[str, Any]:
    container = {"name": "main", "image": image, "state": state or {}, "lastState": last or {}}
    return {"metadata": {"name": "flannel-x"}, "status": {"containerStatuses": [container]}}


def test_all_nodes_at_once_are_read_as_each_is_by_itself() -> None:
    lines = (
        "demo-worker-1 True born 2026-11-30T05:43:30Z label a.b/os=linux label node-role.kubernetes.io/node=true",
        "demo-master-1 False label empty= taint node-role.kubernetes.io/control-plane:NoSchedule taint a=b:NoExecute",
        "unreadable",
    )
    found = overview.read_nodes("\n".join(lines))
    assert found.keys() == {"demo-worker-1", "demo-master-1"}
    assert found["demo-worker-1"]["metadata"]["labels"]["node-role.kubernetes.io/node"] == "true"
    assert [nodes.is_ready(found[name]) for name in ("demo-worker-1", "demo-master-1")] == [True, False]
    assert [nodes.born(found[name]) for name in ("demo-worker-1", "demo-master-1")] == [1796017410.0, math.inf]
    assert found["demo-master-1"]["spec"]["taints"] == [
        {"key": "node-role.kubernetes.io/control-plane", "value": "", "effect": "NoSchedule"},
        {"key": "a", "value": "b", "effect": "NoExecute"},
    ]


def test_nodes_that_are_wanted_at_the_same_moment_are_looked_at_and_changed_at_once(cluster: FakeCluster) -> None:
    others = [name for name in MACHINES if name not in (FIRST, INFRA)]
    for name in others:
        cluster.admit(name)
    del cluster.nodes[others[-1]]
    context = cluster.context()
    looked = at_once(context, "look at nodes", [partial(nodes.node_of, context, name) for name in others])
    assert looked == [cluster.nodes.get(name) for name in others]
    changes = ["node-role.kubernetes.io/node=true"]
    kind = "label node-role.kubernetes.io/node=true"
    at_once(context, kind, [partial(nodes.change, context, "label", name, changes) for name in others])
    assert cluster.did() == [f"master-1 kubectl label node {' '.join(others)} {changes[0]} --overwrite"]
