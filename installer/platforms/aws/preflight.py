"""What has to hold in the account before anything is made there: all that is wrong is said at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network

from installer.accounts.aws.errors import quota_page
from installer.accounts.findings import Found, Problem
from installer.cluster.dns.preflight import names_in_zone
from installer.common.errors import InstallerError
from installer.plan.model import InstallPlan
from installer.plan.platforms.aws.settings import Aws
from installer.plan.rules import Role
from installer.platforms.aws import names, prices
from installer.platforms.aws.machines import instance_type
from installer.platforms.aws.network import leads_out
from installer.platforms.aws.permissions import missing
from installer.platforms.aws.platform import AwsPlatform
from installer.platforms.aws.quotas import limit, wanted
from installer.platforms.clouds import listing
from installer.platforms.clouds.preflight import AccountCheck, overlaps, roles
from installer.steps.estimate import Estimate


@dataclass(frozen=True)
class AwsCheck(AccountCheck[AwsPlatform]):
    def caller(self, platform: AwsPlatform) -> tuple[str, str]:
        caller = platform.account.caller()
        return f"account {caller['Account']}, as {caller['Arn']}", caller["method"] or "unknown"

    def checks(self) -> tuple[Callable[[InstallPlan, AwsPlatform], Iterator[Found]], ...]:
        return permissions, zones, images, quotas, same_name, network, hosted_zone

    def estimate(self, plan: InstallPlan, platform: AwsPlatform) -> Estimate:
        return prices.estimate(plan, platform.account)


def _types(plan: InstallPlan) -> dict[str, list[Role]]:
    """The roles of each instance type in use."""
    found: dict[str, list[Role]] = {}
    for role in roles(plan):
        found.setdefault(instance_type(plan.settings_of(Aws), role), []).append(role)
    return found


def permissions(plan: InstallPlan, platform: AwsPlatform) -> Iterator[Problem]:
    """EC2 says of a dry run whether it would have been allowed."""
    if lacking := missing(platform.account, platform.images, plan):
        yield Problem(
            f"the credentials don't allow {', '.join(lacking)}",
            "Add them to the caller's policy; `craton aws policy` prints all that a cluster needs.",
        )


def zones(plan: InstallPlan, platform: AwsPlatform) -> Iterator[Problem]:
    """Every zone is there for this account, and offers the types."""
    spread, types = plan.settings_of(Aws).spread, _types(plan)
    listed = platform.account.ask("ec2", "describe_availability_zones")["AvailabilityZones"]
    open_zones = sorted(str(one["ZoneName"]) for one in listed if one.get("State") == "available")
    if closed := [zone for zone in spread if zone not in open_zones]:
        yield Problem(
            f"this account has no zone {', '.join(closed)} in {platform.account.region}",
            f"Set aws.zones to some of {', '.join(open_zones)}.",
        )
        return
    offered = platform.account.pages(
        "ec2",
        "describe_instance_type_offerings",
        "InstanceTypeOfferings",
        LocationType="availability-zone",
        Filters=[{"Name": "instance-type", "Values": list(types)}, {"Name": "location", "Values": list(spread)}],
    )
    have = {(str(one["InstanceType"]), str(one["Location"])) for one in offered}
    for type, users in types.items():
        if absent := [zone for zone in spread if (type, zone) not in have]:
            fields = ", ".join(f"aws.{role}_type" for role in users)
            yield Problem(f"{', '.join(absent)} offers no {type}", f"Choose another type ({fields}) or other zones.")


def images(plan: InstallPlan, platform: AwsPlatform) -> Iterator[Problem]:
    """The publisher has an image for each type's architecture."""
    for type in _types(plan):
        try:
            platform.images.of(plan.settings_of(Aws).image, type)
        except InstallerError as error:
            if error.retryable:
                raise
            yield Problem(error.observed, error.hint)


