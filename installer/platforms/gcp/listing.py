"""What Google Cloud lists of one cluster: a request for each kind of thing, not for each thing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from ipaddress import IPv4Address
from typing import Any

from installer.accounts.gcp.account import Account, last
from installer.accounts.gcp.errors import GcpError
from installer.plan.model import InstallPlan
from installer.plan.platforms.gcp.settings import Gcp
from installer.platforms.clouds.listing import Found, Instance, Instances, Shared
from installer.platforms.gcp import names
from installer.platforms.gcp.startup import by_profile

_GOING = {"DELETING", "ABANDONING"}
"""What a group does with an instance that is no longer one of its own."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How things of one kind are listed. `networking` things are in the project of the network."""

    name: str
    collection: str
    scope: str = "region"
    """`global`, `region`, or `every` for all zones at once."""
    labelled: bool = False
    """Whether labels say whose it is, and no description does."""
    networking: bool = False
    inner: bool = False
    """Whether Kubernetes alone makes such things: `made_inside` finds them."""


KINDS = {
    kind.name: kind
    for kind in (
        Kind("network", "networks", "global", networking=True),
        Kind("subnetwork", "subnetworks", networking=True),
        Kind("firewall-rule", "firewalls", "global", networking=True),
        Kind("router", "routers", networking=True),
        Kind("address", "addresses"),
        Kind("forwarding-rule", "forwardingRules"),
        Kind("backend-service", "regionBackendServices"),
        Kind("health-check", "regionHealthChecks"),
        Kind("instance-group", "instanceGroups", "every"),
        Kind("worker-pool", "regionInstanceGroupManagers"),
        Kind("instance-template", "regionInstanceTemplates"),
        Kind("disk", "disks", "every", labelled=True),
        Kind("target-pool", "targetPools", inner=True),
        Kind("http-health-check", "httpHealthChecks", "global", inner=True),
        Kind("global-health-check", "healthChecks", "global", inner=True),
    )
}


class Listing:
    """Everything in one region that belongs to a cluster, by its label or its mark. Safe from many threads."""

    def __init__(self, account: Account, plan: InstallPlan) -> None:
        self._account, self._plan = account, plan
        self._gcp = plan.settings_of(Gcp)
        self.instances = Instances(self._instances)
        self._things = {name: Shared(partial(self._listed, kind)) for name, kind in KINDS.items()}

    @property
    def forwarding_rules(self) -> Shared[tuple[Found, ...]]:
        return self._things["forwarding-rule"]

    def things(self, kind: str) -> tuple[Found, ...]:
        return self._things[kind].value()

    def one(self, kind: str, name: str) -> Found | None:
        """The thing of a kind that Craton calls by a name."""
        return next((found for found in self.things(kind) if found["name"] == name), None)

    def changed(self, *kinds: str) -> None:
        """What is kept of these kinds is no longer true."""
        for kind in kinds:
            self._things[kind].changed()

    def place(self, kind: str, found: Found | None = None) -> dict[str, str]:
        """The parameters that say where things of a kind are: project, region or zone."""
        known, where = KINDS[kind], {}
        if known.networking and self._gcp.network_project:
            where["project"] = self._gcp.network_project
        if known.scope == "region":
            where["region"] = self._gcp.region
        elif known.scope == "every" and found is not None:
            where["zone"] = last(found["zone"])
        return where

    def _listed(self, kind: Kind) -> tuple[Found, ...]:
        cluster, region = self._plan.name, self._gcp.region
        chosen = names.labelled(cluster) if kind.labelled else names.marked(cluster, region)
        if kind.name == "firewall-rule" and not self._gcp.network:
            # In a network of the cluster's own, everybody's: what Kubernetes made there keeps the network in use.
            chosen = f'network eq ".*/networks/{cluster}"'
        method = "aggregatedList" if kind.scope == "every" else "list"
        return tuple(self._account.pages(kind.collection, method, filter=chosen, **self.place(kind.name)))

    def _instances(self) -> tuple[Instance, ...]:
        listed = list(self._account.pages("instances", "aggregatedList", filter=names.labelled(self._plan.name)))
        pooled = any(names.POOL in (one.get("labels") or {}) for one in listed)
        actions = {_place(one["instance"]): str(one.get("currentAction", "")) for one in self.kept()} if pooled else {}
        return tuple(instance(one, actions.get((last(one["zone"]), str(one["name"])))) for one in listed)

    def kept(self) -> Iterator[Found]:
        """The machines of the worker pool as its group has them now, those that it can't make yet among them."""
        name = names.pool_name(self._plan.name)
        where = {"region": self._gcp.region, "instanceGroupManager": name}
        try:
            yield from self._account.pages("regionInstanceGroupManagers", "listManagedInstances", **where)
        except GcpError as error:
            if not error.missing:
                raise


def _place(link: object) -> tuple[str, str]:
    """Zone and name of the instance at a link."""
    parts = str(link).split("/")
    return parts[-3], parts[-1]


def instance(found: Found, action: str | None = None) -> Instance:
    """`action` is what the pool's group is about to do with it; None for one that no group lists."""
    cards: list[dict[str, Any]] = found.get("networkInterfaces") or [{}]
    private, ways = cards[0].get("networkIP"), cards[0].get("accessConfigs") or [{}]
    state, labels = str(found.get("status", "")), found.get("labels") or {}
    return Instance(
        id=str(found["id"]),
        machine=names.machine_name(str(found["name"]), labels),
        state=state,
        lives=state != "STOPPING" and action not in _GOING,
        runs=state == "RUNNING",
        zone=last(found["zone"]),
        private=IPv4Address(private) if private else None,
        public=str(ways[0].get("natIP") or ""),
        reason=str(found.get("statusMessage") or ""),
        by_profile=by_profile(found),
        pooled=names.POOL in labels and action is not None,
        generation=labels.get(names.GENERATION, ""),
        born=_seconds(str(found.get("creationTimestamp", ""))),
    )


def _seconds(time: str) -> float:
    """Since 1970, of a time as RFC 3339 has it; 0 if there is none."""
    try:
        return datetime.fromisoformat(time).timestamp()
    except ValueError:
        return 0.0
