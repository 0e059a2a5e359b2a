"""The platform `gcp`: what Google Cloud lists of a cluster, how its machines are reached, and what removes it all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from installer.accounts.gcp.account import Account
from installer.accounts.gcp.errors import GcpError
from installer.cluster.dns.cloud_dns import CloudDns
from installer.cluster.dns.records import Target
from installer.common.errors import InstallerError
from installer.plan.model import InstallPlan
from installer.plan.platforms.gcp.settings import Gcp
from installer.plan.rules import Role
from installer.plan.topology import FirewallRule, LoadBalancer
from installer.platforms.clouds.listing import Found, Instance, Shared
from installer.platforms.clouds.platform import CloudPlatform, Kept
from installer.platforms.clouds.pool_bundle import Held
from installer.platforms.gcp import pool_store, removal
from installer.platforms.gcp.firewall_rules import read_back
from installer.platforms.gcp.images import Images
from installer.platforms.gcp.lease import GcpLease
from installer.platforms.gcp.listing import Listing
from installer.platforms.gcp.names import pool_name, published, secret_name
from installer.platforms.gcp.os_login import OsLogin
from installer.ssh.connection import Connections
from installer.steps.platform import Limit, Resource, RunOptions
from installer.steps.step import Context
from installer.steps.work import Work

LIMIT = "gcp"
"""Kind of steps that are requests to Google Cloud."""
_CONSOLE = 1 << 16
"""Bytes of a console that are read: its newest."""


class GcpPlatform(CloudPlatform):
    """One cluster in Google Cloud. Safe from many threads."""

    cloud = "Google Cloud"

    def __init__(self, plan: InstallPlan, options: RunOptions | None) -> None:
        self.settings = plan.settings_of(Gcp)
        self.account = Account(self.settings.project, self.settings.region, self.settings.impersonate)
        self.listing = Listing(self.account, plan)
        self.images = Images(self.account)
        self.os_login = OsLogin(self.account, plan)
        self._records = CloudDns(self.account, published(plan))
        self._region = Shared(partial(self.account.get, "regions", "get", region=self.settings.region))
        self._secret_version: int | None = None
        self._types: dict[tuple[str, ...], tuple[Found, ...]] = {}
        super().__init__(plan, options, self.listing.instances, self.listing.forwarding_rules)

    @property
    def network_project(self) -> str:
        """The project of the network: with a shared VPC, another than the cluster's."""
        return self.settings.network_project or self.account.project

    def region(self) -> dict[str, Any]:
        """The region with its zones and quotas, asked for once."""
        return self._region.value()

    def machine_types(self, wanted: tuple[str, ...]) -> tuple[Found, ...]:
        """These machine types in all zones that offer them, asked for once."""
        if wanted not in self._types:
            chosen = f'name eq "{"|".join(wanted)}"'
            self._types[wanted] = tuple(self.account.pages("machineTypes", "aggregatedList", filter=chosen))
        return self._types[wanted]

    def placed(self, balancer: LoadBalancer, balancers: tuple[Found, ...]) -> LoadBalancer:
        """Its address stands where others have a host name: nothing inside the cluster is to find it by that."""
        return replace(balancer, host=next((str(one["IPAddress"]) for one in balancers if one.get("IPAddress")), ""))

    def balancer_target(self, name: str) -> Target:  # noqa: ARG002 (a cluster has one)
        addresses = frozenset(str(one["IPAddress"]) for one in self.balancers.value() if one.get("IPAddress"))
        if not addresses:
            raise InstallerError("name the cluster", "Google lists no load balancer for it", retryable=True)
        return addresses

    def user_of(self, found: Instance) -> str:
        """The plan's account, or where OS Login counts, the caller's own."""
        return self.os_login.user() if found.by_profile else super().user_of(found)

    def provider_id(self, instance: Instance) -> str:
        return f"gce://{self.account.project}/{instance.zone}/{instance.machine}"

    @property
    def records(self) -> CloudDns:
        return self._records

    def console_of(self, instance: Instance) -> str:
        where = {"zone": instance.zone, "instance": instance.machine, "start": -_CONSOLE}
        return str(self.account.get("instances", "getSerialPortOutput", **where).get("contents", ""))

    def console_command(self, instance: Instance) -> str:
        where = f"--zone {instance.zone} --project {self.account.project}"
        return f"gcloud compute instances get-serial-port-output {instance.machine or instance.id} {where}"

    def one(self, kind: str, name: str) -> Found | None:
        return self.listing.one(kind, name)

    def changed(self, *kinds: str) -> None:
        self.listing.changed(*kinds)

    def id_of(self, kind: str, found: Found) -> str:  # noqa: ARG002 (names are ids here)
        return str(found["name"])

    def words(self, kind: str) -> str:
        return {
            "address": "static address",
            "worker-pool": "managed instance group",
        }.get(kind) or super().words(kind)

    def find(self, connections: Connections) -> list[Resource]:  # noqa: ARG002 (Google Cloud knows it all)
        """Everything in the project with the cluster's label or mark, its service accounts, and its records."""
        return removal.find(self.account, self.listing, self.plan, self.os_login)

    def delete(self, found: Sequence[Resource], work: Work) -> None:
        removal.Remover(self.account, self.listing, self.plan, self.os_login, work).remove(found)

    def limits(self) -> Mapping[str, Limit]:
        """Below what Google lets one project ask for, which others use, too."""
        return {LIMIT: Limit(8, per_second=5.0)}

    def role_firewalls(self) -> Mapping[Role, tuple[FirewallRule, ...]]:
        """Google's networks let everything out, unless a rule forbids it."""
        listed = self.listing.things("firewall-rule")
        denied = any(one.get("denied") and one.get("direction") == "EGRESS" for one in listed)
        return {role: read_back(listed, self.plan, role, way_out=not denied) for role in Role}

    def group(self) -> Found | None:
        """The workers' managed instance group, as it is now."""
        try:
            return self.account.get("regionInstanceGroupManagers", "get", **self._group)
        except GcpError as error:
            if not error.missing:
                raise
            return None

    @property
    def _group(self) -> dict[str, Any]:
        return {"region": self.settings.region, "instanceGroupManager": pool_name(self.plan.name)}

    def kept(self) -> Kept | None:
        found = self.group()
        return None if found is None else Kept(int(found.get("targetSize", 0)))

    def resize_pool(self, count: int) -> None:
        found = self.kept()
        if found is not None and found.size != count:
            self.account.change("regionInstanceGroupManagers", "resize", size=count, **self._group)

    def leave_pool(self, instance: Instance, *, again: bool) -> None:
        """The group then wants one less, unless somebody ended the machine meanwhile."""
        links = [f"zones/{instance.zone}/instances/{instance.machine}"]
        body = {"instances": links, "skipInstancesOnValidationError": True}
        self.account.change("regionInstanceGroupManagers", "deleteInstances", body, **self._group)
        if again:
            self.resize_pool(self.plan.workers)

    @property
    def secret(self) -> str:
        return secret_name(self.plan.name)

    def held(self) -> Held | None:
        return pool_store.read(self.account, self.plan.name, self._secret_version)

    def hold(self, held: Held) -> str:
        self._secret_version = pool_store.write(self.account, self.plan, held)
        return ""

    def pool_trouble(self) -> str:
        for one in self.listing.kept():
            for error in ((one.get("lastAttempt") or {}).get("errors") or {}).get("errors") or ():
                return " ".join(str(error.get("message") or error.get("code", "")).split())
        return ""

    def pool_hint(self) -> str:
        where = f"--zone ZONE --project {self.account.project}"
        return f"gcloud compute instances get-serial-port-output {pool_name(self.plan.name)}-... {where}"

    def lease(self, connections: Connections) -> GcpLease:  # noqa: ARG002 (the project keeps it)
        return GcpLease(self.account, self.plan.name)

    def close(self) -> None:
        self.account.close()


def platform_of(ctx: Context) -> GcpPlatform:
    """The platform of a step of this package."""
    platform = ctx.world.platform
    assert isinstance(platform, GcpPlatform)
    return platform


def open_platform(plan: InstallPlan, options: RunOptions | None) -> GcpPlatform:
    return GcpPlatform(plan, options)
