"""Addons are seen in the cluster itself: as planned, and ready wherever a node is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from installer.cluster import manifests
from installer.cluster.addons import Addon
from installer.common.errors import InstallerError
from installer.plan.model import InstallPlan
from installer.ssh.connection import Result
from tests.doubles.node_verbs import FakeCluster

PLAN = InstallPlan(name="demo", subdomain="example.test", platform="local")
FIRST, WORKER = "demo-master-1", "demo-worker-1"
OVERLAY = Addon(PLAN, "overlay")


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path))
    return FakeCluster(PLAN).founded(FIRST, WORKER)


def daemon_set(ready: int, desired: int, sum: str = "") -> dict[str, Any]:
    annotations = {manifests.SUM: sum or manifests.addon(PLAN, "overlay").sum}
    return {
        "metadata": {"annotations": annotations},
        "status": {"numberReady": ready, "desiredNumberScheduled": desired},
    }


@pytest.mark.parametrize(
    ("found", "holds", "seen"),
    [
        (None, False, "there is no DaemonSet kube-flannel-ds"),
        (daemon_set(2, 2, "older"), False, "the DaemonSet kube-flannel-ds is not as planned"),
        (daemon_set(2, 2), True, "2 of 2 pods of kube-flannel-ds are ready"),
        (daemon_set(1, 2), False, "1 of 2 pods of kube-flannel-ds are ready"),
        (daemon_set(0, 0), False, "0 of 0 pods of kube-flannel-ds are ready"),
    ],
)
def test_an_addon_is_seen_in_the_cluster(
    cluster: FakeCluster, found: dict[str, Any] | None, holds: bool, seen: str
) -> None:
    cluster.objects["daemonset"] = found
    observed = OVERLAY.observe(cluster.context())
    assert (observed.holds, observed.seen) == (holds, seen)


def test_a_pod_on_a_node_that_is_not_ready_is_that_nodes_trouble(cluster: FakeCluster) -> None:
    cluster.objects["daemonset"] = daemon_set(1, 2)
    cluster.nodes[WORKER]["status"]["conditions"] = [{"type": "Ready", "status": "Unknown"}]
    assert OVERLAY.observe(cluster.context()).holds


def test_manifests_travel_on_stdin_to_a_master_that_works(cluster: FakeCluster) -> None:
    cluster.founded("demo-master-2").machines[FIRST].unreachable = "connection refused"
    OVERLAY.apply(cluster.context())
    assert cluster.did() == ["master-2 addon overlay"]
    assert "kind: DaemonSet" in cluster.sent["demo-master-2 addon"]


def test_a_roll_out_that_does_not_end_says_which_image_is_missing(cluster: FakeCluster) -> None:
    cluster.fails[f"{FIRST} addon overlay"] = Result(1, "", "craton-node: the roll-out does not come to its end")
    waiting = {"reason": "ErrImagePull", "message": "no such host"}
    status = {"containerStatuses": [{"image": "ghcr.io/x/flannel:v1", "state": {"waiting": waiting}}]}
    cluster.objects["pods"] = {"items": [{"metadata": {"name": "flannel-x"}, "status": status}]}
    with pytest.raises(
        InstallerError, match=r"does not come to its end; pod flannel-x cannot pull ghcr\.io/x"
    ) as caught:
        OVERLAY.apply(cluster.context())
    assert caught.value.machine == FIRST


def test_a_roll_out_that_does_not_end_shows_the_log_of_any_container_that_ends(
    cluster: FakeCluster,
) -> None:
    cluster.fails[f"{FIRST} addon overlay"] = Result(1, "", "craton-node: the roll-out does not come to its end")
    state = {"waiting": {"reason": "CrashLoopBackOff"}}
    status = {"containerStatuses": [{"name": "main", "state": state, "lastState": {"terminated": {"exitCode": 1}}}]}
    metadata = {"name": "kube-proxy-x", "namespace": "kube-system"}
    cluster.objects["pods"] = {"items": [{"metadata": metadata, "spec": {"nodeName": WORKER}, "status": status}]}
    cluster.objects["logs"] = "E1128 unable to create watcher: too many open files\n"
    with pytest.raises(InstallerError) as caught:
        OVERLAY.apply(cluster.context())
    assert caught.value.observed.endswith(
        f"pod kube-proxy-x on {WORKER} ended: main with exit status 1; "
        "its log ends with: E1128 unable to create watcher: too many open files"
    )
