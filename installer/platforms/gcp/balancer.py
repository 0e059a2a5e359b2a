"""The regional external passthrough load balancer: one address, the API on 6443, web traffic on 443 and 80.

A passthrough balancer changes neither addresses nor ports: a connection reaches a master with the balancer's own
address and port, and a master that connects to that address reaches itself. Nothing inside the cluster uses it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from installer.accounts.gcp.account import last
from installer.common.text import count
from installer.plan.model import InstallPlan
from installer.plan.platforms.gcp.settings import Gcp
from installer.platforms.clouds.listing import Found
from installer.platforms.gcp import names
from installer.platforms.gcp.platform import GcpPlatform, platform_of
from installer.steps.platform import Resource
from installer.steps.step import Context, Observation, Permanent

_API, _WEB = 6443, 443
"""Where masters answer that are well. Traefik has this port on each master, and nothing else answers there: a node
port would be answered by a pod of any master, also on one that has none.
"""
_KINDS = ("forwarding-rule", "backend-service", "health-check", "address", "instance-group")


@dataclass(frozen=True, slots=True)
class Part:
    """What the balancer does for some ports: a health check, a backend service and a forwarding rule of one name."""

    name: str
    ports: tuple[int, ...]
    check: Mapping[str, Any]


def parts(cluster: str, listeners: tuple[tuple[int, int], ...]) -> tuple[Part, Part]:
    """One for the API, one for web traffic: their health differs."""
    web = tuple(port for port, _ in listeners if port != _API)
    return (
        Part(f"{cluster}-api", (_API,), {"type": "TCP", "tcpHealthCheck": {"port": _API}}),
        Part(f"{cluster}-web", web, {"type": "TCP", "tcpHealthCheck": {"port": _WEB}}),
    )


@dataclass(frozen=True)
class Balancer:
    """The address, and the things of each part; `listeners` as in the topology."""

    name: str
    listeners: tuple[tuple[int, int], ...]

    def observe(self, ctx: Context) -> Observation:
        platform = platform_of(ctx)
        wanted = list(self._wanted(ctx, platform))
        missing = [f"{kind} {body['name']}" for kind, _, body in wanted if not platform.one(kind, body["name"])]
        if missing:
            return Observation(False, f"there is no {missing[0]}", remains=len(missing) < len(wanted))
        return Observation(True, str((platform.one("address", self.name) or {}).get("address")), remains=True)

    def apply(self, ctx: Context) -> None:
        platform = platform_of(ctx)
        platform.changed(*_KINDS)
        try:
            for kind, collection, body in self._wanted(ctx, platform):
                if not platform.one(kind, body["name"]):
                    platform.account.change(collection, "insert", body, region=platform.account.region)
        finally:
            platform.changed(*_KINDS)

    def undo(self, ctx: Context) -> None:
        platform = platform_of(ctx)
        found = [Resource("address", self.name)] if platform.one("address", self.name) else []
        for kind in ("forwarding-rule", "backend-service", "health-check"):
            found += [
                Resource(kind, part.name)
                for part in parts(ctx.world.plan.name, self.listeners)
                if platform.one(kind, part.name)
            ]
        groups = platform.listing.things("instance-group")
        found += [Resource("instance-group", str(one["name"]), zone=last(one["zone"])) for one in groups]
        platform.delete(found, ctx)

    def _wanted(self, ctx: Context, platform: GcpPlatform) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Kind, collection and body of each thing, in the order in which they need each other."""
        plan = ctx.world.plan
        own = {"description": names.described(plan)}
        region = f"projects/{platform.account.project}/regions/{platform.account.region}"
        yield "address", "addresses", {"name": self.name, **own}
        for part in parts(plan.name, self.listeners):
            yield "health-check", "regionHealthChecks", {"name": part.name, **own, **part.check}
            yield (
                "backend-service",
                "regionBackendServices",
                {
                    "name": part.name,
                    **own,
                    "loadBalancingScheme": "EXTERNAL",
                    "protocol": "TCP",
                    "healthChecks": [f"{region}/healthChecks/{part.name}"],
                },
            )
            yield (
                "forwarding-rule",
                "forwardingRules",
                {
                    "name": part.name,
                    **own,
                    "loadBalancingScheme": "EXTERNAL",
                    "IPProtocol": "TCP",
                    "IPAddress": f"{region}/addresses/{self.name}",
                    "ports": [str(port) for port in part.ports],
                    "backendService": f"{region}/backendServices/{part.name}",
                    "labels": names.labels(plan),
                },
            )


