"""A cluster in any cloud: where its machines are and how they are reached, and what a cloud's own platform adds."""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from installer.cluster.dns.records import AccountRecords, Target
from installer.common.errors import ExitCode, InstallerError
from installer.common.paths import ClusterDirectory
from installer.plan.model import InstallPlan
from installer.plan.rules import Role
from installer.plan.topology import FirewallRule, LoadBalancer, Machine, Topology
from installer.platforms.clouds.first_contact import FirstContact, host_key
from installer.platforms.clouds.listing import Found, Instance, Instances, Shared
from installer.platforms.clouds.pool_bundle import Held
from installer.ssh.connection import Connections
from installer.ssh.endpoint import Endpoint
from installer.ssh.host_keys import pinned_keys
from installer.steps.platform import Resource, RunOptions
from installer.steps.step import Context
from installer.steps.work import Work

_FRESH = 120.0
"""Seconds for which a list of instances says where they are."""
_SSH = 22


@dataclass(frozen=True, slots=True)
class Kept:
    """The group that keeps a worker pool: how many machines it wants, and whether it is being deleted."""

    size: int
    going: bool = False


@dataclass(frozen=True, slots=True)
class _Way:
    """Where a machine's SSH server listens, and the host through which it is reached."""

    address: str
    jump: Endpoint | None = None


