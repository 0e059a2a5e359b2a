"""The platform `aws`: what AWS lists of a cluster, how its machines are reached, and what removes it all."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from installer.common.errors import ExitCode, InstallerError
from installer.common.paths import ClusterDirectory
from installer.plan.model import InstallPlan
from installer.plan.platforms.aws.settings import Aws
from installer.plan.rules import Role
from installer.plan.topology import FirewallRule, Topology
from installer.platforms.aws import removal
from installer.platforms.aws.account import Account
from installer.platforms.aws.first_contact import FirstContact, host_key
from installer.platforms.aws.images import Images
from installer.platforms.aws.lease import AwsLease
from installer.platforms.aws.listing import Found, Instance, Listing
from installer.platforms.aws.names import group_name
from installer.platforms.aws.security_groups import in_force
from installer.ssh.connection import Connections
from installer.ssh.endpoint import Endpoint
from installer.ssh.host_keys import pinned_keys
from installer.steps.platform import Limit, Resource, RunOptions
from installer.steps.step import Context
from installer.steps.work import Work

LIMIT = "aws"
"""Kind of steps that are requests to AWS."""
_FRESH = 120.0
"""Seconds for which a list of instances says where they are."""
_SSH = 22


class AwsPlatform:
    """One cluster in AWS. Safe from many threads."""

    def __init__(self, plan: InstallPlan, options: RunOptions | None) -> None:
        if options and options.faults:
            raise InstallerError(
                "read the options",
                "faults are rehearsed on stand-ins, not on machines in AWS",
                hint="Leave --fault out, or plan a rehearsal.",
                exit_code=ExitCode.USAGE,
            )
        self._plan = plan
        self.settings = plan.settings_of(Aws)
        self.account = Account(self.settings.region, self.settings.profile)
        self.listing = Listing(self.account, plan.name)
        self.images = Images(self.account)
        self.first_contact = FirstContact(ClusterDirectory.of(plan.name).path)
        self._located: tuple[Topology, Mapping[str, Instance], tuple[Found, ...], Topology] | None = None
        self._seen = (0, 0.0)
        """Version of the instances' list, and when it was seen first."""

    def located(self, topology: Topology) -> Topology:
        """With the private addresses and zones of instances, and the balancer's host name, as they are listed."""
        known = self.listing.by_machine()
        balancers = self.listing.balancers.value() if topology.load_balancer else ()
        last = self._located  # every step of each machine asks: without this a thousand machines cost a million looks
        if last and last[0] is topology and last[1] is known and last[2] is balancers:
            return last[3]
        found = self._joined(topology, known, balancers)
        self._located = (topology, known, balancers, found)
        return found

    @staticmethod
    def _joined(topology: Topology, known: Mapping[str, Instance], balancers: tuple[Found, ...]) -> Topology:
        machines = tuple(
            replace(machine, address=found.private, zone=found.zone) if (found := known.get(machine.name)) else machine
            for machine in topology.machines
        )
        balancer = topology.load_balancer
        if balancer:
            named = {str(one["LoadBalancerName"]): str(one["DNSName"]) for one in balancers}
            balancer = replace(balancer, host=named.get(balancer.name, ""))
        return replace(topology, machines=machines, load_balancer=balancer)

    def endpoint(self, machine: str) -> Endpoint:
        """At the instance's public address. A machine that nobody knows yet proves its host key first."""
        found = self._where(machine)
        directory = ClusterDirectory.of(self._plan.name)
        endpoint = Endpoint(found.public, _SSH, self._plan.ssh.user, pinned_keys.pinned(directory, machine))
        if endpoint.host_key:
            return endpoint
        shown = host_key(machine, found.id, endpoint, self.first_contact.secret)
        return replace(endpoint, host_key=shown)

    def _where(self, machine: str) -> Instance:
        """The machine's instance, from a list that is not too old. Raises InstallerError (retryable) without one."""
        listed, now = self.listing.instances, time.monotonic()
        version, since = self._seen
        if listed.version != version:
            self._seen = (listed.version, now)
        elif version and now - since > _FRESH:
            listed.value(version)
            self._seen = (listed.version, now)
        found = self.listing.by_machine().get(machine)
        if found and found.ready:
            return found
        seen = f"the instance {found.id} is {found.state}" if found else "AWS lists no instance for it"
        raise InstallerError(
            "find the machine",
            seen,
            machine=machine,
            hint="Install or resume: the steps of the phase machines make it.",
            retryable=True,
        )

    def find(self, connections: Connections) -> list[Resource]:  # noqa: ARG002 (AWS knows it all)
        """Everything in the region with the cluster's tag, its roles, and its records."""
        return removal.find(self.account, self.listing, self._plan)

    def remove(self, found: Sequence[Resource], connections: Connections, work: Work) -> None:  # noqa: ARG002
        """Kind by kind, in the order in which nothing blocks."""
        removal.remove(self.account, self.listing, self._plan, found, work)
        directory = ClusterDirectory.of(self._plan.name)
        for resource in found:
            if resource.kind == "instance" and resource.machine and directory.path.exists():
                pinned_keys.unpin(directory, resource.machine)

    def limits(self) -> Mapping[str, Limit]:
        """Below what AWS lets one account ask for, which others use, too."""
        return {LIMIT: Limit(8, per_second=5.0)}

    def groups(self) -> dict[Role, str]:
        """Ids of the security groups that exist, by role."""
        found = ((role, self.listing.one("security-group", group_name(self._plan.name, role))) for role in Role)
        return {role: str(group["GroupId"]) for role, group in found if group}

    def own_target_group(self, name: str) -> bool:
        """Whether Craton made it, and not the cluster's Kubernetes: its name ends in a port of the balancer's."""
        return name.rpartition("-")[0] == self._plan.name

    def firewall(self) -> Mapping[str, tuple[FirewallRule, ...]]:
        """The rules of each role's security group, as AWS lists them."""
        groups = self.groups()
        found_groups = {str(one["GroupId"]): one for one in self.listing.things("security-group")}
        by_role = {role: in_force(found_groups[id], self._plan, groups) for role, id in groups.items()}
        roles = {f"{self._plan.name}-{role}-": role for role in Role}
        found: dict[str, tuple[FirewallRule, ...]] = {}
        for machine in self.listing.by_machine():
            role = next(role for start, role in roles.items() if machine.startswith(start))
            found[machine] = by_role.get(role, ())
        return found

    def lease(self, connections: Connections) -> AwsLease:  # noqa: ARG002 (the account keeps it)
        return AwsLease(self.account, self._plan.name)

    def close(self) -> None:
        self.account.close()


def platform_of(ctx: Context) -> AwsPlatform:
    """The platform of a step of this package."""
    platform = ctx.world.platform
    assert isinstance(platform, AwsPlatform)
    return platform


def open_platform(plan: InstallPlan, options: RunOptions | None) -> AwsPlatform:
    return AwsPlatform(plan, options)
