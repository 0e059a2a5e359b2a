"""Finds and removes what exists of a cluster, by its labels and marks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from installer.accounts.gcp.account import Account
from installer.accounts.gcp.errors import GcpError
from installer.cluster.dns.cloud_dns import CloudDns
from installer.common.errors import InstallerError
from installer.common.text import count
from installer.plan.model import InstallPlan
from installer.plan.platforms.gcp.settings import Gcp
from installer.plan.rules import Role
from installer.platforms.clouds.listing import Found
from installer.platforms.gcp import names, pool_store, service_accounts
from installer.platforms.gcp.listing import KINDS, Listing
from installer.platforms.gcp.made_inside import made_inside, resource, shared_firewall
from installer.platforms.gcp.names import WAY_OUT
from installer.platforms.gcp.os_login import OsLogin
from installer.steps.platform import Resource
from installer.steps.work import Work

_LOOK_EVERY = 5.0
ORDER = (
    "record", "worker-pool", "secret", "instance-template",
    "forwarding-rule", "target-pool", "backend-service", "health-check", "http-health-check",
    "global-health-check", "instance-group", "instance", "address", "disk", "firewall-rule", "router", "subnetwork",
    "network", "service-account", "login-key",
)  # fmt: skip
"""Kinds, in the order in which nothing blocks their deletion."""


def find(account: Account, listing: Listing, plan: InstallPlan, login: OsLogin) -> list[Resource]:
    """Everything of the cluster that Google Cloud lists now."""
    listing.changed(*KINDS)
    listing.instances.changed()
    found = [
        # One of a pool goes with the pool, which would make it again.
        Resource("instance", one.machine or one.id, one.state, one.id, one.zone, None if one.pooled else one.machine)
        for one in listing.instances.value()
    ]
    for kind in (name for name, known in KINDS.items() if not known.inner):
        for one in listing.things(kind):
            inner = _inner(kind, one)
            if kind != "disk" or inner or not one.get("users"):  # a machine's own disk goes with it
                made = resource(kind, one, inner=inner)
                found.append(replace(made, machine=made.name) if kind == "worker-pool" else made)
    found += [Resource("secret", names.secret_name(plan.name))] if _has_secret(account, listing, plan) else []
    firewall = listing.things("firewall-rule")
    if plan.settings_of(Gcp).network:  # whose rules are listed by the cluster's mark, and these have none
        others = shared_firewall(account, plan)
        found += [resource("firewall-rule", one, inner=True) for one in others]
        firewall = (*firewall, *others)
    found += made_inside(account, plan, firewall)
    if plan.settings_of(Gcp).dns == "cloud-dns":
        found += [Resource("record", name) for name in CloudDns(account, names.published(plan)).own()]
    mails = (service_accounts.email(plan, account.project, role) for role in Role)
    found += [Resource("service-account", mail) for mail in mails if service_accounts.service_account(account, mail)]
    if login.enforced:
        found += [Resource("login-key", name) for name in login.own()]
    return found


def _has_secret(account: Account, listing: Listing, plan: InstallPlan) -> bool:
    """Whether there is a pool's secret. Who has no pool need not be able to ask: its templates go after it."""
    try:
        return pool_store.exists(account, plan.name)
    except GcpError as error:
        if plan.worker_pool or listing.things("instance-template") or not error.out_of_reach:
            raise
        return False


def _inner(kind: str, found: Found) -> bool:
    """Whether Kubernetes made it: a disk that was no machine's first, a firewall rule without the cluster's mark."""
    if kind == "disk":
        return names.ROLE not in (found.get("labels") or {})
    return kind == "firewall-rule" and names.mark_of(str(found.get("description") or "")) is None


