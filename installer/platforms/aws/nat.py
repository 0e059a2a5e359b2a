"""The way out of private subnets: a NAT gateway in each zone, with an elastic address, in the zone's public subnet."""

from __future__ import annotations

from dataclasses import dataclass

from installer.common.errors import InstallerError
from installer.platforms.aws.names import specified
from installer.platforms.aws.network import subnet_id
from installer.platforms.aws.platform import AwsPlatform
from installer.platforms.clouds.batches import token
from installer.platforms.clouds.listing import Found
from installer.platforms.clouds.things import Thing, needed
from installer.steps.step import Context

_LOOK_EVERY = 5.0


@dataclass(frozen=True)
class NatAddress(Thing[AwsPlatform]):
    """The elastic address that a zone's private machines are seen at."""

    def create(self, ctx: Context, platform: AwsPlatform) -> Found:
        tags = specified(ctx.world.plan, self.name, "elastic-ip")
        return platform.account.ask("ec2", "allocate_address", Domain="vpc", TagSpecifications=tags)


@dataclass(frozen=True)
class NatGateway(Thing[AwsPlatform]):
    """A zone's NAT gateway, once it carries traffic."""

    zone: str

    def create(self, ctx: Context, platform: AwsPlatform) -> Found:
        address = needed(ctx, "address", self.name)
        made: Found = platform.account.ask(
            "ec2",
            "create_nat_gateway",
            SubnetId=subnet_id(ctx, self.zone),
            AllocationId=address,
            ClientToken=token(ctx.world.plan.name, self.name, address),
            TagSpecifications=specified(ctx.world.plan, self.name, "natgateway"),
        )["NatGateway"]
        return made

    def lacks(self, ctx: Context, found: Found) -> str:  # noqa: ARG002
        return "" if found["State"] == "available" else f"it is {found['State']}"

    def complete(self, ctx: Context, platform: AwsPlatform, found: Found) -> None:  # noqa: ARG002
        def available() -> tuple[bool | None, str]:
            platform.changed(self.kind)
            state = (platform.one(self.kind, self.name) or {}).get("State", "not listed yet")
            if state == "failed":
                why = (platform.one(self.kind, self.name) or {}).get("FailureMessage", "AWS gives no reason")
                raise InstallerError(
                    "create the NAT gateway", str(why), hint="Delete it in the VPC console, correct the cause, resume."
                )
            return (True, state) if state == "available" else (None, f"the NAT gateway is {state}")

        ctx.wait_until(f"the NAT gateway of {self.zone}", available, _LOOK_EVERY)
