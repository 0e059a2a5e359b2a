"""Worker pools in the double of a cloud, whose calls fail."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from installer.plan.model import InstallPlan
from tests.doubles.cloud import clusters
from tests.doubles.cloud.clusters import CloudCluster
from tests.doubles.cloud.stand_ins import StandIns

Calls = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], tuple[str, ...]]
"""Those that change something of a worker pool: as it is made, grows, shrinks and changes, and goes."""


def endure(
    cluster: CloudCluster, plan: Callable[..., InstallPlan], calls: Sequence[Sequence[str]], fail: Callable[[str], None]
) -> int:
    """The first request of each call about a worker pool fails: as many machines as planned join, and all go.

    `fail` has the next call of a name fail. Return how many do.
    """
    given = plan(workers=1, worker_pool=True, integration=True)
    larger = given.model_copy(update={"workers": 2})
    newer = given.model_copy(update={"masters": 3})  # machines of the pool that know fewer masters are replaced
    assert isinstance(cluster.stand_ins, StandIns)
    before: list[str] = []
    for wanted, names in zip((given, larger, newer), calls, strict=False):
        for name in names:
            fail(name)
        clusters.until_done(cluster, partial(cluster.install, wanted), len(names))
        found = pooled(cluster, wanted)
        assert len(found) == wanted.workers, found
        assert cluster.stand_ins.nodes() == sorted([*clusters.machines(wanted), *found])
        before, last = found, before
    assert not set(before) & set(last), "all were replaced"
    for name in calls[-1]:
        fail(name)
    clusters.until_done(cluster, partial(cluster.destroy, newer), len(calls[-1]))
    assert cluster.remains() == [], f"left: {cluster.remains()}"
    assert not cluster.account.pending_faults, f"never met: {cluster.account.pending_faults}"
    return sum(map(len, calls))


def pooled(cluster: CloudCluster, given: InstallPlan) -> list[str]:
    """Names of the machines that the plan doesn't name."""
    return [name for name in cluster.stand_ins.names if name not in clusters.machines(given)]


def releases(cluster: CloudCluster) -> dict[str, str]:
    """What each node of the cluster runs, by its name."""
    stand_ins = cluster.stand_ins
    assert isinstance(stand_ins, StandIns)
    return stand_ins.releases()
