"""The cluster's own network, or one that exists: a VPC, a public subnet in each zone, and the way out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network

from installer.accounts.aws.errors import AwsError
from installer.plan.cloud_fields import MAX_ZONES
from installer.plan.model import InstallPlan
from installer.plan.platforms.aws.settings import Aws
from installer.platforms.aws.names import specified
from installer.platforms.aws.platform import AwsPlatform
from installer.platforms.clouds.listing import Found
from installer.platforms.clouds.things import Thing, needed
from installer.steps.step import Context

_EVERYWHERE = "0.0.0.0/0"


@dataclass(frozen=True)
class Vpc(Thing[AwsPlatform]):
    """The VPC, in which machines have DNS names."""

    def create(self, ctx: Context, platform: AwsPlatform) -> Found:
        network = str(ctx.world.plan.networks.machines)
        made: Found = platform.account.ask(
            "ec2", "create_vpc", CidrBlock=network, TagSpecifications=specified(ctx.world.plan, self.name, "vpc")
        )["Vpc"]
        return made

    def lacks(self, ctx: Context, found: Found) -> str:
        wanted = str(ctx.world.plan.networks.machines)
        if found["CidrBlock"] != wanted:
            return f"it has the network {found['CidrBlock']}, not {wanted}"
        asked = {"VpcId": found["VpcId"], "Attribute": "enableDnsHostnames"}
        answer = self.platform(ctx).account.ask("ec2", "describe_vpc_attribute", **asked)
        return "" if answer["EnableDnsHostnames"]["Value"] else "its machines have no DNS names"

    def complete(self, ctx: Context, platform: AwsPlatform, found: Found) -> None:  # noqa: ARG002
        platform.account.ask("ec2", "modify_vpc_attribute", VpcId=found["VpcId"], EnableDnsHostnames={"Value": True})


@dataclass(frozen=True)
class Gateway(Thing[AwsPlatform]):
    """The internet gateway, attached to the VPC."""

    vpc: str

    def create(self, ctx: Context, platform: AwsPlatform) -> Found:
        made: Found = platform.account.ask(
            "ec2", "create_internet_gateway", TagSpecifications=specified(ctx.world.plan, self.name, "internet-gateway")
        )["InternetGateway"]
        return made

    def lacks(self, ctx: Context, found: Found) -> str:  # noqa: ARG002
        return "" if found.get("Attachments") else "it is attached to no VPC"

    def complete(self, ctx: Context, platform: AwsPlatform, found: Found) -> None:
        if not found.get("Attachments"):
            vpc = needed(ctx, "vpc", self.vpc)
            platform.account.ask(
                "ec2", "attach_internet_gateway", InternetGatewayId=found["InternetGatewayId"], VpcId=vpc
            )


@dataclass(frozen=True)
class Subnet(Thing[AwsPlatform]):
    """A subnet of one zone."""

    vpc: str
    zone: str
    network: str

    def create(self, ctx: Context, platform: AwsPlatform) -> Found:
        made: Found = platform.account.ask(
            "ec2",
            "create_subnet",
            VpcId=needed(ctx, "vpc", self.vpc),
            AvailabilityZone=self.zone,
            CidrBlock=self.network,
            TagSpecifications=specified(ctx.world.plan, self.name, "subnet"),
        )["Subnet"]
        return made


@dataclass(frozen=True)
class Routes(Thing[AwsPlatform]):
    """The route table of some subnets, with their way out through the internet gateway or a NAT gateway."""

    vpc: str
    gateway: str
    subnets: tuple[str, ...]
    nat: bool = False

    def create(self, ctx: Context, platform: AwsPlatform) -> Found:
        vpc = needed(ctx, "vpc", self.vpc)
        made: Found = platform.account.ask(
            "ec2",
            "create_route_table",
            VpcId=vpc,
            TagSpecifications=specified(ctx.world.plan, self.name, "route-table"),
        )["RouteTable"]
        return made

    def lacks(self, ctx: Context, found: Found) -> str:
        if not _leads_out(found):
            return "it has no way out"
        missing = self._missing(ctx, found)
        return f"{len(missing)} subnets don't use it" if missing else ""

    def complete(self, ctx: Context, platform: AwsPlatform, found: Found) -> None:
        table = found["RouteTableId"]
        if not _leads_out(found):
            kind, field = ("nat-gateway", "NatGatewayId") if self.nat else ("gateway", "GatewayId")
            way = {field: needed(ctx, kind, self.gateway)}
            try:
                platform.account.ask("ec2", "create_route", RouteTableId=table, DestinationCidrBlock=_EVERYWHERE, **way)
            except AwsError as error:
                if not error.exists:
                    raise
        for subnet in self._missing(ctx, found):
            platform.account.ask("ec2", "associate_route_table", RouteTableId=table, SubnetId=subnet)

    def _missing(self, ctx: Context, found: Found) -> list[str]:
        """Ids of subnets that are not associated with it."""
        have = {one.get("SubnetId") for one in found.get("Associations") or ()}
        return [id for name in self.subnets if (id := needed(ctx, "subnet", name)) not in have]


def _leads_out(found: Found) -> bool:
    routes = found.get("Routes") or ()
    return any(
        route.get("DestinationCidrBlock") == _EVERYWHERE and (route.get("GatewayId") or route.get("NatGatewayId"))
        for route in routes
    )


def subnet_name(plan: InstallPlan, zone: str, *, private: bool = False) -> str:
    return f"{plan.name}-private-{zone}" if private else f"{plan.name}-{zone}"


def subnet_networks(plan: InstallPlan, *, private: bool = False) -> dict[str, IPv4Network]:
    """The network of each zone's subnet: a quarter of the machines' network; half of it where workers are private."""
    aws = plan.settings_of(Aws)
    quarters = plan.networks.machines.subnets(prefixlen_diff=(MAX_ZONES - 1).bit_length())
    found = dict(zip(aws.spread, quarters, strict=False))
    if aws.private_workers:
        found = {zone: list(network.subnets())[int(private)] for zone, network in found.items()}
    return found


def subnet_id(ctx: Context, zone: str, *, private: bool = False) -> str:
    """The id of a zone's subnet: the cluster's own, or the one that the plan names."""
    aws = ctx.world.plan.settings_of(Aws)
    if aws.vpc:
        return (aws.private_subnets if private else aws.subnets)[aws.spread.index(zone)]
    return needed(ctx, "subnet", subnet_name(ctx.world.plan, zone, private=private))


def vpc_id(ctx: Context) -> str:
    """The id of the VPC: the cluster's own, or the one that the plan names."""
    return ctx.world.plan.settings_of(Aws).vpc or needed(ctx, "vpc", ctx.world.plan.name)


def leads_out(subnet: str, tables: Iterable[Found], way: str) -> bool:
    """Whether a subnet's route table, its own or the VPC's main one, leads out through a gateway of this kind."""
    used = {
        str(link.get("SubnetId", "main" if link.get("Main") else "")): table
        for table in tables
        for link in table.get("Associations") or ()
    }
    table = used.get(subnet) or used.get("main") or {}
    gateways = (str(route.get("GatewayId") or route.get("NatGatewayId") or "") for route in table.get("Routes") or ())
    return any(one.startswith(way) for one in gateways)
