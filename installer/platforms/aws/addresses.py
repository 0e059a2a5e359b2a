"""Elastic addresses of infra machines: names that lead to them keep leading there after a restart."""

from __future__ import annotations

from dataclasses import dataclass

from installer.common.errors import InstallerError
from installer.platforms.aws import names
from installer.platforms.aws.platform import AwsPlatform
from installer.platforms.clouds.listing import Found
from installer.platforms.clouds.platform import cloud_of
from installer.platforms.clouds.things import Thing
from installer.steps.step import Context


@dataclass(frozen=True)
class Address(Thing[AwsPlatform]):
    """The elastic address of the machine of the same name."""

    def create(self, ctx: Context, platform: AwsPlatform) -> Found:
        tags = names.tags(ctx.world.plan, self.name, {names.MACHINE: self.name})
        return platform.account.ask(
            "ec2",
            "allocate_address",
            Domain="vpc",
            TagSpecifications=[{"ResourceType": "elastic-ip", "Tags": tags}],
        )

    def lacks(self, ctx: Context, found: Found) -> str:
        instance = cloud_of(ctx).instances.by_machine().get(self.name)
        there = instance is not None and found.get("InstanceId") == instance.id
        return "" if there else f"{found['PublicIp']} doesn't lead to the machine yet"

    def complete(self, ctx: Context, platform: AwsPlatform, found: Found) -> None:
        if not self.lacks(ctx, found):
            return
        instance = platform.instances.by_machine().get(self.name)
        if instance is None:
            raise InstallerError("assign the address", "the machine is not there", machine=self.name, retryable=True)
        where = {"AllocationId": found["AllocationId"], "InstanceId": instance.id}
        # A machine that was ended keeps its address for a while.
        platform.account.ask("ec2", "associate_address", **where, AllowReassociation=True)
        platform.instances.changed()
