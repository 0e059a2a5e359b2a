"""Worker pools in the double of Google Cloud, whose calls fail."""

from __future__ import annotations

from tests.doubles.cloud import pools
from tests.doubles.cloud.pools import Calls
from tests.doubles.gcp import faults
from tests.doubles.gcp.faults import Fault
from tests.gcp.clusters import Cluster, plan

_GROUPS, _TEMPLATES = "compute.regionInstanceGroupManagers", "compute.regionInstanceTemplates"
_SECRETS = "secretmanager.projects.secrets"
CALLS_OF_POOLS: Calls = (
    (f"{_SECRETS}.create", f"{_SECRETS}.setIamPolicy", f"{_SECRETS}.addVersion", f"{_SECRETS}.versions.destroy",
     f"{_TEMPLATES}.insert", f"{_GROUPS}.insert"),
    (f"{_GROUPS}.resize",),
    (f"{_GROUPS}.deleteInstances", f"{_GROUPS}.setInstanceTemplate", f"{_TEMPLATES}.delete"),
    (f"{_GROUPS}.delete", f"{_TEMPLATES}.delete", f"{_SECRETS}.delete"),
)  # fmt: skip


def endure_with_pool(cluster: Cluster, fault: Fault) -> int:
    """The first request of each call about a worker pool fails so. Return how many do."""
    calls = [[name for name in names if faults.applies(name, fault)] for names in CALLS_OF_POOLS]
    failed = pools.endure(cluster, plan, calls, lambda name: cluster.account.fail(name, fault))
    assert not cluster.account.refused, f"refused: {cluster.account.refused[0]}"
    return failed
