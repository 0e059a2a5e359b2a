"""Interrupted at every changing call to a cloud, in an install and a destroy: no twin, nothing left, nothing lost.

In one story the engine is killed (-9) before and after each such call; in the others each fails once in one way.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import boto3

from installer.common.errors import ExitCode
from installer.engine.events import RunKind
from installer.operations import pipeline
from installer.plan.model import InstallPlan
from tests.aws import clusters as aws_clusters
from tests.bench.crash_story import Outcome, tell
from tests.doubles.aws import environment as aws_environment
from tests.doubles.aws import faults as aws_faults
from tests.doubles.aws import server as aws_server
from tests.doubles.aws.remains import keep, renew
from tests.doubles.cloud import guest_agent
from tests.doubles.cloud.clusters import CloudCluster, carry_out, machines, short
from tests.doubles.cloud.google_metadata import GoogleMetadata
from tests.doubles.cloud.stand_ins import StandIns
from tests.doubles.gcp import environment as gcp_environment
from tests.doubles.gcp import faults as gcp_faults
from tests.doubles.gcp import server as gcp_server
from tests.doubles.kill_points import Points, arm_calls_of_clouds
from tests.gcp import clusters as gcp_clusters

_LIBRARIES = ("google.cloud.compute_v1", "googleapiclient.discovery", "google.oauth2.service_account")
"""What engines would import one after the other, for seconds each."""


@dataclass(frozen=True)
class Cloud:
    """One cloud's double. `cluster` makes an account without anything in it, and `living` tells its machines apart.

    `calls` are all that change something, by which faults know them.
    """

    name: str
    environment: Callable[[Path], dict[str, str]]
    cluster: Callable[[], CloudCluster]
    plan: Callable[..., InstallPlan]
    endure: Callable[..., int]
    faults: tuple[Any, ...]
    calls: frozenset[str]
    living: Callable[[], set[str]]


@contextmanager
def aws() -> Iterator[Cloud]:
    with aws_server.served() as (account, endpoint):

        def cluster() -> CloudCluster:
            renew(account)
            boto3.client("route53").create_hosted_zone(Name="example.test", CallerReference="1")
            keep(account)
            account.changed.clear()
            account.machines = stand_ins = StandIns()
            return aws_clusters.Cluster(account, stand_ins)

        def living() -> set[str]:
            return {one.id for one in account.instances() if one.state in ("pending", "running")}

        def environment(room: Path) -> dict[str, str]:
            return aws_environment.environment(endpoint, room)

        yield Cloud(
            "AWS", environment, cluster, aws_clusters.changing, aws_clusters.endure, (*aws_faults.Fault,),
            frozenset(aws_clusters.CALLS + aws_clusters.CALLS_OF_BALANCERS), living,
        )  # fmt: skip


@contextmanager
def gcp(*, enforces_os_login: bool = False) -> Iterator[Cloud]:
    with gcp_server.served() as (project, endpoint):

        def cluster() -> CloudCluster:
            gcp_server.renew(project)
            if enforces_os_login:
                project.metadata["enable-oslogin"] = "TRUE"
            project.zones["mine"] = {"dnsName": "example.test.", "rrsets": {}, "changes": {}}
            project.machines = stand_ins = StandIns(guest_agent.read, GoogleMetadata)
            return gcp_clusters.Cluster(project, stand_ins)

        def endure(made: CloudCluster, fault: gcp_faults.Fault, *, balancer: bool) -> int:
            assert isinstance(made, gcp_clusters.Cluster)
            failed = gcp_clusters.endure(made, fault, balancer=balancer)
            assert not project.refused, f"refused: {project.refused[0]}"
            return failed

        def living() -> set[str]:
            return {str(one["id"]) for one in project.of("instances") if one["status"] != "STOPPING"}

        def environment(room: Path) -> dict[str, str]:
            return gcp_environment.environment(endpoint, room)

        yield Cloud(
            "Google Cloud", environment, cluster, gcp_clusters.changing, endure, (*gcp_faults.Fault,),
            frozenset(gcp_clusters.CALLS + gcp_clusters.CALLS_OF_BALANCERS + gcp_clusters.CALLS_OF_OS_LOGIN), living,
        )  # fmt: skip


CLOUDS = {"aws": aws, "gcp": gcp}


@contextmanager
def room_of(cloud: Cloud) -> Iterator[Path]:
    """A home of Craton's, and the credentials of the cloud's user."""
    with tempfile.TemporaryDirectory(prefix="craton-crash-") as made:
        room = Path(made)
        with patch.dict(os.environ, cloud.environment(room) | {"CRATON_HOME": str(room / "home")}):
            yield room


def every_fault(name: str) -> Outcome:
    """Clusters whose changing calls fail; nobody is killed, and a call that fails counts as one point."""
    told = Outcome()
    with CLOUDS[name]() as cloud:
        for fault in cloud.faults:
            for balancer in (False, True):
                title = f"{fault}, {'load balancer' if balancer else 'infra nodes'}"
                endured(told, cloud, title, partial(cloud.endure, fault=fault, balancer=balancer))
    return told


def endured(told: Outcome, cloud: Cloud, title: str, endure: Callable[[Any], int]) -> None:
    with room_of(cloud):
        try:
            told.points += endure(cloud.cluster())
        except AssertionError as error:
            told.lost.append(f"{title}: {str(error).strip().splitlines()[0]}")
    tell(f"{title} endured")


def every_call(name: str, balancer: bool, share: float = 1.0, seed: int = 0) -> Outcome:
    """Install and destroy a cluster, with engines killed at all or a share of the points."""
    with CLOUDS[name]() as cloud, room_of(cloud) as room:
        return _lived(cloud, cloud.cluster(), cloud.plan(balancer=balancer), Engines(room / "points", share, seed))


def every_call_of_os_login(share: float = 1.0, seed: int = 0) -> Outcome:
    """The same in a project that enforces OS Login, with engines killed around the calls about it alone."""
    with gcp(enforces_os_login=True) as cloud, room_of(cloud) as room:
        engines = Engines(room / "points", share, seed, "oslogin")
        return _lived(cloud, cloud.cluster(), cloud.plan(balancer=False), engines)


def every_fault_of_os_login() -> Outcome:
    """Clusters in a project that enforces OS Login, whose calls about it fail, each with each fault."""
    told = Outcome()
    with gcp(enforces_os_login=True) as cloud:
        for fault in (one for one in gcp_faults.Fault if gcp_faults.applies(gcp_clusters.CALLS_OF_OS_LOGIN[0], one)):
            endured(told, cloud, f"{fault}, OS Login", partial(gcp_clusters.endure_with_os_login, fault=fault))
    return told


def _lived(cloud: Cloud, cluster: CloudCluster, plan: InstallPlan, engines: Engines) -> Outcome:
    """From install to destroy."""
    told = Outcome()
    done(cluster, until_done(told, engines, partial(install, plan), cloud.living))
    told.twins += [*cluster.twins(), *(set(cluster.stand_ins.names) - set(machines(plan)))]
    told.lost += set(machines(plan)) - set(cluster.stand_ins.names)
    done(cluster, until_done(told, engines, partial(destroy, plan)))
    told.orphans += cluster.remains()
    told.lost += [f"no fault for {call}" for call in set(cluster.account.changed) - cloud.calls]
    told.points = len(engines.tried)
    return told


def install(plan: InstallPlan) -> ExitCode:
    return carry_out(plan, short(plan))


def destroy(plan: InstallPlan) -> ExitCode:
    return carry_out(plan, pipeline.destroy_steps(plan), RunKind.DESTROY)


def done(cluster: CloudCluster, code: int | None) -> None:
    cluster.events = cluster.recorded()
    assert code == ExitCode.DONE, f"an engine exits with {code}: {cluster.failures}"


@dataclass(frozen=True)
class Engines:
    """Where engines of one story are killed: at all or a share of the points in whose words `about` is found."""

    points: Path
    share: float = 1.0
    seed: int = 0
    about: str = ""

    @property
    def tried(self) -> set[str]:
        return Points(self.points).tried()


def until_done(
    told: Outcome, engines: Engines, run: Callable[[], int], living: Callable[[], set[str]] | None = None
) -> int | None:
    """Engine after engine, as a person would start them, until one isn't killed; its exit code.

    `run` is what an engine does, in a process of its own. What was `living` when one began has to outlive it.
    """
    context = multiprocessing.get_context("forkserver")  # this process has threads
    context.set_forkserver_preload([__name__, *_LIBRARIES, "tests.doubles.aws.warmed", "tests.doubles.warmed"])
    while True:
        before = living() if living else set()
        engine = context.Process(target=_engine, args=(run, dict(os.environ), engines))
        engine.start()
        engine.join()
        if engine.exitcode != -9:
            return engine.exitcode
        told.killed(getattr(run, "func", run).__name__)
        told.lost += [f"{one} is gone" for one in before - living()] if living else []


def _engine(run: Callable[[], int], environment: dict[str, str], engines: Engines) -> None:
    os.environ.clear()
    os.environ.update(environment)
    arm_calls_of_clouds(Points(engines.points, engines.share, engines.seed, engines.about))
    os._exit(run())
