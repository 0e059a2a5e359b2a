"""A cluster that an older version made gets what is missing when it is upgraded, and keeps what somebody chose."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from installer.cluster import reconfigure
from installer.cluster.kubeadm import read_payload
from installer.cluster.sign_in import Trust
from installer.cluster.upgrade import KubeadmUpgrade
from installer.common.errors import InstallerError
from installer.plan.model import InstallPlan
from installer.plan.topology import topology
from installer.ssh.connection import Result
from tests.doubles.node_verbs import FakeCluster

PLAN = InstallPlan(name="demo", subdomain="example.test", platform="local")
OLD_API = {
    "extraArgs": [
        {"name": "audit-log-maxage", "value": "90"},
        {"name": "oidc-issuer-url", "value": "https://dex.example.test"},
        {"name": "profiling", "value": "true"},
    ],
    "extraVolumes": [{"name": "craton", "hostPath": "/srv/craton", "mountPath": "/etc/kubernetes/craton"}],
    "certSANs": ["demo-k8s.example.test"],
}
OLD = {"kind": "ClusterConfiguration", "kubernetesVersion": "v1.35.6", "apiServer": OLD_API, "etcd": {"local": {}}}
OLD_KUBELET = {
    "kind": "KubeletConfiguration",
    "streamingConnectionIdleTimeout": "0s",
    "podPidsLimit": 512,
    "maxPods": 40,
}


def configmap(name: str, key: str, document: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "kube-system", "resourceVersion": "7"}
    return {"kind": "ConfigMap", "metadata": metadata, "data": {key: json.dumps(document), "other": "stays"}}


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path))
    found = FakeCluster(PLAN).founded("demo-master-1", "demo-master-2", "demo-worker-1")
    found.configmaps["kubeadm-config"] = configmap("kubeadm-config", "ClusterConfiguration", OLD)
    found.configmaps["kubelet-config"] = configmap("kubelet-config", "kubelet", OLD_KUBELET)
    return found


def stored(cluster: FakeCluster, name: str, key: str) -> dict[str, Any]:
    [document] = reconfigure.documents(cluster.configmaps[name]["data"][key])
    return document


def arguments(configuration: dict[str, Any], component: str) -> dict[str, str]:
    return {each["name"]: each["value"] for each in configuration[component]["extraArgs"]}


def test_what_is_missing_is_added_and_what_is_there_stays(cluster: FakeCluster) -> None:
    reconfigure.reconfigure(cluster.context(), PLAN)
    after = stored(cluster, "kubeadm-config", "ClusterConfiguration")
    api = arguments(after, "apiServer")
    assert api["kubelet-certificate-authority"] == "/etc/kubernetes/pki/ca.crt"
    assert (api["audit-log-maxage"], api["profiling"]) == ("90", "true")
    assert api["oidc-issuer-url"] == "https://dex.example.test"
    assert arguments(after, "scheduler")["profiling"] == "false"
    assert [each["name"] for each in after["apiServer"]["extraVolumes"]] == ["craton", "audit-log"]
    assert after["apiServer"]["extraVolumes"][0]["hostPath"] == "/srv/craton"
    assert (after["kubernetesVersion"], after["etcd"]) == ("v1.35.6", {"local": {}})
    kubelet = stored(cluster, "kubelet-config", "kubelet")
    assert kubelet["serverTLSBootstrap"] is True
    assert kubelet["streamingConnectionIdleTimeout"] == "4h0m0s"
    assert (kubelet["podPidsLimit"], kubelet["maxPods"]) == (512, 40)
    assert cluster.configmaps["kubelet-config"]["data"]["other"] == "stays"
    assert cluster.configmaps["kubelet-config"]["metadata"]["resourceVersion"] == "7"


def test_nothing_is_written_where_nothing_is_missing(cluster: FakeCluster) -> None:
    reconfigure.reconfigure(cluster.context(), PLAN)
    before = len(cluster.did())
    reconfigure.reconfigure(cluster.context(), PLAN)
    assert len(cluster.did()) == before == 2


def test_the_first_master_is_reconfigured_and_every_master_gets_the_policies_before_its_upgrade(
    cluster: FakeCluster,
) -> None:
    for name in ("demo-master-1", "demo-master-2", "demo-worker-1"):
        cluster.fails[f"{name} status"] = Result(0, "program=built-in\n", "")
        KubeadmUpgrade(PLAN, topology(PLAN).machine(name)).apply(cluster.context())
    assert cluster.did() == [
        "master-1 policies",
        "master-1 kubectl replace -f -",
        "master-1 kubectl replace -f -",
        "master-1 upgrade apply",
        "master-2 policies",
        "master-2 upgrade node",
        "worker-1 upgrade node",
    ]
    brought = read_payload(cluster.sent["demo-master-2 policies"])
    assert set(brought) == {"admission.yaml", "audit-policy.yaml", "authentication.yaml"}
    known = sha256(brought["authentication.yaml"].encode()).hexdigest()
    cluster.fails["demo-master-2 policies sums"] = Result(0, f"{known}  authentication.yaml\n{known}  in use\n", "")
    trust = Trust(PLAN, "demo-master-2").observe(cluster.context())
    assert trust.holds, "whoever signed in is believed during an upgrade, too"


@pytest.mark.parametrize(
    "text",
    ["apiServer: {extraArgs: [profiling]}", "scheduler: []", "a: [", "[" * 2000],
    ids=["no names", "a list", "no YAML", "too deep"],
)
def test_a_configuration_that_kubeadm_did_not_write_is_named(cluster: FakeCluster, text: str) -> None:
    cluster.configmaps["kubeadm-config"]["data"]["ClusterConfiguration"] = text
    with pytest.raises(InstallerError, match="kubeadm-config"):
        reconfigure.reconfigure(cluster.context(), PLAN)
    assert cluster.did() == []
