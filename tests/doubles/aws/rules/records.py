"""Records of Route 53: what is deleted has to be there just so, and nothing is next to an alias.

https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html
https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resource-record-sets-creating.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.doubles.aws.account import Account
from tests.doubles.aws.call import Call, Refused
from tests.doubles.aws.rules.registry import refuses


@refuses("route53:ChangeResourceRecordSets")
def check_changes(account: Account, call: Call) -> None:
    """All of a batch or nothing. A zone that isn't there is moto's to refuse."""
    zone = account.store("route53").zones.get(str(call.params["HostedZoneId"]).rpartition("/")[2])
    after = {(one.name, one.type): one for one in zone.rrsets} if zone else {}
    for change in call.params["ChangeBatch"]["Changes"] if zone else ():
        given = change["ResourceRecordSet"]
        name, kind = f"{str(given['Name']).rstrip('.').lower()}.", str(given["Type"])
        what = f"resource record set [name='{name}', type='{kind}']"
        if change["Action"] == "DELETE":
            there = after.pop((name, kind), None)
            if there is None:
                raise _invalid(f"Tried to delete {what} but it was not found")
            if not _same(there, given):
                raise _invalid(f"Tried to delete {what} but the values provided do not match the current values")
            continue
        if change["Action"] == "CREATE" and (name, kind) in after:
            raise _invalid(f"Tried to create {what} but it already exists")
        others = {other for owner, other in after if owner == name and other != kind}
        if others and (kind == "CNAME" or "CNAME" in others):
            raise _invalid(f"RRSet of type {kind} with DNS name {name} is not permitted as it conflicts with other "
                           "records with the same DNS name in zone")  # fmt: skip
        after[name, kind] = None


def _same(there: Any, given: Mapping[str, Any]) -> bool:
    if there is None or given.get("AliasTarget"):
        return True
    values = sorted(one["Value"] for one in given.get("ResourceRecords") or ())
    return sorted(there.records) == values and int(there.ttl or 0) == int(given.get("TTL") or 0)


def _invalid(message: str) -> Refused:
    return Refused("InvalidChangeBatch", f"[{message}]")
