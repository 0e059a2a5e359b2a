"""The cluster's own DNS does not stand or fall with the first master."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from installer.cluster.cluster_dns import SpreadDNS, ready_pods
from installer.common.errors import InstallerError
from installer.plan.model import InstallPlan
from tests.doubles.node_verbs import FakeCluster

PLAN = InstallPlan(name="demo", subdomain="example.test", platform="local")


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path))
    return FakeCluster(PLAN).founded("demo-master-1")


def pod(name: str, node: str, *, ready: bool = True, ending: bool = False) -> dict[str, Any]:
    return {
        "metadata": {"name": name} | ({"deletionTimestamp": "2026-11-23T00:00:00Z"} if ending else {}),
        "spec": {"nodeName": node} if node else {},
        "status": {"conditions": [{"type": "Ready", "status": str(ready)}]},
    }


def test_a_pod_counts_that_is_ready_somewhere_and_stays() -> None:
    pods = [pod("p1", "a"), pod("p2", "a"), pod("p3", "b", ready=False), pod("p4", "c", ending=True), pod("p5", "")]
    assert ready_pods({"items": pods}) == {"p1": "a", "p2": "a"}
    assert ready_pods({}) == {}


def test_pods_on_two_nodes_are_left_alone(cluster: FakeCluster) -> None:
    cluster.objects["pods"] = {"items": [pod("p1", "demo-master-1"), pod("p2", "demo-worker-1")]}
    seen = SpreadDNS().observe(cluster.context())
    assert (seen.holds, seen.seen) == (True, "CoreDNS is ready on demo-master-1, demo-worker-1")
    SpreadDNS().apply(cluster.context())
    assert cluster.did() == []


def test_of_pods_on_one_node_one_is_made_again_and_waited_for(cluster: FakeCluster) -> None:
    cluster.objects["pods"] = {"items": [pod("p1", "demo-master-1"), pod("p2", "demo-master-1")]}
    assert not SpreadDNS().observe(cluster.context()).holds
    with pytest.raises(InstallerError, match="ready on demo-master-1"):
        SpreadDNS().apply(cluster.context(deadline=0.2))
    assert set(cluster.did()) == {"master-1 kubectl delete pod p1 --wait=false --namespace kube-system"}


def test_a_pod_that_cannot_pull_its_image_is_told_with_its_node(cluster: FakeCluster) -> None:
    lacking = pod("p2", "demo-worker-1", ready=False)
    waiting = {"reason": "ImagePullBackOff", "message": "no such host"}
    lacking["status"]["containerStatuses"] = [{"image": "registry.k8s.io/coredns:v1", "state": {"waiting": waiting}}]
    cluster.objects["pods"] = {"items": [pod("p1", "demo-master-1"), lacking]}
    told = r"ready on demo-master-1; pod p2 on demo-worker-1 cannot pull registry\.k8s\.io/coredns:v1: no such host"
    with pytest.raises(InstallerError, match=told):
        SpreadDNS().apply(cluster.context(deadline=0.2))


def test_a_pod_whose_sandbox_does_not_start_is_told_with_the_last_event(cluster: FakeCluster) -> None:
    """Without the pause image a pod stays at ContainerCreating, and its status says nothing of the image."""
    starting = pod("coredns-2", "demo-worker-1", ready=False)
    starting["status"]["containerStatuses"] = [{"state": {"waiting": {"reason": "ContainerCreating"}}}]
    cluster.objects["pods"] = {"items": [pod("coredns-1", "demo-master-1"), starting]}
    message = 'failed to get sandbox image "registry.k8s.io/pause:3.10.2": no such host'
    cluster.objects["events"] = {"items": [{"involvedObject": {"name": "coredns-2"}, "message": message}]}
    with pytest.raises(InstallerError, match="ready on demo-master-1; last event: coredns-2: failed to get sandbox"):
        SpreadDNS().apply(cluster.context(deadline=0.2))


def test_the_last_pod_that_answers_is_never_taken_away(cluster: FakeCluster) -> None:
    cluster.objects["pods"] = {"items": [pod("p2", "demo-master-1"), pod("p3", "demo-worker-1", ready=False)]}
    with pytest.raises(InstallerError, match="ready on demo-master-1"):
        SpreadDNS().apply(cluster.context(deadline=0.2))
    assert cluster.did() == []
