"""Addons' manifests and images: what the plan says, and nothing that is not there."""

from __future__ import annotations

import io
import json
from copy import deepcopy
from functools import cache
from ipaddress import IPv4Network
from typing import Any, Literal

import pytest
from kubernetes_validate import validate
from ruamel.yaml import YAML

from installer.artifacts.addon_images import addon_images
from installer.artifacts.container_images import images
from installer.artifacts.image_archive import file_name
from installer.artifacts.registry import Reference
from installer.cluster import manifests
from installer.cluster.console_certificate import NAMESPACE, SECRET
from installer.plan.model import InstallPlan
from installer.plan.releases import KUBERNETES_VERSIONS

PLAN = InstallPlan(name="demo", subdomain="example.test")


@cache
def _read(text: str) -> tuple[Any, ...]:
    """Most plans have the same manifests, and reading them takes most of the time."""
    return tuple(YAML(typ="safe").load_all(io.StringIO(text)))


def documents(text: str) -> dict[str, Any]:
    return {document["kind"]: document for document in deepcopy(_read(text))}


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


def parts(plan: InstallPlan, name: str) -> list[dict[str, Any]]:
    return list(deepcopy(_read(manifests.manifests(plan, name))))


SHAPES = [
    InstallPlan.model_validate(
        {"name": "demo", "subdomain": "example.test", "masters": masters, "workers": workers, "kubernetes": release}
        | {"ingress": {"kind": kind}, "schedulable_masters": not workers}
    )
    for kind in ("infra", "load-balancer")
    for masters, workers, release in ((1, 0, "v1.34.1"), (3, 2, "v1.35.1"), (5, 3, "v1.36.2"))
]
ADDONS = ("overlay", "node-ports", "ingress", "node-exporter", "metrics-server", "sign-in", "console")
GATEWAY = InstallPlan.model_validate(PLAN.model_dump() | {"addons": {"gateway": True}})


@pytest.mark.parametrize("plan", SHAPES, ids=lambda plan: f"{plan.ingress.kind}-{plan.masters}")
@pytest.mark.parametrize("name", ADDONS)
def test_the_plans_release_of_kubernetes_takes_every_object(plan: InstallPlan, name: str) -> None:
    for document in parts(plan, name):
        validate(document, plan.kubernetes.removeprefix("v").rpartition(".")[0], strict=True)


@pytest.mark.parametrize("plan", SHAPES, ids=lambda plan: f"{plan.ingress.kind}-{plan.masters}")
@pytest.mark.parametrize("name", ADDONS)
def test_an_addon_says_what_it_is(plan: InstallPlan, name: str) -> None:
    addon = manifests.addon(plan, name)
    last = parts(plan, name)[-1]
    assert (last["kind"], last["metadata"]["namespace"], last["metadata"]["name"]) == (
        addon.kind, addon.namespace, addon.workload,
    )  # fmt: skip
    assert last["metadata"]["annotations"] == {manifests.SUM: addon.sum}


@pytest.mark.parametrize("plan", SHAPES, ids=lambda plan: f"{plan.ingress.kind}-{plan.masters}")
@pytest.mark.parametrize("name", ADDONS[2:])
def test_pods_of_addons_may_do_no_more_than_they_must(plan: InstallPlan, name: str) -> None:
    *others, workload = parts(plan, name)
    pod = workload["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
        }  # fmt: skip
        assert container["resources"]["requests"]
        assert container["resources"]["limits"]
    if workload["kind"] == "Deployment":
        assert "PodDisruptionBudget" in {other["kind"] for other in others}


def test_traefik_has_the_infra_nodes_own_ports_where_there_are_any() -> None:
    workload = parts(SHAPES[1], "ingress")[-1]
    pod = workload["spec"]["template"]["spec"]
    assert workload["kind"] == "DaemonSet"
    assert pod["nodeSelector"] == {"node-role.kubernetes.io/infra": ""}
    assert {"key": "node-role.kubernetes.io/infra", "operator": "Exists"} in pod["tolerations"]
    assert {port.get("hostPort") for port in pod["containers"][0]["ports"]} == {443, 80, None}


def test_behind_a_balancer_that_changes_no_port_traefik_has_the_masters_own() -> None:
    """A passthrough balancer of Google Cloud: connections arrive at 443, whatever is behind it."""
    given = {"platform": "gcp", "ingress": {"kind": "load-balancer"}, "networks": {"user": "203.0.113.0/24"}}
    plan = InstallPlan.model_validate({"name": "demo", "subdomain": "example.test", **given})
    found = documents(manifests.manifests(plan, "ingress"))
    pod = found["DaemonSet"]["spec"]["template"]["spec"]
    assert pod["nodeSelector"] == {"node-role.kubernetes.io/control-plane": ""}
    assert {"key": "node-role.kubernetes.io/control-plane", "operator": "Exists"} in pod["tolerations"]
    assert [port.get("hostPort") for port in pod["containers"][0]["ports"]] == [443, 80, None]
    assert found["Namespace"]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "privileged"
    assert "Service" not in found, "that of the node ports is an addon of its own"
    before = documents(manifests.manifests(plan, "node-ports"))
    assert before["Namespace"] == found["Namespace"]


def test_behind_a_load_balancer_traefik_has_the_contracts_node_ports() -> None:
    service = parts(SHAPES[4], "node-ports")[-1]
    found = {port["name"]: port["nodePort"] for port in service["spec"]["ports"]}
    assert found == {"https": 32000, "http": 32001, "health": 32002}
    workload = parts(SHAPES[4], "ingress")[-1]
    named = {port["name"]: port for port in workload["spec"]["template"]["spec"]["containers"][0]["ports"]}
    assert {port["targetPort"] for port in service["spec"]["ports"]} == set(named)
    assert not any("hostPort" in port for port in named.values())
    assert service["spec"]["selector"].items() <= workload["spec"]["template"]["metadata"]["labels"].items()


