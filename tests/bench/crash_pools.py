"""Interrupted at every call about a worker pool: made, grown, on another release, shrunk, and gone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from installer.common.errors import ExitCode
from installer.common.paths import ClusterDirectory
from installer.engine.events import RunKind
from installer.operations import pipeline
from installer.plan import planfile
from installer.plan.model import InstallPlan
from tests.aws import clusters as aws_clusters
from tests.aws import pools as aws_pools
from tests.bench.crash_clouds import CLOUDS, Engines, destroy, done, endured, room_of, until_done
from tests.bench.crash_story import NEW, OLD, Outcome
from tests.doubles.cloud.clusters import UNHURRIED, carry_out, machines
from tests.doubles.cloud.pools import Calls, pooled, releases
from tests.gcp import clusters as gcp_clusters
from tests.gcp import pools as gcp_pools

_CLOUDS: dict[str, tuple[Callable[..., InstallPlan], Callable[..., int], Calls]] = {
    "aws": (aws_clusters.plan, aws_pools.endure_with_pool, aws_pools.CALLS_OF_POOLS),
    "gcp": (gcp_clusters.plan, gcp_pools.endure_with_pool, gcp_pools.CALLS_OF_POOLS),
}
"""By name: what makes its plans, what has calls fail, and which."""

_ABOUT = r"cloud: join/pool"
"""Points in the steps of a pool."""


def every_call(name: str, share: float = 1.0, seed: int = 0, about: str = _ABOUT) -> Outcome:
    """Each act goes on until no engine is killed in it, and leaves as many workers as planned, and no other."""
    told = Outcome()
    plan, _, calls = _CLOUDS[name]
    with CLOUDS[name]() as cloud, room_of(cloud) as room:
        engines, cluster = Engines(room / "points", share, seed, about), cloud.cluster()
        small = plan(workers=2, worker_pool=True).model_copy(update={"kubernetes": OLD})
        large = small.model_copy(update={"workers": 3})
        newer = large.model_copy(update={"kubernetes": NEW})
        fewer = newer.model_copy(update={"workers": 1})
        before: set[str] = set()
        for given, run, living in (
            (small, partial(install, small), cloud.living),
            (large, partial(install, large), cloud.living),
            (newer, partial(upgrade, newer, OLD), None),
            (fewer, partial(install, fewer), None),
        ):
            done(cluster, until_done(told, engines, run, living))
            found = set(pooled(cluster, given))
            told.twins += cluster.twins()
            told.lost += [] if len(found) == given.workers else [f"{len(found)} of {given.workers} workers are there"]
            told.lost += [f"{one} was not replaced" for one in found & before if given is newer]
            told.lost += [f"{name} runs {release}" for name, release in releases(cluster).items()
                          if release != given.kubernetes]  # fmt: skip
            told.orphans += set(releases(cluster)) ^ {*machines(given), *found}
            before = found
        done(cluster, until_done(told, engines, partial(destroy, fewer)))
        told.orphans += cluster.remains()
        known = cloud.calls.union(*calls)
        told.lost += [f"no fault for {call}" for call in set(cluster.account.changed) - known]
        told.points = len(engines.tried)
    return told


def every_fault(name: str) -> Outcome:
    """Clusters whose changing calls about their worker pool fail, each with each fault."""
    told = Outcome()
    _, endure, _ = _CLOUDS[name]
    with CLOUDS[name]() as cloud:
        for fault in cloud.faults:
            endured(told, cloud, f"{fault}, worker pool", partial(endure, fault=fault))
    return told


def install(given: InstallPlan) -> ExitCode:
    planfile.save(ClusterDirectory.of(given.name).plan, given)
    return carry_out(given, pipeline.install_steps(given), tempo=UNHURRIED)


def upgrade(given: InstallPlan, before: str) -> ExitCode:
    return carry_out(given, pipeline.upgrade_steps(given, before), RunKind.UPGRADE, UNHURRIED)
