"""The manifests by which Kubernetes uses a cloud: its controllers, and what they may do."""

from __future__ import annotations

from typing import Any

import pytest
from kubernetes_validate import validate
from ruamel.yaml import YAML

from installer.artifacts.addon_images import addon_images
from installer.artifacts.container_images import images
from installer.cluster import kubeadm, manifests
from installer.plan.model import InstallPlan
from installer.plan.releases import KUBERNETES_VERSIONS
from installer.plan.topology import topology

DIGEST = f"sha256:{'a' * 64}"


def plan(platform: str, masters: int = 1, release: str = "v1.36.2", **settings: Any) -> InstallPlan:
    return InstallPlan.model_validate(
        {"name": "demo", "subdomain": "example.test", "platform": platform, "masters": masters, "kubernetes": release,
         "networks": {"user": "203.0.113.0/24"}, platform: {"integration": True, **settings}}
    )  # fmt: skip


def addons(given: InstallPlan) -> tuple[str, str]:
    assert given.integration is not None
    return given.integration.controller.name, given.integration.volumes.name


def parts(given: InstallPlan, name: str) -> list[dict[str, Any]]:
    return list(YAML(typ="safe").load_all(manifests.manifests(given, name)))


def only(given: InstallPlan, name: str, kind: str) -> dict[str, Any]:
    (found,) = (one for one in parts(given, name) if one["kind"] == kind)
    return found


PLATFORMS = ("aws", "gcp")


@pytest.mark.parametrize(("masters", "release"), [(1, "v1.34.1"), (3, "v1.35.1"), (3, "v1.36.2")])
@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_plans_release_of_kubernetes_takes_every_object_and_the_last_says_what_it_is(
    platform: str, masters: int, release: str
) -> None:
    given = plan(platform, masters, release)
    for name in addons(given):
        found = parts(given, name)
        for document in found:
            validate(document, release.removeprefix("v").rpartition(".")[0], strict=True)
        addon, last = manifests.addon(given, name), found[-1]
        assert (last["kind"], last["metadata"]["namespace"], last["metadata"]["name"]) == (
            addon.kind, addon.namespace, addon.workload,
        )  # fmt: skip
        assert last["metadata"]["annotations"] == {manifests.SUM: addon.sum}


@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_controller_runs_on_masters_before_there_is_a_pod_network_and_answers_there_alone(platform: str) -> None:
    given = plan(platform)
    pod = only(given, addons(given)[0], "DaemonSet")["spec"]["template"]["spec"]
    tolerated = {(one["key"], one["effect"]) for one in pod["tolerations"]}
    assert {("node.cloudprovider.kubernetes.io/uninitialized", "NoSchedule"),
            ("node.kubernetes.io/not-ready", "NoSchedule")} <= tolerated  # fmt: skip
    assert (pod["hostNetwork"], pod["dnsPolicy"]) == (True, "Default")
    assert pod["nodeSelector"] == {"node-role.kubernetes.io/control-plane": ""}
    [container] = pod["containers"]
    assert {"--configure-cloud-routes=false", "--allocate-node-cidrs=false", "--bind-address=127.0.0.1",
            "--cluster-name=demo"} <= set(container["args"])  # fmt: skip
    assert container["livenessProbe"]["httpGet"]["host"] == "127.0.0.1"


@pytest.mark.parametrize("platform", PLATFORMS)
def test_only_what_mounts_disks_is_privileged(platform: str) -> None:
    given = plan(platform, masters=3)
    privileged = []
    for name in addons(given):
        for workload in (one for one in parts(given, name) if one["kind"] in ("DaemonSet", "Deployment")):
            pod = workload["spec"]["template"]["spec"]
            assert pod["priorityClassName"].startswith("system-")
            for container in pod["containers"]:
                assert container["resources"]["requests"]
                assert container["resources"]["limits"]
                if container["securityContext"].get("privileged"):
                    privileged.append(f"{workload['kind']} {container['name']}")
                    continue
                assert container["securityContext"] == {
                    "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
                    "capabilities": {"drop": ["ALL"]},
                }  # fmt: skip
            if workload["kind"] == "Deployment":
                assert pod["securityContext"]["runAsNonRoot"] is True
                assert workload["spec"]["replicas"] == 2
    assert privileged == [f"DaemonSet {'ebs-plugin' if platform == 'aws' else 'gce-pd-driver'}"]


