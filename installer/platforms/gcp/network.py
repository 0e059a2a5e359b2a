"""The cluster's own network, or one that exists: a network and its subnetwork in the region."""

from __future__ import annotations

from dataclasses import dataclass

from installer.plan.model import InstallPlan
from installer.plan.platforms.gcp.settings import MTU, Gcp
from installer.platforms.clouds.listing import Found
from installer.platforms.clouds.things import Thing
from installer.platforms.gcp import names
from installer.platforms.gcp.platform import GcpPlatform
from installer.steps.step import Context


@dataclass(frozen=True)
class Network(Thing[GcpPlatform]):
    """A network whose subnetworks are made one by one. The overlay's MTU follows from its own: flannel sees it."""

    def create(self, ctx: Context, platform: GcpPlatform) -> Found:
        body = {
            "name": self.name,
            "description": names.described(ctx.world.plan),
            "autoCreateSubnetworks": False,
            "mtu": MTU,
            "routingConfig": {"routingMode": "REGIONAL"},
        }
        platform.account.change("networks", "insert", body)
        return body


@dataclass(frozen=True)
class Subnetwork(Thing[GcpPlatform]):
    """The subnetwork of all machines, in all zones of the region."""

    range: str

    def create(self, ctx: Context, platform: GcpPlatform) -> Found:
        body = {
            "name": self.name,
            "description": names.described(ctx.world.plan),
            "network": network(ctx.world.plan, platform),
            "ipCidrRange": self.range,
            "privateIpGoogleAccess": True,
        }
        platform.account.change("subnetworks", "insert", body, region=platform.account.region)
        return body

    def lacks(self, ctx: Context, found: Found) -> str:  # noqa: ARG002
        return (
            "" if found["ipCidrRange"] == self.range else f"it has the range {found['ipCidrRange']}, not {self.range}"
        )


@dataclass(frozen=True)
class Router(Thing[GcpPlatform]):
    """The router with Cloud NAT, through which machines without an external address reach the internet."""

    def create(self, ctx: Context, platform: GcpPlatform) -> Found:
        nat = {
            "name": self.name,
            "natIpAllocateOption": "AUTO_ONLY",
            "sourceSubnetworkIpRangesToNat": "ALL_SUBNETWORKS_ALL_IP_RANGES",
        }
        body = {
            "name": self.name,
            "description": names.described(ctx.world.plan),
            "network": network(ctx.world.plan, platform),
            "nats": [nat],
        }
        platform.account.change("routers", "insert", body, region=platform.account.region)
        return body


def network(plan: InstallPlan, platform: GcpPlatform) -> str:
    """The address of the network: the cluster's own, or the one that the plan names."""
    gcp = plan.settings_of(Gcp)
    return f"projects/{platform.network_project}/global/networks/{gcp.network or plan.name}"


def subnetwork(plan: InstallPlan, platform: GcpPlatform) -> str:
    """The address of the subnetwork: the cluster's own, or the one that the plan names."""
    gcp = plan.settings_of(Gcp)
    name = gcp.subnetwork or plan.name
    return f"projects/{platform.network_project}/regions/{gcp.region}/subnetworks/{name}"
