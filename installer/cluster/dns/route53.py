"""Names in Route 53."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from installer.accounts.aws.account import Account
from installer.accounts.aws.errors import AwsError
from installer.cluster.dns.records import Alias, Names, Target, Written
from installer.common.errors import InstallerError

REGION = "us-east-1"
"""Route 53 is one for all regions; requests to it are signed for this one."""
_TYPES = ("A", "AAAA", "CNAME", "TXT")
_CHANGE = "route53:ChangeResourceRecordSets"


class Route53:
    """The records of one cluster's names in a hosted zone."""

    service = "Route 53"

    def __init__(self, account: Account, names: Names) -> None:
        self._account, self._names = account, names
        self._found = ""

    def caller(self) -> str:
        caller = self._account.caller()
        how = f" (credentials found by: {caller['method']})" if caller["method"] else ""
        return f"account {caller['Account']}, as {caller['Arn']}{how}"

    def zone(self) -> str:
        """Id of the hosted zone: the plan's, else the public one whose name is the longest end of the subdomain."""
        if not self._found:
            self._found = self._names.zone or self._fitting()
        return self._found

    def delegation(self) -> tuple[str, tuple[str, ...]]:
        found = self._account.ask("route53", "get_hosted_zone", Id=self.zone())
        zone = found["HostedZone"]
        if (zone.get("Config") or {}).get("PrivateZone"):
            raise InstallerError(
                "look at the hosted zone",
                f"the hosted zone {self.zone()} is private: only its VPCs see it",
                hint=f"Set {self._names.field} to a public zone, or {self._names.otherwise}.",
            )
        return str(zone["Name"]).rstrip("."), tuple(found["DelegationSet"]["NameServers"])

    def lacking(self) -> list[str]:
        """Route 53 has no dry runs. Removing a record that isn't there is refused either way, and says which it is."""
        nothing = {"Value": '"craton: may this zone be changed?"'}
        name = self._names.hosts[0]
        absent = {"Name": name, "Type": "TXT", "TTL": self._names.ttl, "ResourceRecords": [nothing]}
        try:
            self._change([{"Action": "DELETE", "ResourceRecordSet": absent}])
        except AwsError as error:
            if error.not_allowed:
                return [_CHANGE]
            if error.code != "InvalidChangeBatch":
                raise
        return []

    def read(self, name: str) -> Written:
        sets = self._sets(name)
        targets = frozenset(target for one in sets if one["Type"] != "TXT" for target in _targets(one))
        owned = any(value["Value"] == self._names.mark for one in sets for value in one.get("ResourceRecords") or ())
        return Written(targets, owned, bool(sets) and not owned)

    def write(self, name: str, target: Target) -> str:
        where: dict[str, Any]
        if isinstance(target, Alias):
            where = {"AliasTarget": {"HostedZoneId": target.zone, "DNSName": target.host,
                                     "EvaluateTargetHealth": False}}  # fmt: skip
        else:
            where = {"TTL": self._names.ttl, "ResourceRecords": [{"Value": address} for address in sorted(target)]}
        mine = {"TTL": self._names.ttl, "ResourceRecords": [{"Value": self._names.mark}]}
        wanted = ({"Name": name, "Type": "A", **where}, {"Name": name, "Type": "TXT", **mine})
        return self._change([{"Action": "UPSERT", "ResourceRecordSet": one} for one in wanted])

    def in_sync(self, change: str) -> bool:
        return bool(self._account.ask("route53", "get_change", Id=change)["ChangeInfo"]["Status"] == "INSYNC")

    def own(self) -> list[str]:
        """The names that have records of the cluster's."""
        try:
            return [name for name in self._names.hosts if self.read(name).owned]
        except AwsError as error:
            if not error.missing:
                raise
            return []
        except InstallerError:  # without a zone there is no record
            return []

    def remove(self, names: Iterable[str]) -> None:
        for name in names:
            if self.read(name).owned:
                sets = [one for one in self._sets(name) if one["Type"] in ("A", "TXT")]
                self._change([{"Action": "DELETE", "ResourceRecordSet": one} for one in sets])

    def _fitting(self) -> str:
        for domain in self._names.domains():
            listed = self._account.ask("route53", "list_hosted_zones_by_name", DNSName=f"{domain}.", MaxItems="10")
            for zone in listed.get("HostedZones", ()):
                if zone["Name"] == f"{domain}." and not zone.get("Config", {}).get("PrivateZone"):
                    return str(zone["Id"]).rpartition("/")[2]
        raise InstallerError(
            "find the hosted zone",
            f"this account has no public hosted zone for {self._names.subdomain}",
            hint=f"Create one in Route 53 and delegate it, or set {self._names.otherwise}.",
        )

    def _sets(self, name: str) -> list[dict[str, Any]]:
        listed = self._account.ask("route53", "list_resource_record_sets", HostedZoneId=self.zone(),
                                   StartRecordName=name, MaxItems="10")["ResourceRecordSets"]  # fmt: skip
        return [one for one in listed if one["Name"] == f"{name}." and one["Type"] in _TYPES]

    def _change(self, changes: list[dict[str, Any]]) -> str:
        batch = {"Comment": f"Craton: {self._names.hosts[0]}", "Changes": changes}
        change = self._account.ask("route53", "change_resource_record_sets", HostedZoneId=self.zone(),
                                   ChangeBatch=batch)  # fmt: skip
        return str(change["ChangeInfo"]["Id"])


def _targets(one: dict[str, Any]) -> Iterable[str]:
    if alias := one.get("AliasTarget"):
        return (str(alias["DNSName"]).rstrip(".").lower(),)
    return (str(value["Value"]) for value in one.get("ResourceRecords") or ())
