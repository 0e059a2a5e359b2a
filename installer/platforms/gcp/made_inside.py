"""What cloud-provider-gcp made for Services of a cluster: load balancers that no label or mark says whose they are.

Firewall rules lead to them: they are in the cluster's network, let somebody in to its machines, and have the names of
what they are for (`providers/gce/gce_loadbalancer_naming.go`). They are deleted last, so a destroy that was interrupted
finds the rest. A target pool also shows by its machines.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator
from typing import Any

from installer.accounts.gcp.account import Account, last
from installer.plan.model import InstallPlan
from installer.plan.platforms.gcp.settings import Gcp
from installer.plan.rules import Role
from installer.platforms.clouds.listing import Found
from installer.platforms.gcp import names
from installer.steps.platform import Resource

_MADE = 'name eq "k8s-.*"'
_GROUP = "k8s-ig--"
_GROUPS = f'name eq "{_GROUP}.*"'
_TRAFFIC = re.compile(r"k8s-fw-(.+?)(?:-deny)?")
_OF_ALL_NODES = re.compile(r"k8s-([0-9a-f]+)-node-(?:http-)?hc")
_CHECKING = re.compile(r"(?:k8s-)?(.+?)-(?:http-)?hc")
_SERVICE = "kubernetes.io/service-name"
"""What the description of an address names that was reserved for a Service, and not by the user."""


def resource(kind: str, found: Found, *, inner: bool) -> Resource:
    """A thing of an answer."""
    return Resource(kind, str(found["name"]), id=str(found["id"]), zone=last(found.get("zone", "")), inner=inner)


def shared_firewall(account: Account, plan: InstallPlan) -> list[Found]:
    """Its firewall rules in a network that is not the cluster's own: those that are about its machines alone."""
    gcp, tags = plan.settings_of(Gcp), {names.tag(plan.name, role) for role in Role}
    where = {"project": gcp.network_project} if gcp.network_project else {}
    listed = account.pages("firewalls", filter=_MADE, **where)
    return [one for one in listed if (targets := set(one.get("targetTags") or ())) and targets <= tags]


def made_inside(account: Account, plan: InstallPlan, firewall: Iterable[Found]) -> list[Resource]:
    """The other parts of load balancers; `firewall` are the rules of the cluster. Two requests if there are none."""
    return list(_Search(account, plan, [str(one["name"]) for one in firewall]).found())


class _Search:
    def __init__(self, account: Account, plan: InstallPlan, firewall: list[str]) -> None:
        self._account, self._plan, self._gcp = account, plan, plan.settings_of(Gcp)
        self._where: dict[str, Any] = {"region": account.region}
        self._machine = re.compile(rf"{re.escape(plan.name)}-({'|'.join(Role)})-([1-9][0-9]*|[0-9a-z]{{4}})")
        self._balancers = {match[1] for name in firewall if (match := _TRAFFIC.fullmatch(name))}
        self._ids = {match[1] for name in firewall if (match := _OF_ALL_NODES.fullmatch(name))}
        checks = {match[1] for name in firewall if (match := _CHECKING.fullmatch(name))}
        self._checks = checks | {f"k8s-{name}" for name in checks}
        """Names that health checks may have: the prefix is that of the rule, or their own."""

    def found(self) -> Iterator[Resource]:
        pools = [one for one in self._account.pages("targetPools", **self._where)
                 if one["name"] in self._balancers or self._ours(one.get("instances"))]  # fmt: skip
        every = list(self._account.pages("instanceGroups", "aggregatedList", filter=_GROUPS))
        own = {_group(str(one["selfLink"])) for one in every if self._is_own(one)}
        services = list(self._services(own)) if own or self._balancers else []
        own |= {_group(str(one["group"])) for service in services for one in service.get("backends") or ()}
        groups = [one for one in every if _group(str(one["selfLink"])) in own]
        rules = list(self._forwarding(pools, services)) if pools or services or self._balancers else []
        addresses = list(self._addresses(rules)) if rules else []
        checks, shared = self._named("httpHealthChecks"), self._named("healthChecks")
        for kind, those in (("target-pool", pools), ("instance-group", groups), ("backend-service", services),
                            ("forwarding-rule", rules), ("address", addresses), ("http-health-check", checks),
                            ("global-health-check", shared)):  # fmt: skip
            yield from (resource(kind, one, inner=True) for one in those)

    def _ours(self, links: Iterable[str] | None) -> bool:
        return any(self._machine.fullmatch(last(link)) for link in links or ())

    def _is_own(self, group: Found) -> bool:
        """In the cluster's own network every group is; elsewhere one with the number of the cluster in its name."""
        if last(group.get("network", "")) != (self._gcp.network or self._plan.name):
            return False
        return not self._gcp.network or str(group["name"]).removeprefix(_GROUP) in self._ids

    def _services(self, groups: Container[tuple[str, str]]) -> Iterator[Found]:
        for one in self._account.pages("regionBackendServices", **self._where):
            backends = one.get("backends") or ()
            if one["name"] in self._balancers or any(_group(str(backend["group"])) in groups for backend in backends):
                yield one

    def _forwarding(self, pools: Iterable[Found], services: Iterable[Found]) -> Iterator[Found]:
        leads = {str(one["name"]) for one in (*pools, *services)}
        for one in self._account.pages("forwardingRules", **self._where):
            if one["name"] in self._balancers or last(one.get("target") or one.get("backendService") or "") in leads:
                yield one

    def _addresses(self, rules: Iterable[Found]) -> Iterator[Found]:
        used = {str(one.get("IPAddress")) for one in rules}
        for one in self._account.pages("addresses", **self._where):
            if str(one.get("address")) in used and _SERVICE in str(one.get("description") or ""):
                yield one

    def _named(self, collection: str) -> list[Found]:
        """Health checks of the cluster's firewall rules."""
        if not self._checks:
            return []
        return [one for one in self._account.pages(collection) if one["name"] in self._checks]


def _group(link: str) -> tuple[str, str]:
    """Zone and name of an instance group."""
    parts = link.split("/")
    return parts[-3], parts[-1]
