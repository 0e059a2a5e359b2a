"""What an AWS account has for the wizard's questions. Every look-up is a few requests that change nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from installer.accounts.aws.account import Account
from installer.common.errors import InstallerError
from installer.common.text import count
from installer.plan.platforms.aws import settings
from installer.plan.platforms.aws.instance_types import architecture
from installer.plan.question import Answers
from installer.plan.suggestions import Suggestion, Suggestions
from installer.platforms.aws import names, prices
from installer.platforms.aws.network import leads_out
from installer.platforms.clouds import suggestions as shared
from installer.platforms.clouds.listing import Found

_CURRENT = [{"Name": "current-generation", "Values": ["true"]}, {"Name": "bare-metal", "Values": ["false"]}]

_ACCOUNTS = shared.Accounts(Account)


def suggest(field: str, answers: Answers) -> Suggestions:
    """Raises InstallerError where the account can't be asked, KeyError for a field without suggestions."""
    return _OF[field](answers)


def _account(answers: Answers) -> Account:
    return _ACCOUNTS.of(str(answers.get("aws.region", settings.Aws().region)), answers.get("aws.profile"))


def _zones_in_use(answers: Answers) -> tuple[str, ...]:
    region = str(answers.get("aws.region", settings.Aws().region))
    return settings.Aws.model_construct(region=region, zones=answers.get("aws.zones") or ()).spread


def profiles(answers: Answers) -> Suggestions:
    """The profiles of the user's own files, and whose credentials the chosen one leads to."""
    from botocore.session import Session

    session = Session()
    kinds = {name: _kind(found) for name, found in session.full_config.get("profiles", {}).items()}
    found = tuple(Suggestion(name, kinds[name]) for name in sorted(kinds))
    try:
        caller = _account(answers).caller()
    except InstallerError as error:
        return Suggestions(found, problem=f"{error.observed}. {error.hint}")
    how = f"found by: {caller['method']}" if caller["method"] else "found as boto3 finds them"
    return Suggestions(found, f"Account {caller['Account']}, as {caller['Arn']}; credentials {how}")


def _kind(profile: dict[str, Any]) -> str:
    """How a profile of ~/.aws/config gets its credentials; they themselves are not in it."""
    if profile.get("sso_session") or profile.get("sso_start_url"):
        return f"SSO, {profile.get('sso_role_name', 'no role named')} of {profile.get('sso_account_id', 'no account')}"
    if role := profile.get("role_arn"):
        return f"assumes {role}"
    if "credential_process" in profile:
        return "credentials of another program"
    return "access keys" if "aws_access_key_id" in profile else ""


def regions(answers: Answers) -> Suggestions:
    from botocore.session import Session

    listed = _account(answers).ask("ec2", "describe_regions")["Regions"]
    partitions = Session().get_data("endpoints")["partitions"]
    titles = {name: str(one.get("description", "")) for part in partitions for name, one in part["regions"].items()}
    found = sorted(str(one["RegionName"]) for one in listed)
    return Suggestions(
        tuple(Suggestion(name, titles.get(name, "")) for name in found),
        f"{count(len(found), 'region')} that your account has switched on",
    )


def zones(answers: Answers) -> Suggestions:
    account = _account(answers)
    listed = account.ask("ec2", "describe_availability_zones")["AvailabilityZones"]
    ids = {str(one["ZoneName"]): str(one.get("ZoneId", "")) for one in listed if _plain_zone(one)}
    return shared.spread_zones(sorted(ids), ids, f"{account.region} that your account has")


def _plain_zone(zone: Found) -> bool:
    """Neither a local zone nor one that is closed."""
    return zone.get("State") == "available" and zone.get("ZoneType", "availability-zone") == "availability-zone"


def types(answers: Answers) -> Suggestions:
    """Instance types of today's generations; with prices, if the account may read the price list."""
    account, places = _account(answers), _zones_in_use(answers)
    listed = list(account.pages("ec2", "describe_instance_types", "InstanceTypes", Filters=_CURRENT))
    offered = account.pages(
        "ec2",
        "describe_instance_type_offerings",
        "InstanceTypeOfferings",
        LocationType="availability-zone",
        Filters=[{"Name": "location", "Values": list(places)}],
    )
    have = {(str(one["InstanceType"]), str(one["Location"])) for one in offered}
    try:
        hourly, told = prices.machines(account), "prices from AWS's price list, Linux on demand"
    except InstallerError as error:
        hourly, told = {}, f"prices unknown: {error.observed}"
    found = (_type(one, [zone for zone in places if (one["InstanceType"], zone) not in have], hourly) for one in listed)
    return shared.machine_types((one for one in found if len(one.absent) < len(places)), account.region, told)