@pytest.mark.parametrize("platform", PLATFORMS)
def test_no_controller_may_do_more_than_it_has_to(platform: str) -> None:
    """Nothing at all with secrets, roles or pods of others, and no verb or resource by a star."""
    given = plan(platform)
    roles = [one for name in addons(given) for one in parts(given, name) if one["kind"] in ("Role", "ClusterRole")]
    rules = [rule for role in roles for rule in role["rules"]]
    assert len(rules) > 10
    for rule in rules:
        assert "*" not in (*rule["verbs"], *rule["resources"], *rule["apiGroups"])
        assert not set(rule["resources"]) & {"secrets", "pods", "roles", "clusterroles", "serviceaccounts/token"}


@pytest.mark.parametrize(
    ("platform", "driver", "mark"),
    [("aws", "ebs.csi.aws.com", "--k8s-tag-cluster-id=demo"),
     ("gcp", "pd.csi.storage.gke.io", "--extra-labels=craton-cluster=demo")],
)  # fmt: skip
def test_volumes_come_by_default_in_a_pods_zone_and_with_the_mark_by_which_a_destroy_finds_them(
    platform: str, driver: str, mark: str
) -> None:
    given = plan(platform)
    name = addons(given)[1]
    storage = only(given, name, "StorageClass")
    assert (storage["provisioner"], storage["volumeBindingMode"]) == (driver, "WaitForFirstConsumer")
    assert storage["metadata"]["annotations"]["storageclass.kubernetes.io/is-default-class"] == "true"
    assert only(given, name, "CSIDriver")["metadata"]["name"] == driver
    controller = only(given, name, "Deployment")["spec"]["template"]["spec"]["containers"][0]
    assert mark in controller["args"]


def test_google_clouds_controller_knows_the_network_and_whose_ports_to_open() -> None:
    def configured(**settings: Any) -> list[str]:
        given = plan("gcp", **settings)
        return str(only(given, "gcp-cloud-controller", "ConfigMap")["data"]["gce.conf"]).splitlines()

    assert configured() == [
        "[Global]", "network-name = demo", "subnetwork-name = demo", "node-tags = demo-infra",
        "node-tags = demo-worker", "node-instance-prefix = demo-", "multizone = true",
    ]  # fmt: skip
    shared = configured(project="own-project", network="net", subnetwork="nodes", network_project="host-project")
    assert shared[1:5] == ["project-id = own-project", "network-project-id = host-project", "network-name = net",
                           "subnetwork-name = nodes"]  # fmt: skip


@pytest.mark.parametrize("minor", KUBERNETES_VERSIONS)
@pytest.mark.parametrize("platform", PLATFORMS)
def test_bundles_and_mirrors_hold_what_the_manifests_name_and_machines_take_it_by_digest(
    platform: str, minor: str
) -> None:
    given = plan(platform, release=f"{minor}.1")
    wanted = {image for name in addons(given) for image in addon_images(given, name).values()}
    assert wanted <= set(images(given))
    pinned = given.model_copy(update={"artifacts": given.artifacts.model_copy(
        update={"digests": dict.fromkeys(wanted, DIGEST)})})  # fmt: skip
    named = {
        container["image"]
        for name in addons(given)
        for one in parts(pinned, name)
        if one["kind"] in ("DaemonSet", "Deployment")
        for container in one["spec"]["template"]["spec"]["containers"]
    }
    assert named == {f"{image}@{DIGEST}" for image in wanted}


@pytest.mark.parametrize("platform", PLATFORMS)
def test_without_the_plans_wish_nothing_of_a_cloud_runs(platform: str) -> None:
    given = plan(platform, integration=False)
    assert given.addon_names == given.addons.chosen
    with pytest.raises(KeyError):
        manifests.addon(given, f"{platform}-volumes")
    assert "cloud-provider" not in kubeadm.shown(given, topology(given))


def test_kubelets_say_which_cloud_they_have_and_what_it_calls_them() -> None:
    given = plan("aws")
    (start, *_) = YAML(typ="safe").load_all(kubeadm.read_payload(kubeadm.shown(given, topology(given)))["kubeadm.yaml"])
    told = {one["name"]: one["value"] for one in start["nodeRegistration"]["kubeletExtraArgs"]}
    assert told == {
        "node-ip": "<address of demo-master-1>",
        "cloud-provider": "external",
        "provider-id": "<provider id of demo-master-1>",
    }
