"""What Kubernetes made in Google Cloud, as cloud-provider-gcp and the CSI driver name it, goes with the cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from installer.common.errors import ExitCode
from installer.common.paths import ClusterDirectory
from installer.operations import resource_groups
from installer.platforms import open_platform
from installer.platforms.gcp import custom_role
from installer.ssh.connections import SSHConnections
from tests.doubles.gcp.project import PROJECT, REGION, Project
from tests.installer.platforms.cloud_runs import Cluster
from tests.installer.platforms.gcp.plans import plan

ID = "4f2a9c1d8e7b6a50"
"""As cloud-provider-gcp draws it of a cluster, and keeps it in the ConfigMap ingress-uid."""
LB, INNER = "a3f1e2d4c5b697880112233445566778", "a0000e2d4c5b69788011223344556677"
_AT = f"https://www.googleapis.com/compute/v1/projects/{PROJECT}"


@pytest.fixture
def cluster(gcp: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path / "home"))
    return Cluster()


def put(gcp: Project, kind: str, scope: str, name: str, **more: Any) -> None:
    place = "zone" if scope[-2] == "-" else "region"
    at = f"{_AT}/{scope}" if scope == "global" else f"{_AT}/{place}s/{scope}"
    where = {} if scope == "global" else {place: at}
    gcp.things[kind, scope, name] = {
        "name": name,
        "id": gcp.number(),
        "selfLink": f"{at}/{kind}/{name}",
        **where,
        **more,
    }


def make_services_and_disks(gcp: Project, network: str, tags: list[str], worker: str, cluster: str = "demo") -> None:
    """An external and an internal Service, a bound claim, and one in two zones (`gce_loadbalancer_naming.go`)."""
    link = f"{_AT}/global/networks/{network}"
    words = '{"kubernetes.io/service-name":"default/web"}'
    for name in (f"k8s-fw-{LB}", f"k8s-{ID}-node-http-hc", f"k8s-fw-{INNER}", f"k8s-{ID}-node-hc"):
        put(gcp, "firewalls", "global", name, network=link, description=words, targetTags=tags, direction="INGRESS",
            allowed=[{"IPProtocol": "tcp", "ports": ["80"]}], sourceRanges=["0.0.0.0/0"])  # fmt: skip
    put(gcp, "httpHealthChecks", "global", f"k8s-{ID}-node")
    put(gcp, "targetPools", REGION, LB, description=words, instances=[f"{_AT}/zones/{REGION}-a/instances/{worker}"],
        healthChecks=[f"{_AT}/global/httpHealthChecks/k8s-{ID}-node"])  # fmt: skip
    put(gcp, "addresses", REGION, LB, description=words, address="203.0.113.77")
    put(gcp, "forwardingRules", REGION, LB, description=words, IPAddress="203.0.113.77",
        target=f"{_AT}/regions/{REGION}/targetPools/{LB}")  # fmt: skip
    put(gcp, "instanceGroups", f"{REGION}-a", f"k8s-ig--{ID}", network=link, members=[worker])
    put(gcp, "healthChecks", "global", f"k8s-{ID}-node")
    put(gcp, "regionBackendServices", REGION, INNER, backends=[
        {"group": f"{_AT}/zones/{REGION}-a/instanceGroups/k8s-ig--{ID}"}],
        healthChecks=[f"{_AT}/global/healthChecks/k8s-{ID}-node"])  # fmt: skip
    put(gcp, "forwardingRules", REGION, INNER, IPAddress="10.10.0.9",
        backendService=f"{_AT}/regions/{REGION}/backendServices/{INNER}")  # fmt: skip
    put(gcp, "disks", f"{REGION}-a", "pvc-1", labels={"craton-cluster": cluster})
    put(gcp, "disks", REGION, "pvc-2", labels={"craton-cluster": cluster})


def inner(given: Any) -> dict[str, int]:
    platform = open_platform(given)
    found = platform.find(SSHConnections(platform.endpoint, ClusterDirectory.of("demo")))
    return {one.kind: one.count for one in resource_groups.grouped([one for one in found if one.inner])}


def test_a_destroy_shows_and_removes_load_balancers_and_disks_before_the_network(
    gcp: Project, cluster: Cluster
) -> None:
    given = plan(integration=True)
    assert cluster.make(given) is ExitCode.DONE, cluster.errors
    make_services_and_disks(gcp, "demo", ["demo-infra", "demo-worker"], "demo-worker-1")
    assert inner(given) == {
        "firewall-rule": 4, "target-pool": 1, "http-health-check": 1, "forwarding-rule": 2, "address": 1, "disk": 2,
        "instance-group": 1, "backend-service": 1, "global-health-check": 1,
    }  # fmt: skip
    # What leads to no machine any more, as after a destroy that was interrupted, is found by the firewall's names.
    gcp.things["targetPools", REGION, LB]["instances"] = []
    gcp.changed.clear()
    assert cluster.destroy(given) is ExitCode.DONE, cluster.errors
    kinds = ("instances", "forwardingRules", "targetPools", "httpHealthChecks", "subnetworks", "networks")
    order = [gcp.changed.index(f"compute.{kind}.delete") for kind in kinds]
    assert order == sorted(order)
    assert gcp.remains() == []


def test_in_a_shared_network_only_what_leads_to_the_clusters_machines_is_its_own(
    gcp: Project, cluster: Cluster
) -> None:
    link = f"projects/{PROJECT}/global/networks/shared"
    gcp.things["networks", "global", "shared"] = {"name": "shared", "selfLink": link}
    gcp.things["subnetworks", REGION, "nodes"] = {
        "name": "nodes", "network": link, "ipCidrRange": "10.10.0.0/16", "selfLink": "subnetworks/nodes",
    }  # fmt: skip
    given = plan(network="shared", subnetwork="nodes", integration=True)
    assert cluster.make(given) is ExitCode.DONE, cluster.errors
    make_services_and_disks(gcp, "shared", ["other-worker"], "other-worker-1", "other")
    theirs = set(gcp.remains())
    assert inner(given) == {}
    gcp.things = {key: one for key, one in gcp.things.items() if LB not in key[2] and ID not in key[2]}
    make_services_and_disks(gcp, "shared", ["demo-worker"], "demo-worker-1")
    assert inner(given)["target-pool"] == inner(given)["instance-group"] == 1
    assert inner(given)["firewall-rule"] == 4
    assert cluster.destroy(given) is ExitCode.DONE, cluster.errors
    assert set(gcp.remains()) <= theirs - {f"targetPools {LB}", "disks pvc-1"}


def test_masters_get_the_right_to_attach_disks_to_the_clusters_machines_and_no_other(
    gcp: Project, cluster: Cluster
) -> None:
    """Once a project has lost the role that clusters share, the next one brings it back."""
    given = plan(integration=True)
    gcp.roles[custom_role.ID] = {"deleted": True}
    assert cluster.make(given) is ExitCode.DONE, cluster.errors
    assert set(gcp.roles[custom_role.ID]["includedPermissions"]) == set(custom_role.PERMISSIONS)
    master = f"serviceAccount:demo-master@{PROJECT}.iam.gserviceaccount.com"
    assert {one["role"] for one in gcp.bindings if master in one["members"]} == {
        custom_role.name(PROJECT), "roles/compute.loadBalancerAdmin", "roles/compute.securityAdmin",
        "roles/compute.viewer",
    }  # fmt: skip
    user = [{"role": "roles/iam.serviceAccountUser", "members": [master]}]
    assert [account.get("bindings") for account in gcp.accounts.values()] == [user] * 3
    assert cluster.make(given) is ExitCode.DONE, cluster.errors
    assert cluster.applied == set()
    assert cluster.requests <= 40
    assert cluster.destroy(given) is ExitCode.DONE, cluster.errors
    assert gcp.remains() == []


def test_without_the_integration_masters_get_no_right_to_disks(gcp: Project, cluster: Cluster) -> None:
    assert cluster.make(plan()) is ExitCode.DONE, cluster.errors
    assert gcp.roles == {}
    assert all("bindings" not in account for account in gcp.accounts.values())
