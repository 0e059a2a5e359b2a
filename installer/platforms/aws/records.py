"""The records of the contract's names in Route 53. A TXT record for each names its owner."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from installer.common.errors import InstallerError
from installer.plan.model import InstallPlan
from installer.plan.platforms.aws.settings import Aws
from installer.platforms.aws.account import Account
from installer.platforms.aws.errors import AwsError
from installer.platforms.clouds.records import TTL, Alias, Target, Written

_TYPES = ("A", "AAAA", "CNAME", "TXT")


def zone_of(account: Account, plan: InstallPlan) -> str:
    """Id of the hosted zone: the plan's, else the public one whose name is the longest end of the subdomain.

    Raises InstallerError if there is none.
    """
    if chosen := plan.settings_of(Aws).hosted_zone:
        return chosen
    labels = plan.subdomain.split(".")
    for start in range(len(labels) - 1):
        name = ".".join(labels[start:]) + "."
        listed = account.ask("route53", "list_hosted_zones_by_name", DNSName=name, MaxItems="10")
        for zone in listed.get("HostedZones", ()):
            if zone["Name"] == name and not zone.get("Config", {}).get("PrivateZone"):
                return str(zone["Id"]).rpartition("/")[2]
    raise InstallerError(
        "find the hosted zone",
        f"this account has no public hosted zone for {plan.subdomain}",
        hint="Create one in Route 53 and delegate it, or set aws.dns: manual.",
    )


def mark(plan: InstallPlan) -> str:
    """What the TXT record of the cluster's names says, in quotes as Route 53 wants it."""
    return f'"craton/cluster={plan.name}, {plan.settings_of(Aws).region}"'


def read(account: Account, plan: InstallPlan, zone: str, name: str) -> Written:
    """What is at `name`."""
    listed = account.ask("route53", "list_resource_record_sets", HostedZoneId=zone, StartRecordName=name, MaxItems="10")
    sets = [one for one in listed["ResourceRecordSets"] if one["Name"] == f"{name}." and one["Type"] in _TYPES]
    targets = frozenset(target for one in sets if one["Type"] != "TXT" for target in _targets(one))
    owned = any(value["Value"] == mark(plan) for one in sets for value in one.get("ResourceRecords") or ())
    return Written(targets, owned, bool(sets) and not owned)


def _targets(one: dict[str, Any]) -> Iterable[str]:
    if alias := one.get("AliasTarget"):
        return (str(alias["DNSName"]).rstrip(".").lower(),)
    return (str(value["Value"]) for value in one.get("ResourceRecords") or ())


def write(account: Account, plan: InstallPlan, zone: str, name: str, target: Target) -> str:
    """Have `name` lead to addresses or a load balancer, and say whose it is; return the id of the change."""
    change = account.ask(
        "route53",
        "change_resource_record_sets",
        HostedZoneId=zone,
        ChangeBatch={
            "Comment": f"Craton: {plan.name}",
            "Changes": [{"Action": "UPSERT", "ResourceRecordSet": one} for one in _sets(plan, name, target)],
        },
    )
    return str(change["ChangeInfo"]["Id"])


def _sets(plan: InstallPlan, name: str, target: Target) -> list[dict[str, Any]]:
    if isinstance(target, Alias):
        where: dict[str, Any] = {
            "AliasTarget": {"HostedZoneId": target.zone, "DNSName": target.host, "EvaluateTargetHealth": False}
        }
    else:
        where = {"TTL": TTL, "ResourceRecords": [{"Value": address} for address in sorted(target)]}
    mine = {"Name": name, "Type": "TXT", "TTL": TTL, "ResourceRecords": [{"Value": mark(plan)}]}
    return [{"Name": name, "Type": "A", **where}, mine]


def in_sync(account: Account, change: str) -> bool:
    """Whether all of Route 53's servers answer with a change by now."""
    return bool(account.ask("route53", "get_change", Id=change)["ChangeInfo"]["Status"] == "INSYNC")


def own(account: Account, plan: InstallPlan) -> list[str]:
    """The contract's names that have records of the cluster's."""
    if plan.settings_of(Aws).dns != "route53":
        return []
    try:
        zone = zone_of(account, plan)
        return [name for name in (plan.api_host, plan.console_host) if read(account, plan, zone, name).owned]
    except AwsError as error:
        if not error.missing:
            raise
        return []
    except InstallerError:  # without a zone there is no record
        return []


def remove(account: Account, plan: InstallPlan, names: Iterable[str]) -> None:
    """Delete the records at `names` that are the cluster's, whatever they lead to."""
    zone = zone_of(account, plan)
    for name in names:
        if not read(account, plan, zone, name).owned:
            continue
        listed = account.ask(
            "route53", "list_resource_record_sets", HostedZoneId=zone, StartRecordName=name, MaxItems="10"
        )["ResourceRecordSets"]
        sets = [one for one in listed if one["Name"] == f"{name}." and one["Type"] in ("A", "TXT")]
        changes = [{"Action": "DELETE", "ResourceRecordSet": one} for one in sets]
        account.ask("route53", "change_resource_record_sets", HostedZoneId=zone, ChangeBatch={"Changes": changes})


class Route53:
    """The records of one cluster's names in Route 53."""

    service = "Route 53"

    def __init__(self, account: Account, plan: InstallPlan) -> None:
        self._account, self._plan = account, plan

    def zone(self) -> str:
        return zone_of(self._account, self._plan)

    def delegation(self) -> tuple[str, tuple[str, ...]]:
        found = self._account.ask("route53", "get_hosted_zone", Id=self.zone())
        zone = found["HostedZone"]
        if (zone.get("Config") or {}).get("PrivateZone"):
            raise InstallerError(
                "look at the hosted zone",
                f"the hosted zone {self.zone()} is private: only its VPCs see it",
                hint="Set aws.hosted_zone to a public zone, or aws.dns: manual.",
            )
        return str(zone["Name"]).rstrip("."), tuple(found["DelegationSet"]["NameServers"])

    def read(self, name: str) -> Written:
        return read(self._account, self._plan, self.zone(), name)

    def write(self, name: str, target: Target) -> str:
        return write(self._account, self._plan, self.zone(), name, target)

    def in_sync(self, change: str) -> bool:
        return in_sync(self._account, change)

    def remove(self, names: Iterable[str]) -> None:
        remove(self._account, self._plan, names)
