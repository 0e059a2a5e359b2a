"""Static addresses of infra machines: names that lead to them keep leading there after a restart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from installer.common.errors import InstallerError
from installer.platforms.clouds.listing import Found, Instance
from installer.platforms.clouds.platform import cloud_of
from installer.platforms.clouds.things import Thing
from installer.platforms.gcp import names
from installer.platforms.gcp.names import WAY_OUT
from installer.platforms.gcp.platform import GcpPlatform
from installer.steps.step import Context


@dataclass(frozen=True)
class Address(Thing[GcpPlatform]):
    """The static address of the machine of the same name: the one that it was born with, reserved."""

    def create(self, ctx: Context, platform: GcpPlatform) -> Found:
        body = {
            "name": self.name,
            "description": names.described(ctx.world.plan),
            "address": self._instance(platform).public,
        }
        platform.account.change("addresses", "insert", body, region=platform.account.region)
        return body

    def lacks(self, ctx: Context, found: Found) -> str:
        instance = cloud_of(ctx).instances.by_machine().get(self.name)
        there = instance is not None and instance.public == found["address"]
        return "" if there else f"{found['address']} doesn't lead to the machine yet"

    def complete(self, ctx: Context, platform: GcpPlatform, found: Found) -> None:
        """A machine that was made again has another address: it gets this one instead."""
        if not self.lacks(ctx, found):
            return
        instance = self._instance(platform)
        where: dict[str, Any] = {"instance": self.name, "zone": instance.zone, "networkInterface": "nic0"}
        try:
            if instance.public:
                platform.account.change("instances", "deleteAccessConfig", accessConfig=WAY_OUT, **where)
            way = {"name": WAY_OUT, "type": "ONE_TO_ONE_NAT", "natIP": found["address"]}
            platform.account.change("instances", "addAccessConfig", way, **where)
        finally:
            platform.instances.changed()

    def _instance(self, platform: GcpPlatform) -> Instance:
        found = platform.instances.by_machine().get(self.name)
        if found is None:
            raise InstallerError("assign the address", "the machine is not there", machine=self.name, retryable=True)
        return found
