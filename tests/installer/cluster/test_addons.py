"""Addons are seen in the cluster itself: as planned, and ready wherever a node is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from installer.cluster import manifests
from installer.cluster.addons import Addon, LeftOut
from installer.common.errors import InstallerError
from installer.plan.model import InstallPlan
from installer.plan.sections import Addons
from tests.doubles.node_verbs import FakeCluster

PLAN = InstallPlan(name="demo", subdomain="example.test", platform="local")
FIRST, WORKER = "demo-master-1", "demo-worker-1"
OVERLAY = Addon(PLAN, "overlay")
METRICS = Addon(PLAN, "metrics-server")


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path))
    return FakeCluster(PLAN).founded(FIRST, WORKER)


def seen(kind: str, name: str, namespace: str, sum: str, **status: int) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace, "annotations": {manifests.SUM: sum}, "generation": 3}
    return {"kind": kind, "metadata": metadata, "spec": {"replicas": 2}, "status": {"observedGeneration": 3} | status}


def applied(cluster: FakeCluster, step: Addon, status: dict[str, int], sum: str = "") -> None:
    """All of the addon is there; its last object has this state."""
    wanted = manifests.addon(cluster.plan, step.name)
    step.apply(cluster.context())
    identity = (wanted.kind, wanted.namespace, wanted.workload)
    cluster.applied[identity] = seen(wanted.kind, wanted.workload, wanted.namespace, sum or wanted.sum, **status)
    cluster.asked.clear()


STATES = [
    (OVERLAY, {"numberReady": 2, "desiredNumberScheduled": 2, "updatedNumberScheduled": 2}, True, "2 of 2"),
    (OVERLAY, {"numberReady": 1, "desiredNumberScheduled": 2, "updatedNumberScheduled": 2}, False, "1 of 2"),
    (OVERLAY, {"numberReady": 2, "desiredNumberScheduled": 2, "updatedNumberScheduled": 1}, False, "1 of 2"),
    (METRICS, {"readyReplicas": 2, "updatedReplicas": 2}, True, "2 of 2"),
    (METRICS, {"readyReplicas": 2, "updatedReplicas": 1}, False, "1 of 2"),
    (METRICS, {"readyReplicas": 2, "updatedReplicas": 2, "observedGeneration": 2}, False, "2 of 2"),
]


@pytest.mark.parametrize(("step", "status", "holds", "words"), STATES)
def test_an_addon_is_there_once_its_pods_run_as_it_was_applied(
    cluster: FakeCluster, step: Addon, status: dict[str, int], holds: bool, words: str
) -> None:
    applied(cluster, step, status)
    observed = step.observe(cluster.context())
    workload = manifests.addon(PLAN, step.name).workload
    assert (observed.holds, observed.seen) == (holds, f"{words} pods of {workload} are ready")


def test_an_addon_of_another_plan_or_version_is_not_as_planned(cluster: FakeCluster) -> None:
    assert OVERLAY.observe(cluster.context()).seen == "there is no DaemonSet kube-flannel-ds"
    applied(cluster, OVERLAY, {"numberReady": 2, "desiredNumberScheduled": 2, "updatedNumberScheduled": 2}, "older")
    assert OVERLAY.observe(cluster.context()).seen == "the DaemonSet kube-flannel-ds is not as planned"


def test_an_object_of_an_addon_that_somebody_deleted_is_missed(cluster: FakeCluster) -> None:
    METRICS.apply(cluster.context())
    del cluster.applied["Service", "kube-system", "metrics-server"]
    observed = METRICS.observe(cluster.context())
    assert (observed.holds, observed.seen) == (False, "there is no Service metrics-server")


def test_a_pod_on_a_node_that_is_not_ready_is_that_nodes_trouble(cluster: FakeCluster) -> None:
    applied(cluster, OVERLAY, {"numberReady": 1, "desiredNumberScheduled": 2, "updatedNumberScheduled": 2})
    cluster.nodes[WORKER]["status"]["conditions"] = [{"type": "Ready", "status": "Unknown"}]
    assert OVERLAY.observe(cluster.context()).holds


def test_where_no_node_is_ready_that_is_what_is_missing(cluster: FakeCluster) -> None:
    applied(cluster, OVERLAY, {"numberReady": 0, "desiredNumberScheduled": 2, "updatedNumberScheduled": 2})
    for name in (FIRST, WORKER):
        message = "cni plugin not initialized"
        cluster.nodes[name]["status"]["conditions"] = [{"type": "Ready", "status": "False", "message": message}]
    observed = OVERLAY.observe(cluster.context())
    assert (observed.holds, observed.seen) == (
        False,
        "no node is Ready, and 0 of 2 pods of kube-flannel-ds are ready; "
        "demo-master-1: NotReady: cni plugin not initialized",
    )


def test_where_no_pod_is_planned_yet_none_is_counted(cluster: FakeCluster) -> None:
    applied(cluster, OVERLAY, {})
    observed = OVERLAY.observe(cluster.context())
    assert (observed.holds, observed.seen) == (False, "no node has been given a pod of kube-flannel-ds yet")


def test_manifests_travel_on_stdin_to_a_master_that_works(cluster: FakeCluster) -> None:
    cluster.founded("demo-master-2").machines[FIRST].unreachable = "connection refused"
    OVERLAY.apply(cluster.context())
    assert cluster.did() == ["master-2 addon overlay"]
    assert "kind: DaemonSet" in cluster.sent["demo-master-2 addon"]


PULLING = {"image": "ghcr.io/x/flannel:v1", "state": {"waiting": {"reason": "ErrImagePull", "message": "no such host"}}}
ENDING = {
    "name": "main",
    "state": {"waiting": {"reason": "CrashLoopBackOff"}},
    "lastState": {"terminated": {"exitCode": 1}},
}
NOWHERE = {"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available: 3 node(s) didn't match"}
EVENT = {"involvedObject": {"name": "kube-flannel-ds-x"}, "message": "Failed to pull image", "reason": "Failed"}
HOOK = EVENT | {"message": "PostStartHook failed", "reason": "FailedPostStartHook"}
AGAIN = EVENT | {"message": "Back-off restarting failed container", "reason": "BackOff"}
REASONS: list[tuple[dict[str, Any], list[dict[str, Any]], str]] = [
    ({"containerStatuses": [PULLING]}, [], "pod kube-flannel-ds-x cannot pull ghcr.io/x/flannel:v1: no such host"),
    ({"containerStatuses": [ENDING]}, [], "ended: main with exit status 1; its log ends with: E1128 too many open"),
    ({"conditions": [NOWHERE]}, [], "pod kube-flannel-ds-x: 0/3 nodes are available: 3 node(s) didn't match"),
    ({}, [EVENT], "last event: kube-flannel-ds-x: Failed to pull image"),
    ({"containerStatuses": [ENDING]}, [HOOK, AGAIN], "last event: kube-flannel-ds-x: PostStartHook failed"),
    ({}, [AGAIN], "last event: kube-flannel-ds-x: Back-off restarting failed container"),
]


@pytest.mark.parametrize(("status", "events", "words"), REASONS)
def test_an_addon_that_does_not_come_up_says_why(
    cluster: FakeCluster, status: dict[str, Any], events: list[dict[str, Any]], words: str
) -> None:
    metadata = {"name": "kube-flannel-ds-x", "namespace": "kube-flannel"}
    cluster.objects["pods"] = {"items": [{"metadata": metadata, "status": status}]}
    cluster.objects["events"] = {"items": events}
    cluster.objects["logs"] = "E1128 too many open files\n"
    cluster.rolls_out = False
    with pytest.raises(InstallerError) as caught:
        OVERLAY.apply(cluster.context(deadline=0.5))
    assert "no node has been given a pod of kube-flannel-ds yet" in caught.value.observed
    assert words in caught.value.observed


def test_an_addon_that_the_plan_leaves_out_is_removed(cluster: FakeCluster) -> None:
    METRICS.apply(cluster.context())
    step = LeftOut(PLAN.model_copy(update={"addons": Addons(metrics_server=False)}))
    assert step.observe(cluster.context()).seen == "the cluster has metrics-server"
    step.apply(cluster.context())
    assert not any(namespace == "kube-system" for _, namespace, _ in cluster.applied)
    assert step.observe(cluster.context()).holds


def test_the_namespace_of_an_addon_that_stays_is_left(cluster: FakeCluster) -> None:
    OVERLAY.apply(cluster.context())
    step = LeftOut(PLAN.model_copy(update={"addons": Addons(metrics_server=False)}))
    assert step.observe(cluster.context()).seen == "none of them is there"
    assert ("Namespace", "", "kube-flannel") in cluster.applied