@dataclass(frozen=True)
class Targets(Permanent):
    """The masters are behind the balancer, in an instance group of each zone. They go with it."""

    name: str
    masters: tuple[str, ...]

    def observe(self, ctx: Context) -> Observation:
        platform = platform_of(ctx)
        missing = sum(len(those) for those in self._missing(platform).values())
        if missing:
            return Observation(False, f"{missing} masters are in no instance group")
        without = [part for part in self._parts(ctx) if self._backends(platform, part)]
        if without:
            return Observation(False, f"{without[0].name} has no masters behind it")
        return Observation(True, f"{len(self.masters)} masters")

    def apply(self, ctx: Context) -> None:
        platform, plan = platform_of(ctx), ctx.world.plan
        try:
            for zone, those in self._missing(platform).items():
                name = group_name(plan, zone)
                if not platform.one("instance-group", name):
                    body = {"name": name, "description": names.described(plan)}
                    platform.account.change("instanceGroups", "insert", body, zone=zone)
                where = f"projects/{platform.account.project}/zones/{zone}/instances"
                added = {"instances": [{"instance": f"{where}/{one}"} for one in those]}
                platform.account.change("instanceGroups", "addInstances", added, zone=zone, instanceGroup=name)
                ctx.log(f"{count(len(those), 'master')} of {zone} added")
                platform.changed("instance-group")
            for part in self._parts(ctx):
                if backends := self._backends(platform, part):
                    platform.account.change(
                        "regionBackendServices",
                        "patch",
                        {"backends": backends},
                        region=platform.account.region,
                        backendService=part.name,
                    )
        finally:
            platform.changed("instance-group", "backend-service")

    def _parts(self, ctx: Context) -> tuple[Part, ...]:
        balancer = ctx.world.shape.load_balancer
        return parts(ctx.world.plan.name, balancer.listeners) if balancer else ()

    def _missing(self, platform: GcpPlatform) -> dict[str, list[str]]:
        """Masters that are in no group, by zone."""
        found: dict[str, list[str]] = {}
        known = platform.instances.by_machine()
        members = {
            zone: self._members(platform, zone) for zone in {known[name].zone for name in self.masters if name in known}
        }
        for name in self.masters:
            if name in known and name not in members[known[name].zone]:
                found.setdefault(known[name].zone, []).append(name)
        return found

    @staticmethod
    def _members(platform: GcpPlatform, zone: str) -> set[str]:
        name = group_name(platform.plan, zone)
        if not platform.one("instance-group", name):
            return set()
        listed = platform.account.get("instanceGroups", "listInstances", zone=zone, instanceGroup=name)
        return {last(one["instance"]) for one in listed.get("items") or ()}

    def _backends(self, platform: GcpPlatform, part: Part) -> list[dict[str, str]]:
        """The groups of a backend service, if it lacks any of them."""
        there = platform.one("backend-service", part.name) or {}
        have = {last(one["group"]) for one in there.get("backends") or ()}
        groups = list(platform.listing.things("instance-group"))
        if not groups or {str(one["name"]) for one in groups} <= have:
            return []
        return [{"group": _address(platform, one), "balancingMode": "CONNECTION"} for one in groups]


def group_name(plan: InstallPlan, zone: str) -> str:
    """Instance groups are named apart from machines: those of a zone are in it."""
    return f"{plan.name}-masters-{zone.removeprefix(plan.settings_of(Gcp).region + '-')}"


def _address(platform: GcpPlatform, group: Found) -> str:
    return f"projects/{platform.account.project}/zones/{last(group['zone'])}/instanceGroups/{group['name']}"