def _type(one: Found, absent: Iterable[str], hourly: dict[str, float]) -> shared.MachineType:
    name = str(one["InstanceType"])
    processor = "ARM" if architecture(name) == "arm64" else "x86"
    memory = one["MemoryInfo"]["SizeInMiB"] / 1024
    return shared.MachineType(name, one["VCpuInfo"]["DefaultVCpus"], memory, processor, tuple(absent), hourly.get(name))


def keys(answers: Answers) -> Suggestions:
    """KMS keys by their aliases; AWS's own are what a disk without a key has."""
    account = _account(answers)
    listed = [
        str(one["AliasName"]) for one in account.pages("kms", "list_aliases", "Aliases") if one.get("TargetKeyId")
    ]
    found = sorted(name for name in listed if not name.startswith("alias/aws/"))
    source = f"{count(len(found), 'key')} with an alias in {account.region}"
    return Suggestions(tuple(Suggestion(name) for name in found), source)


def vpcs(answers: Answers) -> Suggestions:
    account = _account(answers)
    found = [
        Suggestion(str(one["VpcId"]), shared.words(names.read_tags(one).get("Name"), one["CidrBlock"]))
        for one in account.pages("ec2", "describe_vpcs", "Vpcs")
    ]
    return Suggestions(tuple(found), f"{count(len(found), 'VPC')} of {account.region}")


def public_subnets(answers: Answers) -> Suggestions:
    return _subnets(answers, "public", "igw-")


def private_subnets(answers: Answers) -> Suggestions:
    return _subnets(answers, "private", "nat-")


def _subnets(answers: Answers, kind: str, way: str) -> Suggestions:
    """The VPC's subnets with this way out: one for each zone together, then each."""
    account, places = _account(answers), _zones_in_use(answers)
    within = [{"Name": "vpc-id", "Values": [str(answers.get("aws.vpc"))]}]
    listed = sorted(
        account.pages("ec2", "describe_subnets", "Subnets", Filters=within), key=lambda one: one["SubnetId"]
    )
    tables = list(account.pages("ec2", "describe_route_tables", "RouteTables", Filters=within))
    fitting = [one for one in listed if leads_out(str(one["SubnetId"]), tables, way)]
    each = [Suggestion(str(one["SubnetId"]), _subnet(one)) for one in fitting if one["AvailabilityZone"] in places]
    first = [next((one for one in fitting if one["AvailabilityZone"] == zone), None) for zone in places]
    together = ", ".join(str(one["SubnetId"]) for one in first if one)
    every = [Suggestion(together, "one for each zone")] if len(places) > 1 and all(first) else []
    source = f"{count(len(each), f'{kind} subnet')} of {answers.get('aws.vpc')} in {', '.join(places)}"
    return Suggestions((*every, *each), source, several=True)


def _subnet(one: Found) -> str:
    free = f"{one.get('AvailableIpAddressCount', 0)} addresses free"
    return shared.words(names.read_tags(one).get("Name"), one["AvailabilityZone"], one["CidrBlock"], free)


def _public_zones(answers: Answers) -> list[shared.Zone]:
    """Id, domain and detail of the account's public hosted zones."""
    listed = _account(answers).pages("route53", "list_hosted_zones", "HostedZones")
    return [
        (
            str(one["Id"]).rpartition("/")[2],
            str(one["Name"]).rstrip("."),
            f"{one.get('ResourceRecordSetCount', 0)} records",
        )
        for one in listed
        if not (one.get("Config") or {}).get("PrivateZone")
    ]


_OF: shared.Suggests = {
    "aws.profile": profiles,
    "aws.region": regions,
    "aws.zones": zones,
    "aws.master_type": types,
    "aws.infra_type": types,
    "aws.worker_type": types,
    "aws.kms_key": keys,
    "aws.vpc": vpcs,
    "aws.subnets": public_subnets,
    "aws.private_subnets": private_subnets,
    **shared.in_any_cloud("aws.hosted_zone", _public_zones, "your account", "hosted zone"),
}