def quotas(plan: InstallPlan, platform: AwsPlatform) -> Iterator[Problem]:
    """What is still to be made fits in the account's quotas."""
    account = platform.account
    for quota, used, more in wanted(plan, platform):
        allowed = limit(account, quota) if more else None
        if allowed is not None and used + more > allowed:
            had = f", {used} are in use" if used else ""
            yield Problem(
                f"the plan needs {more} {'more ' if used else ''}{quota.what}, and the quota is {allowed:g}{had}",
                f"Raise it at {quota_page(quota, account.region)}.",
            )


def same_name(plan: InstallPlan, platform: AwsPlatform) -> Iterator[Problem]:
    """No other cluster of this name is in the region."""
    for group in platform.listing.things("security-group"):
        other = names.read_tags(group).get(names.SUBDOMAIN)
        if other and other != plan.subdomain:
            yield Problem(
                f"there is another cluster {plan.name} in {platform.account.region}, under {other}",
                "Give this cluster another name, or destroy the other one.",
            )
            return


def network(plan: InstallPlan, platform: AwsPlatform) -> Iterator[Problem]:
    """The VPC and the subnets that the plan names are as it says; a new VPC's network is nobody else's."""
    if plan.settings_of(Aws).vpc:
        yield from _existing_network(plan, platform)
        return
    own = {str(one["VpcId"]) for one in platform.listing.things("vpc")}
    for vpc in platform.account.pages("ec2", "describe_vpcs", "Vpcs"):
        for block in _blocks(vpc):
            if str(vpc["VpcId"]) not in own and block.overlaps(plan.networks.machines):
                yield Problem(
                    f"{vpc['VpcId']} has the network {block}, which overlaps {plan.networks.machines}",
                    "Choose another networks.machines if the two VPCs should ever be connected.",
                    stops=False,
                )


def _blocks(vpc: listing.Found) -> list[IPv4Network]:
    """All networks of a VPC."""
    linked = [one for one in vpc.get("CidrBlockAssociationSet") or () if one["CidrBlockState"]["State"] == "associated"]
    return [IPv4Network(one["CidrBlock"]) for one in linked] or [IPv4Network(vpc["CidrBlock"])]


def _existing_network(plan: InstallPlan, platform: AwsPlatform) -> Iterator[Problem]:
    aws = plan.settings_of(Aws)
    try:
        (vpc,) = platform.account.ask("ec2", "describe_vpcs", VpcIds=[aws.vpc])["Vpcs"]
        found = platform.account.ask("ec2", "describe_subnets", SubnetIds=[*aws.subnets, *aws.private_subnets])[
            "Subnets"
        ]
    except InstallerError as error:
        yield Problem(error.observed, "Correct aws.vpc and aws.subnets.")
        return
    if vpc["CidrBlock"] != str(plan.networks.machines):
        remedy = f"Set networks.machines to {vpc['CidrBlock']}."
        yield Problem(f"{aws.vpc} has the network {vpc['CidrBlock']}, not {plan.networks.machines}", remedy)
    yield from overlaps(plan, str(aws.vpc), _blocks(vpc))
    by_id = {str(subnet["SubnetId"]): subnet for subnet in found}
    within = [{"Name": "vpc-id", "Values": [aws.vpc]}]
    tables = list(platform.account.pages("ec2", "describe_route_tables", "RouteTables", Filters=within))
    for field, ids, way in (("subnets", aws.subnets, "igw-"), ("private_subnets", aws.private_subnets, "nat-")):
        for id, zone in zip(ids, aws.zones, strict=bool(ids)):
            subnet = by_id[id]
            if (subnet["VpcId"], subnet["AvailabilityZone"]) != (aws.vpc, zone):
                where = f"{subnet['AvailabilityZone']} of {subnet['VpcId']}"
                yield Problem(f"{id} is in {where}, not in {zone} of {aws.vpc}", f"Correct aws.{field}.")
            elif not leads_out(id, tables, way):
                gateway = "an internet gateway" if way == "igw-" else "a NAT gateway"
                yield Problem(f"{id} has no way out through {gateway}", f"Add a route, or correct aws.{field}.")


def hosted_zone(plan: InstallPlan, platform: AwsPlatform) -> Iterator[Found]:
    if plan.settings_of(Aws).dns == "route53":
        yield from names_in_zone(platform.records, (plan.api_host, plan.console_host))
