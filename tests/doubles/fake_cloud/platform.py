"""The platform on top of the fake cloud: one listing for all threads, everything found by its tag."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

from installer.common.errors import InstallerError
from installer.node.lease import NodeLease
from installer.plan.model import InstallPlan
from installer.plan.registration import PlatformTraits
from installer.plan.topology import FirewallRule, Topology, topology
from installer.platforms.rehearsal.records import FIREWALL_RULES
from installer.ssh.connection import Connections
from installer.ssh.endpoint import Endpoint
from installer.steps.platform import Limit, Resource, RunOptions
from installer.steps.work import Work
from tests.doubles.fake_cloud.api import CloudResource, DependencyViolationError, FakeCloud

NAME = "fakecloud"
TRAITS = PlatformTraits(NAME, "Fake cloud", "a cloud in this process", assigns_addresses=True, stand_ins=True)
TAG = "craton-cluster"
LIMIT = "fakecloud"
ACCOUNTS: dict[str, FakeCloud] = {}
"""The account that a cluster is in, by the cluster's name: put there by a fixture."""
_ORDER = ("machine", "load-balancer", "dns", "volume", "firewall", "network")
"""Kinds, in the order in which nothing blocks their deletion."""


class CloudPlatform:
    def __init__(self, plan: InstallPlan, cloud: FakeCloud) -> None:
        self._plan = plan
        self.cloud = cloud
        self._lock = threading.Lock()
        self._listing: tuple[CloudResource, ...] = ()
        self._version = 0

    @property
    def version(self) -> int:
        """Of the listing that is kept; 0 before the first."""
        return self._version

    def listing(self, newer_than: int = 0) -> tuple[CloudResource, ...]:
        """What exists. Threads that have all seen the same version share one request for the next."""
        with self._lock:
            if self._version <= newer_than:
                self._listing = tuple(self.cloud.list_resources(TAG, self._plan.name))
                self._version += 1
            return self._listing

    def one(self, kind: str, name: str) -> CloudResource | None:
        return next((entry for entry in self.listing() if (entry.kind, entry.name) == (kind, name)), None)

    def changed(self) -> None:
        """What is kept is no longer true."""
        self.listing(self._version)

    def located(self, topology: Topology) -> Topology:
        known = {entry.name: entry for entry in self.listing() if entry.kind in ("machine", "load-balancer")}
        machines = tuple(
            replace(machine, address=_address(known.get(machine.name)), zone=found.zone if found else "")
            for machine in topology.machines
            for found in (known.get(machine.name),)
        )
        balancer = topology.load_balancer
        if balancer and (found := known.get(balancer.name)):
            balancer = replace(balancer, host=found.host)
        return replace(topology, machines=machines, load_balancer=balancer)

    def lease(self, connections: Connections) -> NodeLease:
        """Kept on the first master."""
        first = topology(self._plan).first_master.name
        return NodeLease(first, lambda seconds: connections.get(first, seconds))

    def endpoint(self, machine: str) -> Endpoint:
        seen = self._version
        entry = self.one("machine", machine)
        if not (entry and entry.host_key):
            self.listing(max(seen, 1))
            entry = self.one("machine", machine)
        if entry and entry.address and entry.host_key:
            return Endpoint("127.0.0.1", entry.port, self._plan.ssh.user, entry.host_key)
        if entry is None:
            raise InstallerError("find the machine", "the cloud does not list it", machine=machine, retryable=True)
        raise InstallerError("find the machine", f"it is {entry.state}, without an address or host key",
                             machine=machine, retryable=True)  # fmt: skip

    def find(self, connections: Connections) -> list[Resource]:
        self.changed()
        return [
            Resource(entry.kind, entry.name, entry.state, entry.id, entry.zone, entry.machine)
            for entry in self.listing()
        ]

    def remove(self, found: Sequence[Resource], connections: Connections, work: Work) -> None:
        for kind in _ORDER:
            if ids := [resource.id for resource in found if resource.kind == kind]:
                self.delete(ids, work)
        self.changed()

    def delete(self, ids: Sequence[str], work: Work) -> None:
        """Delete things of one kind. What still needs them goes first, once the cloud lists it at all."""

        def attempt() -> tuple[bool | None, str]:
            try:
                self.cloud.delete(ids)
            except DependencyViolationError as refused:
                self.changed()
                users = [entry.id for entry in self.listing() if set(entry.needs) & set(ids)]
                machines = [id for id in users if id.startswith("machine")]
                self.cloud.delete(machines or users)
                return None, refused.observed
            return True, "gone"

        work.wait_until("what needs it to go", attempt)

    def limits(self) -> Mapping[str, Limit]:
        return {LIMIT: Limit(8, per_second=2.0)}

    def firewall(self) -> Mapping[str, tuple[FirewallRule, ...]]:
        entries = self.listing()
        groups = {
            entry.id: FIREWALL_RULES.validate_python(entry.value) for entry in entries if entry.kind == "firewall"
        }
        return {
            entry.name: next((groups[id] for id in entry.needs if id in groups), ())
            for entry in entries
            if entry.kind == "machine"
        }

    def console(self, machine: str) -> None:
        """None: the cloud keeps none."""

    def copy_in(self, machine: str, files: Mapping[str, Path], deadline: float) -> None:
        """None: SSH is the only way in."""

    def close(self) -> None:
        """Nothing is held open."""


def _address(entry: CloudResource | None) -> IPv4Address | None:
    return IPv4Address(entry.address) if entry and entry.address else None


def open_platform(plan: InstallPlan, options: RunOptions | None) -> CloudPlatform:
    return CloudPlatform(plan, ACCOUNTS[plan.name])
