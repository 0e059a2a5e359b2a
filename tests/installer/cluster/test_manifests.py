"""Addons' manifests and images: what the plan says, and nothing that is not there."""

from __future__ import annotations

import io
import json
from ipaddress import IPv4Network
from typing import Any

import pytest
from ruamel.yaml import YAML

from installer.artifacts.container_images import images
from installer.cluster import manifests
from installer.plan.fields import KUBERNETES_VERSIONS
from installer.plan.model import InstallPlan

PLAN = InstallPlan(name="demo", subdomain="example.test")


def documents(text: str) -> dict[str, Any]:
    return {document["kind"]: document for document in YAML(typ="safe").load_all(io.StringIO(text))}


def overlay(plan: InstallPlan = PLAN) -> dict[str, Any]:
    return documents(manifests.manifests(plan, "overlay"))


def test_the_overlay_is_vxlan_on_the_contracts_port_in_the_plans_network() -> None:
    networks = PLAN.networks.model_copy(update={"pods": IPv4Network("10.99.0.0/16")})
    found = overlay(PLAN.model_copy(update={"networks": networks}))
    assert json.loads(found["ConfigMap"]["data"]["net-conf.json"]) == {
        "Network": "10.99.0.0/16",
        "EnableNFTables": False,
        "Backend": {"Type": "vxlan", "Port": 4789},
    }
    json.loads(found["ConfigMap"]["data"]["cni-conf.json"])


def test_the_overlay_runs_on_every_node_with_its_own_address() -> None:
    pod = overlay()["DaemonSet"]["spec"]["template"]["spec"]
    [container] = pod["containers"]
    assert pod["tolerations"] == [{"operator": "Exists"}]
    assert pod["priorityClassName"] == "system-node-critical"
    assert "--iface=$(HOST_IP)" in container["args"]
    assert {"name": "HOST_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.hostIP"}}} in container["env"]
    assert container["resources"]["requests"]
    assert overlay()["Namespace"]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "privileged"


@pytest.mark.parametrize("name", ["overlay", "ingress"])
def test_an_addon_says_what_it_is(name: str) -> None:
    addon = manifests.addon(PLAN, name)
    metadata = documents(addon.text)["DaemonSet"]["metadata"]
    assert (metadata["namespace"], metadata["name"]) == (addon.namespace, addon.daemon_set)
    assert metadata["annotations"] == {manifests.SUM: addon.sum}


def test_other_manifests_have_another_sum() -> None:
    other = PLAN.model_copy(update={"networks": PLAN.networks.model_copy(update={"pods": IPv4Network("10.99.0.0/16")})})
    assert manifests.addon(PLAN, "overlay") == manifests.addon(PLAN, "overlay")
    assert manifests.addon(PLAN, "overlay").sum != manifests.addon(other, "overlay").sum


def test_there_is_no_addon_that_nobody_wrote() -> None:
    with pytest.raises(KeyError):
        manifests.addon(PLAN, "grafana")


@pytest.mark.parametrize("minor", KUBERNETES_VERSIONS)
def test_the_images_of_the_manifests_are_among_those_of_the_cluster(minor: str) -> None:
    plan = PLAN.model_copy(update={"kubernetes": f"{minor}.3"})
    pod = overlay(plan)["DaemonSet"]["spec"]["template"]["spec"]
    used = {container["image"] for container in [*pod["initContainers"], *pod["containers"]]}
    assert used < set(images(plan))


KUBEADM = [
    ("v1.34.1", "v1.12.1", "3.6.4-0", "3.10.1"),
    ("v1.34.6", "v1.12.1", "3.6.5-0", "3.10.1"),
    ("v1.35.6", "v1.13.1", "3.6.6-0", "3.10.1"),
    ("v1.36.2", "v1.14.2", "3.6.8-0", "3.10.2"),
]


@pytest.mark.parametrize(("release", "coredns", "etcd", "pause"), KUBEADM)
def test_the_images_are_those_that_kubeadm_lists(release: str, coredns: str, etcd: str, pause: str) -> None:
    """As `kubeadm config images list` of that release says."""
    listed = images(PLAN.model_copy(update={"kubernetes": release}))
    assert listed[:7] == (
        f"registry.k8s.io/kube-apiserver:{release}",
        f"registry.k8s.io/kube-controller-manager:{release}",
        f"registry.k8s.io/kube-scheduler:{release}",
        f"registry.k8s.io/kube-proxy:{release}",
        f"registry.k8s.io/coredns/coredns:{coredns}",
        f"registry.k8s.io/pause:{pause}",
        f"registry.k8s.io/etcd:{etcd}",
    )
    assert all(image.startswith("ghcr.io/flannel-io/") for image in listed[7:])
