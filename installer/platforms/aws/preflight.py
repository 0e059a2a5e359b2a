"""What has to hold in the account before anything is made there: all that is wrong is said at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from installer.common.errors import ExitCode, InstallerError
from installer.common.text import count
from installer.plan.model import InstallPlan
from installer.plan.platforms.aws.settings import Aws
from installer.plan.rules import Role
from installer.platforms.aws import names, records
from installer.platforms.aws.account import Account
from installer.platforms.aws.errors import Quota, quota_page
from installer.platforms.aws.machines import instance_type
from installer.platforms.aws.permissions import missing
from installer.platforms.aws.platform import AwsPlatform, platform_of
from installer.steps.step import Context, Observation, Proof

_STANDARD = "acdhimrtz"
"""Families that share the quota of standard instances ("Amazon EC2 instance type quotas")."""
_VCPUS = Quota("vCPUs of standard instances", "ec2", "L-1216C47A")
_VPCS = Quota("VPCs in the region", "vpc", "L-F678F1CE")
_ADDRESSES = Quota("elastic addresses in the region", "ec2", "L-0263D0A3")
_BALANCERS = Quota("network load balancers in the region", "elasticloadbalancing", "L-69A177A2")


@dataclass(frozen=True, slots=True)
class Problem:
    """What was seen in the account, and what to do about it."""

    seen: str
    remedy: str


@dataclass(frozen=True)
class AccountCheck(Proof):
    """Credentials that work; and, while machines are missing, all that making them needs."""

    def observe(self, ctx: Context) -> Observation:
        platform, plan = platform_of(ctx), ctx.world.plan
        caller = platform.account.caller()
        who = f"account {caller['Account']}, as {caller['Arn']}"
        ctx.log(f"{who} (credentials found by: {caller['method'] or 'unknown'})")
        there = platform.listing.by_machine()
        if all(machine.name in there for machine in ctx.world.shape.machines):
            return Observation(True, f"{who}; all machines exist")
        problems = [problem for check in _CHECKS for problem in check(plan, platform)]
        for problem in problems:
            ctx.log(f"missing: {problem.seen}. {problem.remedy}")
        if problems:
            raise InstallerError(
                "check the AWS account",
                "; ".join(problem.seen for problem in problems),
                hint=" ".join(dict.fromkeys(problem.remedy for problem in problems)),
                exit_code=ExitCode.PREFLIGHT,
            )
        return Observation(True, f"{who}; {count(len(_CHECKS), 'check')} passed")


def _roles(plan: InstallPlan) -> dict[Role, int]:
    counts = {Role.MASTER: plan.masters, Role.INFRA: plan.infra, Role.WORKER: plan.workers}
    return {role: number for role, number in counts.items() if number}


def _types(plan: InstallPlan) -> dict[str, list[Role]]:
    """The roles of each instance type in use."""
    found: dict[str, list[Role]] = {}
    for role in _roles(plan):
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
    for type, roles in types.items():
        if absent := [zone for zone in spread if (type, zone) not in have]:
            fields = ", ".join(f"aws.{role}_type" for role in roles)
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
    there = Counter(machine.rpartition("-")[0] for machine in listing.by_machine())
    standard = {
        type for type in _types(plan) if type[0] in _STANDARD and not type.startswith(("inf", "trn", "dl", "hpc"))
    }
    sizes = {
        str(one["InstanceType"]): int(one["VCpuInfo"]["DefaultVCpus"])
        for one in account.pages("ec2", "describe_instance_types", "InstanceTypes", InstanceTypes=sorted(_types(plan)))
    }
    missing_vcpus = sum(
        (number - there[f"{plan.name}-{role}"]) * sizes.get(type, 0)
        for role, number in _roles(plan).items()
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
    """There is a zone for the names, and nobody else has records at them."""
    if plan.settings_of(Aws).dns != "route53":
        return
    try:
        zone = records.zone_of(platform.account, plan)
        taken = [
            name
            for name in (plan.api_host, plan.console_host)
            if records.read(platform.account, plan, zone, name).taken
        ]
    except InstallerError as error:
        if error.retryable and "NoSuchHostedZone" not in error.observed:
            raise
        yield Problem(error.observed, error.hint)
        return
    for name in taken:
        remedy = "Delete the records there, or give the cluster another name or subdomain."
        yield Problem(f"the hosted zone {zone} has records at {name} that Craton didn't make", remedy)


_CHECKS: tuple[Callable[[InstallPlan, AwsPlatform], Iterator[Problem]], ...] = (
    permissions,
    zones,
    images,
    quotas,
    same_name,
    existing_network,
    hosted_zone,
)
