"""The step that makes the firewall rules of a cluster what the contract asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from installer.platforms.clouds.firewall import rules_of
from installer.platforms.clouds.listing import Found
from installer.platforms.gcp.firewall_rules import Row
from installer.platforms.gcp.names import mark_of
from installer.platforms.gcp.network import network
from installer.platforms.gcp.platform import GcpPlatform, platform_of
from installer.steps.platform import Resource
from installer.steps.step import Context, Observation


@dataclass(frozen=True)
class Rules:
    """All firewall rules, one for each row of the contract. Those of others are left alone."""

    rows: tuple[Row, ...]

    def observe(self, ctx: Context) -> Observation:
        have = self._have(platform_of(ctx))
        missing, stale = self._missing(have), self._stale(have)
        if missing or stale:
            seen = f"{len(missing)} rules missing, {len(stale)} not asked for any more"
            return Observation(False, seen, remains=bool(have))
        return Observation(True, f"{len(self.rows)} rules", remains=True)

    def apply(self, ctx: Context) -> None:
        """All requests first, then all answers: rules don't wait for each other."""
        platform = platform_of(ctx)
        platform.changed("firewall-rule")
        have = self._have(platform)
        project: dict[str, Any] = {"project": platform.network_project}
        begun = []
        try:
            for row in self._missing(have):
                body = row.body(ctx.world.plan, network(ctx.world.plan, platform))
                method = "update" if row.name in have else "insert"
                where: dict[str, Any] = {**project, **({"firewall": row.name} if row.name in have else {})}
                operation = platform.account.begin("firewalls", method, body, **where)
                begun.append((operation, f"compute.firewalls.{method}"))
            for name in self._stale(have):
                operation = platform.account.begin("firewalls", "delete", firewall=name, **project)
                begun.append((operation, "compute.firewalls.delete"))
            for operation, action in begun:
                platform.account.finish(operation, action)
        finally:
            platform.changed("firewall-rule")

    def undo(self, ctx: Context) -> None:
        platform = platform_of(ctx)
        platform.delete([Resource("firewall-rule", name) for name in self._have(platform)], ctx)

    @staticmethod
    def _have(platform: GcpPlatform) -> dict[str, Found]:
        """Those that have the cluster's mark and an id of the contract, by name."""
        listed = platform.listing.things("firewall-rule")
        return {
            str(one["name"]): one
            for one in listed
            if mark_of(str(one.get("description") or "")) and rules_of(str(one["description"]))
        }

    def _missing(self, have: dict[str, Found]) -> list[Row]:
        return [row for row in self.rows if row.name not in have or not row.same_as(have[row.name])]

    def _stale(self, have: dict[str, Found]) -> list[str]:
        return sorted(have.keys() - {row.name for row in self.rows})
