"""A worker pool in Google Cloud: an instance template, and a managed instance group in the cluster's zones.

The group is a regional one even in a single zone: one kind of thing to make, resize and delete.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from installer.accounts.gcp.account import last
from installer.accounts.gcp.credentials import root
from installer.accounts.gcp.errors import GcpError
from installer.common.errors import InstallerError
from installer.plan.platforms.gcp.settings import Gcp
from installer.plan.topology import Pool
from installer.platforms.clouds.pool_bundle import ADDRESS, PROVIDER_ID, bundle, bundle_sum, generation
from installer.platforms.clouds.pool_group import PoolGroup
from installer.platforms.gcp import names, pool_store
from installer.platforms.gcp.machines import machine_type, properties
from installer.platforms.gcp.platform import GcpPlatform, platform_of
from installer.platforms.gcp.pool_startup import PoolBirth
from installer.steps.platform import Resource
from installer.steps.step import Context, Observation

TEMPLATE = "instance-template"
_SECRETS = "https://secretmanager.googleapis.com/"


@dataclass(frozen=True)
class Template:
    """The instance template. None can be changed: its name ends in the digest of what it says."""

    pool: Pool

    def observe(self, ctx: Context) -> Observation:
        platform = platform_of(ctx)
        remains = bool(platform.listing.things(TEMPLATE))
        try:
            name = template_name(ctx, platform, self.pool)
        except InstallerError as error:  # a destroy looks here when no master may be left
            return Observation(False, error.observed, remains=remains)
        there = platform.one(TEMPLATE, name) is not None
        return Observation(there, name if there else f"there is no instance template {name}", remains=remains)

    def apply(self, ctx: Context) -> None:
        platform = platform_of(ctx)
        plan = ctx.world.plan
        image = platform.images.of(plan.settings_of(Gcp).image, machine_type(plan.settings_of(Gcp), self.pool.role))
        body = {
            "name": template_name(ctx, platform, self.pool),
            "description": names.described(plan),
            "properties": _properties(ctx, platform, self.pool, image.link),
        }
        try:
            platform.account.change("regionInstanceTemplates", "insert", body, region=platform.account.region)
        except GcpError as error:
            if not error.exists:
                raise
        finally:
            platform.changed(TEMPLATE)

    def undo(self, ctx: Context) -> None:
        platform = platform_of(ctx)
        made = [str(one["name"]) for one in platform.listing.things(TEMPLATE)]
        platform.delete([Resource(TEMPLATE, name, id=name) for name in made], ctx)


@dataclass(frozen=True)
class Group(PoolGroup[GcpPlatform]):
    """The managed instance group. Only Craton ends machines, once they are drained; Google repairs what broke."""

    def create(self, ctx: Context, platform: GcpPlatform) -> None:
        zones = [{"zone": f"zones/{zone}"} for zone in ctx.world.plan.settings_of(Gcp).spread]
        body = {
            "name": self.pool.name,
            "description": names.described(ctx.world.plan),
            "baseInstanceName": self.pool.name,
            "instanceTemplate": self._template(ctx, platform),
            "targetSize": self.pool.count,
            # Where a zone has no room, machines come from the others; none is ended to even zones out.
            "distributionPolicy": {"zones": zones, "targetShape": "BALANCED"},
            "updatePolicy": {
                "type": "OPPORTUNISTIC",
                "minimalAction": "REPLACE",
                "instanceRedistributionType": "NONE",
            },
            "instanceLifecyclePolicy": {"forceUpdateOnRepair": "YES"},
            "listManagedInstancesResults": "PAGINATED",
        }
        try:
            platform.account.change("regionInstanceGroupManagers", "insert", body, region=platform.account.region)
        except GcpError as error:
            if not error.exists:
                raise

    def lacks(self, ctx: Context, platform: GcpPlatform) -> str:
        try:
            wanted = template_name(ctx, platform, self.pool)
        except InstallerError as error:  # a destroy looks here when no master may be left
            return error.observed
        return "" if self._has(platform) == wanted else "its template is of another plan"

    def correct(self, ctx: Context, platform: GcpPlatform) -> None:
        """Give it the newest template, and delete the others: machines don't need theirs once they exist."""
        wanted = template_name(ctx, platform, self.pool)
        if self._has(platform) != wanted:
            where = {"region": platform.account.region, "instanceGroupManager": self.pool.name}
            body = {"instanceTemplate": self._template(ctx, platform)}
            platform.account.change("regionInstanceGroupManagers", "setInstanceTemplate", body, **where)
        for name in (str(one["name"]) for one in platform.listing.things(TEMPLATE)):
            if name != wanted:
                self._delete(platform, name)
        platform.changed(TEMPLATE)

    @staticmethod
    def _delete(platform: GcpPlatform, template: str) -> None:
        """Unless Google says that something still needs it: then it goes with the cluster."""
        region = platform.account.region
        try:
            platform.account.change("regionInstanceTemplates", "delete", region=region, instanceTemplate=template)
        except GcpError as error:
            if not (error.missing or error.in_use):
                raise

    def _has(self, platform: GcpPlatform) -> str:
        """The name of the group's template."""
        return last((platform.group() or {}).get("instanceTemplate", ""))

    def _template(self, ctx: Context, platform: GcpPlatform) -> str:
        region, name = platform.account.region, template_name(ctx, platform, self.pool)
        return f"projects/{platform.account.project}/regions/{region}/instanceTemplates/{name}"


def template_name(ctx: Context, platform: GcpPlatform, pool: Pool) -> str:
    """A newer image of the same system makes no other template. Raises InstallerError while masters have no address."""
    said = json.dumps(_properties(ctx, platform, pool, ""), sort_keys=True)
    return f"{pool.name}-{hashlib.sha256(said.encode()).hexdigest()[:10]}"


def _properties(ctx: Context, platform: GcpPlatform, pool: Pool, image: str) -> dict[str, Any]:
    plan, shape = ctx.world.plan, ctx.world.topology
    newest = f"{pool_store.path(platform.account, plan.name)}/versions/{pool_store.NEWEST}:access"
    birth = PoolBirth(
        f"{root('secretmanager') or _SECRETS}v1/{newest}", platform.account.project, str(plan.networks.pods),
        bundle_sum(bundle(plan, shape, pool)), ADDRESS, PROVIDER_ID,
    )  # fmt: skip
    labels = {names.POOL: pool.name, names.GENERATION: generation(plan, shape)}
    metadata = birth.metadata(os_login=platform.os_login.enforced)
    return properties(plan, platform, pool.role, image, metadata, labels)
