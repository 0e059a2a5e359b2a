"""The rehearsal platform: stand-in machines on this computer, asked of their site."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from installer.common.errors import InstallerError
from installer.plan.model import InstallPlan
from installer.plan.topology import FirewallRule, Topology, topology
from installer.platforms.rehearsal.client import SiteClient, StandInView
from installer.platforms.rehearsal.faults import parse_faults
from installer.platforms.rehearsal.records import FIREWALL_RULES
from installer.ssh.connection import Connections
from installer.ssh.endpoint import Endpoint
from installer.steps.answers import MOMENT
from installer.steps.platform import Limit, Resource, RunOptions
from installer.steps.work import Work

LIMIT = "rehearsal"
"""Kind of steps that the site does."""
_SITE = "rehearsal site"
_PATIENCE = 1.0
"""Seconds for which the site is asked to wait for a machine that is starting."""
_KINDS = {"firewall": "firewall group", "load-balancer": "load balancer", "dns": "A record"}
"""Entries of a site, in the order in which they are listed, and what people call them."""


class RehearsalPlatform:
    """`options` are those of the run that opens it; without them a site's pace and faults stay as they are."""

    def __init__(self, plan: InstallPlan, options: RunOptions | None) -> None:
        self._plan = plan
        self._options = options
        self._faults = parse_faults(options.faults, plan.name, topology(plan)) if options else ()
        self._client = SiteClient(plan.name)
        self._lock = threading.Lock()
        self._greeted = False
        """Whether the site answered, and got this run's options."""
        self._listing = threading.Lock()
        self._listed: dict[str, tuple[float, StandInView]] = {}
        """Machines as they were seen, and when."""

    @property
    def exists(self) -> bool:
        """Whether there is a site, though its process may be gone."""
        return self._client.exists()

    @property
    def alive(self) -> bool:
        """Whether the site's process answers."""
        return self._client.alive()

    def site(self, *, create: bool = False) -> SiteClient:
        """The site, answering, and with this run's pace and faults.

        Starts its process if that has ended. Raises InstallerError if there is no site and `create` is not given.
        """
        with self._lock:
            if not create and not self._client.exists():
                raise InstallerError(
                    "reach the rehearsal site",
                    f"there is no site of {self._plan.name} on this computer",
                    hint="install the cluster: its network/site step makes it",
                )
            if not (self._greeted and self._client.runs()):  # a greeting for each request would double them
                self._client.start()
            if self._options is not None and not self._greeted:
                self._client.call(
                    "options",
                    speed=self._options.speed,
                    seed=self._options.seed,
                    faults=[[fault.machine, fault.phase, fault.kind] for fault in self._faults],
                )
            self._greeted = True
        return self._client

    def remove_site(self) -> None:
        """End the site's process and remove its directory, with all stand-ins that are left."""
        with self._lock:
            self._client.stop()
            self._greeted = False

    def located(self, topology: Topology) -> Topology:
        """As it is: the plan says every address."""
        return topology

    def find(self, connections: Connections) -> list[Resource]:  # noqa: ARG002 (the site knows)
        if not self._client.exists():
            return []
        client = self.site()
        found = [Resource(_SITE, self._plan.name, str(client.directory))]
        found += [
            Resource("machine", machine.name, f"{machine.state}, 127.0.0.1:{machine.port}", machine=machine.name)
            for machine in client.machines()
        ]
        for kind, title in _KINDS.items():
            found += [Resource(title, name) for name in sorted(client.call("entries", kind=kind))]
        return found

    def remove(self, found: Sequence[Resource], connections: Connections, work: Work) -> None:  # noqa: ARG002
        """Machines, then entries, then the site itself."""
        kinds = {title: kind for kind, title in _KINDS.items()}
        for resource in sorted(found, key=lambda one: one.kind != "machine"):
            work.check_stop()
            if resource.kind == "machine":
                self.site().call("delete", name=resource.name)
            elif resource.kind in kinds:
                self.site().call("remove", kind=kinds[resource.kind], name=resource.name)
            else:
                continue
            work.log(f"removed the {resource.kind} {resource.name}")
        if any(resource.kind == _SITE for resource in found):
            self.remove_site()
            work.log("removed the rehearsal site")

    def limits(self) -> Mapping[str, Limit]:
        return {LIMIT: Limit(16)}

    def firewall(self) -> Mapping[str, tuple[FirewallRule, ...]]:
        if not self._client.exists():
            return {}
        client = self.site()
        groups = {
            name: FIREWALL_RULES.validate_python(rules)
            for name, rules in client.call("entries", kind="firewall").items()
        }
        return {machine.name: groups.get(machine.firewall, ()) for machine in client.machines()}

    def lease(self, connections: Connections) -> None:
        """None: the machines are this computer's own."""

    def listed(self) -> dict[str, StandInView]:
        """All machines, by name."""
        found = {machine.name: machine for machine in self.site().machines()}
        self._listed = {name: (time.monotonic(), one) for name, one in found.items()}
        return found

    def started(self, name: str) -> StandInView | None:
        """One machine, as soon as it has started, or as it is after a second. Its endpoint is known then."""
        found = self.site().machine(name, _PATIENCE)
        if found is not None and found.state == "running":
            self._listed[name] = time.monotonic(), found
        return found

    def endpoint(self, machine: str) -> Endpoint:
        found = self._seen(machine)
        if found is None or found.state != "running":
            found = self.site().machine(machine)
        if found is None:
            hint = "install or resume: the step machines/create makes it"
            raise InstallerError("find the machine", "there is no such machine", machine=machine, hint=hint)
        if found.state != "running":
            observed = f"the machine is {found.state}"
            raise InstallerError("find the machine", observed, machine=machine, retryable=found.state == "pending")
        return Endpoint("127.0.0.1", found.port, found.user, found.host_key)

    def _seen(self, machine: str) -> StandInView | None:
        """A machine as it was a moment ago, when all were listed: a thousand need no request each."""
        with self._listing:
            at, found = self._listed.get(machine, (0.0, None))
            return found if time.monotonic() - at < MOMENT else self.listed().get(machine)

    def console(self, machine: str) -> None:
        """None: stand-ins have none."""

    def copy_in(self, machine: str, files: Mapping[str, Path], deadline: float) -> None:
        """None: SSH is the only way in."""

    def close(self) -> None:
        """Nothing is held open: every request has a connection of its own."""


def open_platform(plan: InstallPlan, options: RunOptions | None) -> RehearsalPlatform:
    return RehearsalPlatform(plan, options)
