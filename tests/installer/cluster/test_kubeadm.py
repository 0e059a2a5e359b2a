"""kubeadm's configuration says what the plan says."""

from __future__ import annotations

import io
from typing import Any

import pytest
from ruamel.yaml import YAML

from installer.cluster import kubeadm
from installer.plan import InstallPlan
from installer.topology import topology

PLAN = InstallPlan(name="demo", subdomain="example.test")
MACHINES = {machine.name: machine for machine in topology(PLAN).machines}
INVITATION = kubeadm.Invitation("abcdef.0123456789abcdef", "sha256:" + "a" * 64, "b" * 64)


def documents(text: str) -> dict[str, Any]:
    return {document["kind"]: document for document in YAML(typ="safe").load_all(io.StringIO(text))}


def test_the_first_master_is_told_version_names_and_networks() -> None:
    found = documents(kubeadm.init_configuration(PLAN, MACHINES["demo-master-1"]))
    cluster, init = found["ClusterConfiguration"], found["InitConfiguration"]
    assert cluster["kubernetesVersion"] == PLAN.kubernetes
    assert cluster["controlPlaneEndpoint"] == "demo-k8s.example.test:6443"
    assert cluster["apiServer"]["certSANs"] == ["demo-k8s.example.test"]
    assert cluster["networking"]["podSubnet"] == str(PLAN.networks.pods)
    assert init["localAPIEndpoint"] == {"advertiseAddress": "10.10.0.11", "bindPort": 6443}


@pytest.mark.parametrize(
    ("machine", "taints"),
    [
        ("demo-master-2", [{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}]),
        ("demo-infra-1", [{"key": "node-role.kubernetes.io/infra", "effect": "NoSchedule"}]),
        ("demo-worker-1", []),
    ],
)
def test_a_machine_joins_under_its_name_with_its_taints_and_without_role_labels(
    machine: str, taints: list[dict[str, str]]
) -> None:
    text = kubeadm.join_configuration(PLAN, MACHINES[machine], INVITATION)
    registration = documents(text)["JoinConfiguration"]["nodeRegistration"]
    assert registration["name"] == machine
    assert registration["taints"] == taints
    assert "node-labels" not in text


def test_only_masters_get_the_certificate_key() -> None:
    assert "b" * 64 in kubeadm.join_configuration(PLAN, MACHINES["demo-master-2"], INVITATION)
    assert "b" * 64 not in kubeadm.join_configuration(PLAN, MACHINES["demo-worker-1"], INVITATION)


def test_an_invitation_does_not_show_its_secrets() -> None:
    assert "0123456789abcdef" not in repr(INVITATION)
    assert "b" * 64 not in repr(INVITATION)