def test_traefik_speaks_tls_from_1_2_and_is_the_default_ingress() -> None:
    found = {document["kind"]: document for document in parts(PLAN, "ingress")}
    files = {name: YAML(typ="safe").load(text) for name, text in found["ConfigMap"]["data"].items()}
    assert files["tls.yaml"]["tls"]["options"]["default"]["minVersion"] == "VersionTLS12"
    web = files["traefik.yaml"]["entryPoints"]["web"]
    assert web["http"]["redirections"]["entryPoint"]["scheme"] == "https"
    assert found["IngressClass"]["metadata"]["annotations"]["ingressclass.kubernetes.io/is-default-class"] == "true"


def test_traefik_serves_the_gateway_api_where_the_plan_has_it() -> None:
    def providers(plan: InstallPlan) -> dict[str, Any]:
        [found] = [document for document in parts(plan, "ingress") if document["kind"] == "ConfigMap"]
        return dict(YAML(typ="safe").load(found["data"]["traefik.yaml"])["providers"])

    assert set(providers(PLAN)) == {"file", "kubernetesIngress"}
    assert set(providers(GATEWAY)) == {"file", "kubernetesIngress", "kubernetesGateway"}


def test_groups_that_may_edit_or_view_ingresses_may_do_so_with_routes_of_the_gateway_api() -> None:
    roles = [each for each in parts(GATEWAY, "gateway") if each["kind"] == "ClusterRole"]
    may = {
        (label.rpartition("/")[2], resource): rule["verbs"]
        for role in roles for label in role["metadata"].get("labels", {})
        for rule in role["rules"] for resource in rule["resources"]
    }  # fmt: skip
    for kind in ("gateways", "httproutes"):
        assert may["aggregate-to-view", kind] == ["get", "list", "watch"]
        assert {"create", "update", "patch", "delete"} <= set(may["aggregate-to-edit", kind])


@pytest.mark.parametrize("kind", ["infra", "load-balancer"])
def test_traefik_may_read_the_gateway_api_from_its_start_where_the_plan_has_it(kind: str) -> None:
    def readers(plan: InstallPlan) -> list[str]:
        found = parts(plan.model_copy(update={"ingress": plan.ingress.model_copy(update={"kind": kind})}), "ingress")
        roles = [each for each in found if each["kind"] == "ClusterRole"]
        readers = [role for role in roles if any("httproutes" in rule["resources"] for rule in role["rules"])]
        bound = {each["roleRef"]["name"] for each in found if each["kind"] == "ClusterRoleBinding"}
        return [role["metadata"]["name"] for role in readers if role["metadata"]["name"] in bound]

    assert readers(GATEWAY)
    assert not readers(PLAN)


def test_the_gateway_listens_where_traefik_does_and_shows_the_consoles_certificate() -> None:
    """Traefik gives a listener to the entry point of its port, whatever port of the node leads there."""
    found = {document["kind"]: document for document in parts(GATEWAY, "gateway")}
    [listener] = found["Gateway"]["spec"]["listeners"]
    container = parts(GATEWAY, "ingress")[-1]["spec"]["template"]["spec"]["containers"][0]
    [https] = [port for port in container["ports"] if port["name"] == "https"]
    assert (listener["port"], listener["protocol"]) == (https["containerPort"], "HTTPS")
    assert listener["tls"]["certificateRefs"] == [{"kind": "Secret", "name": SECRET}]
    assert found["Gateway"]["metadata"]["namespace"] == NAMESPACE
    assert found["Gateway"]["spec"]["gatewayClassName"] == found["GatewayClass"]["metadata"]["name"]
    assert found["GatewayClass"]["spec"] == {"controllerName": "traefik.io/gateway-controller"}
    for kind in ("ClusterRole", "ClusterRoleBinding"):
        validate(found[kind], "1.36", strict=True)


@pytest.mark.parametrize(
    ("masters", "workers", "replicas"), [(1, 0, {"ingress": 1, "metrics-server": 1}), (3, 2, {"ingress": 2})]
)
def test_what_two_nodes_can_take_runs_twice(masters: Literal[1, 3, 5], workers: int, replicas: dict[str, int]) -> None:
    given = {"masters": masters, "workers": workers, "schedulable_masters": not workers}
    plan = InstallPlan.model_validate(PLAN.model_dump() | given | {"ingress": {"kind": "load-balancer"}})
    assert {name: parts(plan, name)[-1]["spec"]["replicas"] for name in replicas} == replicas


def test_an_addons_image_goes_by_digest_unless_it_comes_in_an_archive() -> None:
    name = addon_images(PLAN, "node-exporter")["node-exporter"]
    digest = f"sha256:{'a' * 64}"

    def image(**artifacts: object) -> str:
        given = {"name": "demo", "subdomain": "example.test", "artifacts": artifacts}
        pod = parts(InstallPlan.model_validate(given), "node-exporter")[-1]["spec"]["template"]["spec"]
        return str(pod["containers"][0]["image"])

    archive = f"images/{file_name(Reference.parse(name))}"
    assert image() == name
    assert image(digests={name: digest}) == f"{name}@{digest}"
    assert image(digests={name: digest}, sums={archive: "b" * 64}) == name


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
    assert all(image.startswith("ghcr.io/flannel-io/") for image in listed[7:9])
    assert listed[9:] == tuple(image for name in PLAN.addon_names for image in addon_images(PLAN, name).values())