class Remover:
    """Removes what was found, kind by kind. No error for what is gone."""

    def __init__(self, account: Account, listing: Listing, plan: InstallPlan, login: OsLogin, work: Work) -> None:
        self._account, self._listing, self._plan, self._login, self._work = account, listing, plan, login, work

    def remove(self, found: Sequence[Resource]) -> None:
        """Raises InstallerError naming what blocks a deletion."""
        for kind in ORDER:
            if those := [resource for resource in found if resource.kind == kind]:
                self._work.check_stop()
                self._of_kind(kind, those)

    def _of_kind(self, kind: str, those: list[Resource]) -> None:
        if kind == "instance":
            self._instances(those)
        elif kind == "record":
            CloudDns(self._account, names.published(self._plan)).remove([one.name for one in those])
        elif kind == "service-account":
            for one in those:
                service_accounts.remove(self._account, one.name)
        elif kind == "secret":
            pool_store.delete(self._account, self._plan.name)
        elif kind == "login-key":
            self._login.remove([one.name for one in those])
        elif kind == "firewall-rule":
            self._together(kind, those)
        else:
            for one in those:
                self._one(kind, one)
        if kind == "worker-pool":
            self._listing.instances.changed()
            self._listing.changed("disk", "address")
        if kind in KINDS:
            self._listing.changed(kind)
        self._work.log(
            f"removed {count(len(those), kind.replace('-', ' '))}: {', '.join(one.name for one in those[:5])}"
        )

    def _instances(self, those: list[Resource]) -> None:
        """A request for each, and one look at all until they are gone: networks need that."""
        names = {one.name: one for one in those if one.machine}
        for one in names.values():
            self._tolerant(partial(self._account.begin, "instances", "delete", instance=one.name, zone=one.zone))

        def gone() -> tuple[bool | None, str]:
            listed = self._listing.instances.value(self._listing.instances.version)
            left = [one for one in listed if one.machine in names]
            return (None, f"{count(len(left), 'instance')} going") if left else (True, "gone")

        self._work.wait_until(f"{count(len(names), 'instance')} to go", gone, _LOOK_EVERY)
        self._listing.changed("disk", "address")

    def _together(self, kind: str, those: list[Resource]) -> None:
        """Things that don't wait for each other: all requests first, then all answers."""
        begun = [self._tolerant(partial(self._begin, kind, one)) for one in those]
        for operation in begun:
            if operation:
                self._tolerant(partial(self._account.finish, operation, _action(kind)))

    def _release(self, one: Resource) -> None:
        """Take a static address from the machine that has it: it can't be deleted before."""
        found = self._listing.one("address", one.name) or {}
        for instance in self._listing.instances.value():
            if instance.lives and instance.machine and instance.public == found.get("address"):
                where: dict[str, Any] = {
                    "instance": instance.machine,
                    "zone": instance.zone,
                    "networkInterface": "nic0",
                }
                self._tolerant(
                    partial(self._account.change, "instances", "deleteAccessConfig", accessConfig=WAY_OUT, **where)
                )
                self._listing.instances.changed()

    def _one(self, kind: str, one: Resource) -> None:
        """Delete one thing, again while something that is going still needs it."""
        if kind == "address":
            self._release(one)
        blocked: list[GcpError] = []

        def attempt() -> tuple[bool | None, str]:
            try:
                self._account.finish(self._begin(kind, one), _action(kind))
            except GcpError as error:
                if error.missing:
                    return True, "gone"
                if error.in_use:
                    blocked[:] = [error]
                    return None, error.observed
                raise
            return True, "deleted"

        try:
            self._work.wait_until(f"{kind} {one.name} to be free", attempt, _LOOK_EVERY)
        except InstallerError as error:
            if blocked:
                error.hint = f"{blocked[0].observed}. Delete what needs it in the console, then destroy again."
            raise

    def _begin(self, kind: str, one: Resource) -> dict[str, Any]:
        known = KINDS[kind]
        where: dict[str, Any] = {_SINGULAR[kind]: one.name, **self._listing.place(kind)}
        if kind == "disk" and not one.zone:  # in two zones at once
            return self._account.begin("regionDisks", "delete", disk=one.name, region=self._account.region)
        if known.scope == "every":
            where["zone"] = one.zone
        return self._account.begin(known.collection, "delete", **where)

    def _tolerant(self, request: Callable[[], Any]) -> Any:
        """A request about something that may be gone."""
        try:
            return request()
        except GcpError as error:
            if not error.missing:
                raise
            return None


_SINGULAR = {
    "forwarding-rule": "forwardingRule", "backend-service": "backendService", "health-check": "healthCheck",
    "instance-group": "instanceGroup", "worker-pool": "instanceGroupManager", "instance-template": "instanceTemplate",
    "address": "address", "disk": "disk", "firewall-rule": "firewall",
    "router": "router", "subnetwork": "subnetwork", "network": "network", "target-pool": "targetPool",
    "http-health-check": "httpHealthCheck", "global-health-check": "healthCheck",
}  # fmt: skip
"""How requests name one thing of a kind."""


def _action(kind: str) -> str:
    return f"compute.{KINDS[kind].collection}.delete"