class CloudPlatform:
    """One cluster in a cloud. Safe from many threads. A cloud's own platform says what raises NotImplementedError."""

    cloud: ClassVar[str]
    """Its name, for people."""

    def __init__(
        self,
        plan: InstallPlan,
        options: RunOptions | None,
        instances: Instances,
        balancers: Shared[tuple[Found, ...]],
    ) -> None:
        if options and options.faults:
            raise InstallerError(
                "read the options",
                f"faults work only in a rehearsal, not on machines in {self.cloud}",
                hint="Leave --fault out, or plan a rehearsal.",
                exit_code=ExitCode.USAGE,
            )
        if options and options.artifacts and plan.worker_pool:
            raise InstallerError(
                "read the options",
                "machines of a worker pool get nothing from this computer: Craton doesn't log in to them",
                hint="Serve the directory as a mirror (artifacts.mirror in the plan) and leave --artifacts out. "
                f"The workers are a pool ({plan.pool_reason}).",
                exit_code=ExitCode.USAGE,
            )
        self.plan = plan
        self.instances = instances
        self.balancers = balancers
        self.first_contact = FirstContact(ClusterDirectory.of(plan.name).path)
        self._located: tuple[Topology, Mapping[str, Instance], tuple[Found, ...], Topology] | None = None
        self._turns = itertools.count()
        """Counts ways through masters: a master that doesn't answer is not tried again and again."""
        self._seen = (0, 0.0)
        """Version of the instances' list, and when it was seen first."""

    def located(self, topology: Topology) -> Topology:
        """With the private addresses and zones of instances, and where the balancer is, as they are listed."""
        known = self.instances.by_machine()
        balancers = self.balancers.value() if topology.load_balancer else ()
        last = self._located  # every step of each machine asks: without this a thousand machines cost a million looks
        if last and last[0] is topology and last[1] is known and last[2] is balancers:
            return last[3]
        machines = tuple(
            self.located_at(machine, found) if (found := known.get(machine.name)) else machine
            for machine in topology.machines
        )
        balancer = topology.load_balancer
        now = replace(topology, machines=machines, load_balancer=balancer and self.placed(balancer, balancers))
        self._located = (topology, known, balancers, now)
        return now

    def located_at(self, machine: Machine, found: Instance) -> Machine:
        """Where a machine is; and what a cloud controller says of it, where there is one."""
        placed = replace(machine, address=found.private, zone=found.zone)
        if self.plan.integration is None:
            return placed
        aliases = tuple(one for one in (found.public, *found.names) if one)
        return replace(placed, provider_id=self.provider_id(found), aliases=aliases)

    def endpoint(self, machine: str) -> Endpoint:
        """At the instance's public address. A machine that nobody knows yet proves its host key first."""
        found = self._where(machine)
        directory = ClusterDirectory.of(self.plan.name)
        way = self._way_to(found)
        endpoint = Endpoint(
            way.address, _SSH, self.user_of(found), pinned_keys.pinned(directory, machine), jump=way.jump
        )
        if endpoint.host_key:
            return endpoint
        secret, console = self.first_contact.secret, self.console_command(found)
        shown = host_key(machine, found.id, endpoint, secret, directory, cloud=self.cloud, console=console)
        return replace(endpoint, host_key=shown)

    def user_of(self, found: Instance) -> str:  # noqa: ARG002 (what a cloud's own platform looks at)
        """The account to log in with: the plan's, which the machine was told at its birth."""
        return self.plan.ssh.user

    def is_private(self, machine: str | None) -> bool:
        """Whether a machine has no address of its own on the internet: a worker, if the plan says so."""
        workers = f"{self.plan.name}-{Role.WORKER}-"
        return bool(machine and machine.startswith(workers) and getattr(self.plan.settings, "private_workers", False))

    def reachable(self, found: Instance) -> bool:
        """Whether an instance runs and has the address that it is reached at."""
        return found.runs and found.private is not None and (bool(found.public) or self.is_private(found.machine))

    def _way_to(self, found: Instance) -> _Way:
        """Straight to a public address; to a private one through a master, another one each time it is asked for."""
        if not self.is_private(found.machine):
            return _Way(found.public)
        known = self.instances.by_machine()
        masters = sorted(name for name in known if name.startswith(f"{self.plan.name}-{Role.MASTER}-"))
        up = [name for name in masters if self.reachable(known[name])]
        if not up:
            raise InstallerError(
                "reach the machine",
                "no master runs that leads to it",
                machine=found.machine,
                hint="Start the masters, or resume.",
                retryable=True,
            )
        jump = self.endpoint(up[next(self._turns) % len(up)])  # with its host key, which vouches for it on the way
        return _Way(str(found.private), jump)

    def _where(self, machine: str) -> Instance:
        """The machine's instance, from a list that is not too old. Raises InstallerError (retryable) without one."""
        now = time.monotonic()
        version, since = self._seen
        if self.instances.version != version:
            self._seen = (self.instances.version, now)
        elif version and now - since > _FRESH:
            self.instances.value(version)
            self._seen = (self.instances.version, now)
        found = self.instances.by_machine().get(machine)
        if found and self.reachable(found):
            return found
        seen = f"the instance {found.id} is {found.state}" if found else f"{self.cloud} lists no instance for it"
        raise InstallerError(
            "find the machine",
            seen,
            machine=machine,
            hint="Install or resume: the steps of the phase machines make it.",
            retryable=True,
        )

    def remove(self, found: Sequence[Resource], connections: Connections, work: Work) -> None:  # noqa: ARG002
        """Kind by kind, in the order in which nothing blocks."""
        self.delete(found, work)
        directory = ClusterDirectory.of(self.plan.name)
        for resource in found:
            if resource.machine and resource.name == resource.machine and directory.path.exists():
                pinned_keys.unpin(directory, resource.machine)

    def firewall(self) -> Mapping[str, tuple[FirewallRule, ...]]:
        """The rules of each machine's role, as the cloud lists them."""
        by_role = self.role_firewalls()
        roles = {f"{self.plan.name}-{role}-": role for role in Role}
        found: dict[str, tuple[FirewallRule, ...]] = {}
        for machine in self.instances.by_machine():
            role = next(role for start, role in roles.items() if machine.startswith(start))
            found[machine] = by_role.get(role, ())
        return found

    def console(self, machine: str) -> str | None:
        found = self.instances.by_machine().get(machine)
        return self.console_of(found) if found else None

    def copy_in(self, machine: str, files: Mapping[str, Path], deadline: float) -> None:
        """None: SSH is the only way in."""

    def placed(self, balancer: LoadBalancer, balancers: tuple[Found, ...]) -> LoadBalancer:
        """`balancer` with its address or host name, once it is among those listed."""
        raise NotImplementedError

    def balancer_target(self, name: str) -> Target:
        """Where a record of the balancer leads. Raises InstallerError (retryable) while it has no address."""
        raise NotImplementedError

    def provider_id(self, instance: Instance) -> str:
        """What the cloud's controller in Kubernetes calls an instance."""
        raise NotImplementedError

    @property
    def records(self) -> AccountRecords:
        """The service that answers for the cluster's names."""
        raise NotImplementedError

    def console_of(self, instance: Instance) -> str:
        """What a machine printed on its console. Raises CloudError."""
        raise NotImplementedError

    def console_command(self, instance: Instance) -> str:
        """The cloud's own command that shows a machine's console."""
        raise NotImplementedError

    def role_firewalls(self) -> Mapping[Role, tuple[FirewallRule, ...]]:
        """What the rules in force let through, by role."""
        raise NotImplementedError

    def delete(self, found: Sequence[Resource], work: Work) -> None:
        """Delete what `find` found; no error for what is gone."""
        raise NotImplementedError

    @property
    def secret(self) -> str:
        """The name of the secret of a worker pool."""
        raise NotImplementedError

    def held(self) -> Held | None:
        """What the secret holds that a pool's machines read; None if there is none. Raises CloudError."""
        raise NotImplementedError

    def hold(self, held: Held) -> str:
        """Write the secret. Return what that has to wait for, in words; empty once it's written. Raises CloudError."""
        raise NotImplementedError

    def kept(self) -> Kept | None:
        """The group that keeps the pool, as it is now; None if there is none."""
        raise NotImplementedError

    def resize_pool(self, count: int) -> None:
        """The group that keeps the pool wants so many machines from now on; no error if it does already."""
        raise NotImplementedError

    def leave_pool(self, instance: Instance, *, again: bool) -> None:
        """End one machine of the pool; with `again` the group makes another."""
        raise NotImplementedError

    def pool_trouble(self) -> str:
        """Why the group can't make a machine that it lacks, if the cloud says so with the group."""
        return ""

    def pool_hint(self) -> str:
        """The cloud's own command that shows the console of a machine of the pool."""
        raise NotImplementedError

    def one(self, kind: str, name: str) -> Found | None:
        """The thing of a kind that Craton calls by a name, as it is listed."""
        raise NotImplementedError

    def changed(self, *kinds: str) -> None:
        """What is kept of the listings of these kinds is no longer true."""
        raise NotImplementedError

    def id_of(self, kind: str, found: Found) -> str:
        """The cloud's own name for a thing."""
        raise NotImplementedError

    def words(self, kind: str) -> str:
        """A kind as people read it."""
        return kind.replace("-", " ")


def cloud_of(ctx: Context) -> CloudPlatform:
    """The platform of a step that any cloud has."""
    platform = ctx.world.platform
    assert isinstance(platform, CloudPlatform)
    return platform
