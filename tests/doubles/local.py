"""Clusters of real machines on this computer for tests: planned, installed by the engine, looked at, taken away."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from installer.artifacts.catalogue import read_sums
from installer.artifacts.container_images import images
from installer.common.errors import ExitCode
from installer.common.paths import ClusterDirectory
from installer.engine import runner
from installer.engine.events import RunKind
from installer.engine.journal import Journal
from installer.operations import clusters, pipeline, session
from installer.plan.model import InstallPlan
from installer.plan.sections import Artifacts, Ingress, Networks
from installer.plan.topology import topology
from installer.platforms.local import machine, network
from installer.platforms.local.process import Done, run
from installer.ssh.keys.cluster_key import ensure_key
from installer.steps.platform import Limit
from installer.steps.step import Phase, Step
from tests.doubles.machines import free_subnet, machine_image, the_engine
from tests.doubles.mirror import Mirror, digest, published, running_mirror
from tests.patience import PATIENCE

TO_SSH = (Phase.CHECK, Phase.NETWORK, Phase.MACHINES, Phase.CONNECT)
TO_KUBERNETES = (*TO_SSH, Phase.PREPARE)


def local_plan(**fields: Any) -> InstallPlan:
    """A plan with a name and a network that nothing else here has."""
    networks = Networks(machines=free_subnet(24))
    given = {"name": f"t{uuid4().hex[:6]}", "subdomain": "example.test", "networks": networks, **fields}
    return InstallPlan(platform="local", **given)


@contextmanager
def bridge_mirror(plan: InstallPlan) -> Iterator[tuple[Mirror, InstallPlan]]:
    """A mirror where the machines of `plan` reach this computer, and the plan that has its address and sums."""
    with running_mirror(published(plan), str(plan.networks.machines[1])) as mirror:
        yield mirror, plan.model_copy(update={"artifacts": reviewed(plan, mirror.url)})


def reviewed(plan: InstallPlan, mirror: str) -> Artifacts:
    """What reviewing `plan` records, where the stand-in artifacts are at the address `mirror`."""
    with running_mirror(published(plan)) as here:
        sums = read_sums(plan.model_copy(update={"artifacts": Artifacts(mirror=here.url)}))
    digests = {name: digest(name) for name in images(plan)}
    return Artifacts(mirror=mirror, sums=sums, digests=digests, sums_from=mirror)


_LIMITS = {"ssh": Limit(32), "local": Limit(8)}


class LocalCluster:
    """A cluster of this computer, installed by the real engine as far as `phases`, and destroyed by it."""

    def __init__(self, plan: InstallPlan) -> None:
        self.plan = plan
        self.directory = ClusterDirectory.of(plan.name)
        ensure_key(self.directory)

    def install(self, *phases: Phase) -> ExitCode:
        return self._run(steps_of(self.plan, *(phases or TO_SSH)), RunKind.INSTALL)

    def destroy(self) -> ExitCode:
        return self._run(pipeline.destroy_steps(self.plan), RunKind.DESTROY)

    def _run(self, steps: Iterable[Step], kind: RunKind) -> ExitCode:
        with session.open_world(self.plan, self.directory) as world, Journal(self.directory.journal) as journal:
            code = asyncio.run(
                runner.run(tuple(steps), world, journal, kind=kind, limits={"ssh": Limit(32), "local": Limit(8)})
            )
        if code is not ExitCode.DONE:
            for id, step in clusters.progress(self.directory).steps.items():
                print(id, step.error or "")  # pytest shows it where the test fails
        return code

    def found(self) -> list[tuple[str, str]]:
        with session.open_world(self.plan, self.directory) as world:
            return [(resource.kind, resource.name) for resource in world.platform.find(world.connections)]

    def said(self, short: str, command: str, deadline: float = PATIENCE) -> str:
        """What a command prints on a machine, over SSH."""
        with session.open_world(self.plan, self.directory) as world:
            connection = world.connect(f"{self.plan.name}-{short}", deadline)
            return connection.run(command, deadline=deadline).stdout.strip()

    def root(self, short: str, command: str, stdin: str = "", deadline: float = PATIENCE) -> Done:
        """Run a shell command as root through the engine, past SSH and the network."""
        name = f"{self.plan.name}-{short}"
        return the_engine().attempt(
            "exec", "--interactive", name, "sh", "-c", command, stdin=stdin.encode(), deadline=deadline
        )

    def remove(self) -> None:
        """Leave nothing, whatever state a test ended in."""
        for name in (*(one.name for one in topology(self.plan).machines), f"{self.plan.name}-lb"):
            machine.remove(the_engine(), self.plan.name, name)
        network.remove(the_engine(), self.plan.name)


def steps_of(plan: InstallPlan, *phases: Phase) -> list[Step]:
    """The install's steps in these phases; what they need of others is taken for granted."""
    chosen = [step for step in pipeline.install_steps(plan) if step.phase in phases]
    there = {step.id for step in chosen}
    return [replace(step, needs=tuple(need for need in step.needs if need in there)) for step in chosen]


@contextmanager
def cluster(plan: InstallPlan | None = None, **fields: Any) -> Iterator[LocalCluster]:
    """A small cluster unless the plan or its fields say more; removed at the end."""
    machine_image()
    given = {"masters": 1, "workers": 0, "schedulable_masters": True, "ingress": Ingress(kind="infra", infra=1)}
    made = LocalCluster(plan or local_plan(**{**given, **fields}))
    try:
        yield made
    finally:
        made.remove()


def traces(name: str) -> list[str]:
    """Whatever of a cluster is left on this computer: containers, volumes, networks, cgroups, firewall rules."""
    engine = the_engine()
    left = []
    for kind in ("container", "volume", "network"):
        flags = ("--all", "--external") if kind == "container" and engine.name == "podman" else ()
        listed = engine.call(kind, "ls", *flags, "--format", "{{.Names}}" if kind == "container" else "{{.Name}}")
        left += [line for line in listed.splitlines() if name in line]
    for place in ("/sys/fs/cgroup", "/var/lib/cni", "/etc/cni"):
        left += [str(path) for path in Path(place).rglob(f"*{name}*")]
    left += [line for line in run(["iptables-save"], deadline=20.0).stdout.splitlines() if name in line]
    return left
