"""Clusters in the double of Google Cloud, by Google's own libraries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from installer.plan.model import InstallPlan
from tests.doubles.cloud import clusters
from tests.doubles.cloud.clusters import CloudCluster
from tests.doubles.gcp import faults
from tests.doubles.gcp.faults import Fault
from tests.doubles.gcp.project import Project

CALLS = (
    "compute.networks.insert", "compute.subnetworks.insert", "compute.firewalls.insert",
    "compute.instances.bulkInsert", "compute.addresses.insert", "iam.projects.serviceAccounts.create",
    "cloudresourcemanager.projects.setIamPolicy", "dns.changes.create", "compute.instances.deleteAccessConfig",
    "compute.addresses.delete", "compute.instances.delete", "compute.firewalls.delete",
    "compute.subnetworks.delete", "compute.networks.delete", "iam.projects.serviceAccounts.delete",
    "compute.routers.insert", "compute.routers.delete",
)  # fmt: skip
"""Calls that change something, of a cluster with infra nodes and private workers."""
CALLS_OF_BALANCERS = (
    "compute.addresses.insert", "compute.regionHealthChecks.insert", "compute.regionBackendServices.insert",
    "compute.forwardingRules.insert", "compute.instanceGroups.insert", "compute.instanceGroups.addInstances",
    "compute.regionBackendServices.patch", "compute.forwardingRules.delete", "compute.regionBackendServices.delete",
    "compute.regionHealthChecks.delete", "compute.instanceGroups.delete", "compute.addresses.delete",
)  # fmt: skip
CALLS_OF_OS_LOGIN = ("oslogin.users.importSshPublicKey", "oslogin.users.sshPublicKeys.delete")


def plan(masters: int = 1, workers: int = 1, *, balancer: bool = False, **gcp: Any) -> InstallPlan:
    ingress: dict[str, Any] = {"kind": "load-balancer"} if balancer else {"kind": "infra", "infra": 1}
    return InstallPlan.model_validate({
        "name": "demo", "subdomain": "example.test", "platform": "gcp", "masters": masters, "workers": workers,
        "ingress": ingress, "networks": {"user": "203.0.113.0/24"},
        "gcp": gcp,
    })  # fmt: skip


def changing(*, balancer: bool) -> InstallPlan:
    """A small cluster; with it and the one with a balancer, Craton makes every call that changes something."""
    return plan(balancer=balancer, private_workers=not balancer)


@dataclass
class Cluster(CloudCluster):
    """One cluster of a project. Names are unique there: a twin would be a machine of one name in two zones."""

    account: Project

    def twins(self) -> list[str]:
        names = [one["name"] for one in self.account.of("instances") if one["status"] != "STOPPING"]
        return sorted({name for name in names if names.count(name) > 1})

    def remains(self) -> list[str]:
        return self.account.remains()


def endure(cluster: Cluster, fault: Fault, *, balancer: bool) -> int:
    """The first request of each changing call fails so: nothing is twice, nothing left. Return how many do."""
    return _endure(cluster, fault, CALLS_OF_BALANCERS if balancer else CALLS, changing(balancer=balancer))


def endure_with_os_login(cluster: Cluster, fault: Fault) -> int:
    """The same of the calls about OS Login, in a project that enforces it."""
    failed = _endure(cluster, fault, CALLS_OF_OS_LOGIN, plan())
    kept = [key for profile in cluster.account.profiles.values() for key in profile["sshPublicKeys"]]
    assert kept == [], f"keys left in profiles: {kept}"
    return failed


def _endure(cluster: Cluster, fault: Fault, calls: tuple[str, ...], given: InstallPlan) -> int:
    wanted = (name for name in calls if faults.applies(name, fault))
    return clusters.endure(cluster, given, wanted, lambda name: cluster.account.fail(name, fault))
