"""What has to hold in the account before anything is made there: all that is wrong is said at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from installer.common.errors import InstallerError
from installer.plan.model import InstallPlan
from installer.plan.platforms.aws.settings import Aws
from installer.plan.rules import Role
from installer.platforms.aws import names, prices
from installer.platforms.aws.account import Account
from installer.platforms.aws.errors import Quota, quota_page
from installer.platforms.aws.machines import instance_type
from installer.platforms.aws.permissions import missing
from installer.platforms.aws.platform import AwsPlatform
from installer.platforms.clouds.preflight import AccountCheck, Problem, roles, taken_names
from installer.steps.estimate import Estimate

_STANDARD = "acdhimrtz"
"""Families that share the quota of standard instances ("Amazon EC2 instance type quotas")."""
_VCPUS = Quota("vCPUs of standard instances", "ec2", "L-1216C47A")
_VPCS = Quota("VPCs in the region", "vpc", "L-F678F1CE")
_ADDRESSES = Quota("elastic addresses in the region", "ec2", "L-0263D0A3")
_BALANCERS = Quota("network load balancers in the region", "elasticloadbalancing", "L-69A177A2")


@dataclass(frozen=True)
class AwsCheck(AccountCheck[AwsPlatform]):
    def caller(self, platform: AwsPlatform) -> tuple[str, str]:
        caller = platform.account.caller()
        return f"account {caller['Account']}, as {caller['Arn']}", caller["method"] or "unknown"

    def checks(self) -> tuple[Callable[[InstallPlan, AwsPlatform], Iterator[Problem]], ...]:
        return permissions, zones, images, quotas, same_name, existing_network, hosted_zone

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
    """What is still to be made fits in the account's quotas, as far as Craton can count what is used."""
    account, region = platform.account, platform.account.region
    for quota, used, wanted in _wanted(plan, platform):
        limit = _limit(account, quota) if wanted else None
        if limit is not None and used + wanted > limit:
            had = f", {used} are in use" if used else ""
            yield Problem(
                f"the plan needs {wanted} more {quota.what}, and the quota is {limit:g}{had}",
                f"Raise it at {quota_page(quota, region)}.",
            )


def _wanted(plan: InstallPlan, platform: AwsPlatform) -> Iterator[tuple[Quota, int, int]]:
    """Quotas with what is used of them, and what the plan adds."""
    account, listing, aws = platform.account, platform.listing, plan.settings_of(Aws)
    there = Counter(machine.rpartition("-")[0] for machine in platform.instances.by_machine())
    standard = {
        type for type in _types(plan) if type[0] in _STANDARD and not type.startswith(("inf", "trn", "dl", "hpc"))
    }
    sizes = {
        str(one["InstanceType"]): int(one["VCpuInfo"]["DefaultVCpus"])
        for one in account.pages("ec2", "describe_instance_types", "InstanceTypes", InstanceTypes=sorted(_types(plan)))
    }
    missing_vcpus = sum(
        (number - there[f"{plan.name}-{role}"]) * sizes.get(type, 0)
        for role, number in roles(plan).items()
        if (type := instance_type(aws, role)) in standard
    )
    yield _VCPUS, 0, max(0, missing_vcpus)
    if not aws.vpc and not listing.things("vpc"):
        yield _VPCS, sum(1 for _ in account.pages("ec2", "describe_vpcs", "Vpcs")), 1
    if plan.infra:
        every = len(account.ask("ec2", "describe_addresses").get("Addresses", ()))
        yield _ADDRESSES, every, max(0, plan.infra - len(listing.things("address")))
    elif not listing.balancers.value():
        every_balancer = account.pages("elbv2", "describe_load_balancers", "LoadBalancers")
        yield _BALANCERS, sum(one.get("Type") == "network" for one in every_balancer), 1


def _limit(account: Account, quota: Quota) -> float | None:
    """The quota's value; None where nobody may ask for it."""
    try:
        answer = account.ask("service-quotas", "get_service_quota", ServiceCode=quota.service, QuotaCode=quota.code)
    except InstallerError as error:
        if error.retryable:
            raise
        return None
    return float(answer["Quota"]["Value"])


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


def existing_network(plan: InstallPlan, platform: AwsPlatform) -> Iterator[Problem]:
    """The VPC and the subnets that the plan names are there, and as it says."""
    aws = plan.settings_of(Aws)
    if not aws.vpc:
        return
    try:
        (vpc,) = platform.account.ask("ec2", "describe_vpcs", VpcIds=[aws.vpc])["Vpcs"]
        found = platform.account.ask("ec2", "describe_subnets", SubnetIds=list(aws.subnets))["Subnets"]
    except InstallerError as error:
        yield Problem(error.observed, "Correct aws.vpc and aws.subnets.")
        return
    if vpc["CidrBlock"] != str(plan.networks.machines):
        remedy = f"Set networks.machines to {vpc['CidrBlock']}."
        yield Problem(f"{aws.vpc} has the network {vpc['CidrBlock']}, not {plan.networks.machines}", remedy)
    by_id = {str(subnet["SubnetId"]): subnet for subnet in found}
    for id, zone in zip(aws.subnets, aws.zones, strict=True):
        subnet = by_id[id]
        if (subnet["VpcId"], subnet["AvailabilityZone"]) != (aws.vpc, zone):
            where = f"{subnet['AvailabilityZone']} of {subnet['VpcId']}"
            yield Problem(f"{id} is in {where}, not in {zone} of {aws.vpc}", "Correct aws.subnets.")


def hosted_zone(plan: InstallPlan, platform: AwsPlatform) -> Iterator[Problem]:
    if plan.settings_of(Aws).dns == "route53":
        yield from taken_names(plan, platform)
