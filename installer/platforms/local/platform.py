"""The platform `local`: what the container engine knows of a cluster's machines."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from installer.common.errors import ExitCode, InstallerError
from installer.plan.model import InstallPlan
from installer.plan.platforms.local.settings import Local
from installer.plan.topology import FirewallRule, Topology
from installer.platforms.local import copying, limits, machine, names, network
from installer.platforms.local.engine import Engine, open_engine
from installer.ssh.connection import Connections
from installer.ssh.endpoint import Endpoint
from installer.steps.platform import Limit, Resource, RunOptions
from installer.steps.work import Work

LIMIT = "engine"
"""Kind of steps that the container engine does."""


class LocalPlatform:
    def __init__(self, plan: InstallPlan, options: RunOptions | None) -> None:
        if options and options.faults:
            raise InstallerError(
                "read the options",
                "faults work only in a rehearsal, not on real machines",
                hint=f"leave --fault out; `craton local stop {plan.name} MACHINE` and its like make real ones",
                exit_code=ExitCode.USAGE,
            )
        self._plan = plan
        self._engine: Engine | None = None
        self._lock = threading.Lock()

    @property
    def engine(self) -> Engine:
        """The engine that the plan asks for. Raises InstallerError if there is none that works."""
        with self._lock:
            if self._engine is None:
                self._engine = open_engine(self._plan.settings_of(Local).engine)
            return self._engine

    def located(self, topology: Topology) -> Topology:
        """As it is: the plan says every address."""
        return topology

    def find(self, connections: Connections) -> list[Resource]:  # noqa: ARG002 (the engine knows it all)
        engine, cluster = self.engine, self._plan.name
        found = [
            Resource(
                "machine",
                one.name,
                f"{one.state}, 127.0.0.1:{one.port}" if one.running else one.state,
                machine=one.name,
            )
            for one in machine.find_all(engine, cluster)
        ]
        for kind in ("volume", "network"):
            listed = engine.call(kind, "ls", "--quiet", "--filter", names.of_cluster(cluster)).split()
            found += [Resource(kind, name) for name in self._names(kind, listed)]
        return found + self._limits()

    def _limits(self) -> list[Resource]:
        """Limits of the kernel that were raised, unless another cluster's machines are here, which may need them."""
        raised = limits.raised()
        if not raised:
            return []
        every, own = (
            set(self.engine.call("ps", "--all", "--quiet", "--filter", filter).split())
            for filter in (f"label={names.CLUSTER}", names.of_cluster(self._plan.name))
        )
        if every - own:
            return []
        return [Resource("limit", name, f"raised from {before} to {now}") for name, (before, now) in raised.items()]

    def _names(self, kind: str, listed: list[str]) -> list[str]:
        """docker lists networks by id."""
        if kind == "volume" or self.engine.name == "podman":
            return sorted(listed)
        return sorted(str(document["Name"]) for document in self.engine.inspect("network", *listed))

    def remove(self, found: Sequence[Resource], connections: Connections, work: Work) -> None:  # noqa: ARG002
        """Machines with their volumes first, then volumes whose machine is gone, the network, the kernel's limits."""
        for resource in found:
            if resource.kind == "machine":
                work.check_stop()
                machine.remove(self.engine, self._plan.name, resource.name)
                work.log(f"removed the machine {resource.name}")
        for resource in found:
            if resource.kind == "volume" and self.engine.exists("volume", resource.name):
                self.engine.call("volume", "rm", "--force", resource.name)
                work.log(f"removed the volume {resource.name}")
        if any(resource.kind == "network" for resource in found):
            network.remove(self.engine, self._plan.name)
            work.log("removed the network")
        if any(resource.kind == "limit" for resource in found):
            for words in limits.set_back():
                work.log(words)

    def limits(self) -> Mapping[str, Limit]:
        """The engine's work is bound by this computer's processors."""
        return {LIMIT: Limit(max(2, os.cpu_count() or 1))}

    def firewall(self) -> Mapping[str, tuple[FirewallRule, ...]]:
        """Nothing: what the machines themselves enforce is among their evidence."""
        return {}

    def lease(self, connections: Connections) -> None:
        """None: the machines are this computer's own."""

    def endpoint(self, name: str) -> Endpoint:
        found = machine.find(self.engine, name)
        if found is None or found.cluster != self._plan.name:
            hint = "install or resume: the step machines/create makes it"
            raise InstallerError("find the machine", "there is no such machine", machine=name, hint=hint)
        if not found.running or found.port is None:
            hint = f"`craton local start {self._plan.name} {name}`, or resume"
            raise InstallerError("find the machine", f"the machine is {found.state}", machine=name, hint=hint)
        return Endpoint("127.0.0.1", found.port, self._plan.ssh.user, found.host_key or None)

    def console(self, name: str) -> str | None:
        return machine.console(self.engine, name) if machine.find(self.engine, name) else None

    def copy_in(self, name: str, files: Mapping[str, Path], deadline: float) -> bool:
        copying.copy_in(self.engine, name, files, deadline)
        return True

    def close(self) -> None:
        """Nothing is held open."""


def open_platform(plan: InstallPlan, options: RunOptions | None) -> LocalPlatform:
    return LocalPlatform(plan, options)
