"""Security groups and names reach the machines: what a call changed is in force when it returns."""

from __future__ import annotations

from typing import Any

from tests.doubles.aws.account import Account
from tests.doubles.aws.call import Call
from tests.doubles.aws.rules.registry import follows
from tests.doubles.cloud.machines import Opening


@follows(
    "ec2:AuthorizeSecurityGroupIngress", "ec2:RevokeSecurityGroupIngress", "ec2:ModifySecurityGroupRules",
    "ec2:CreateSecurityGroup", "ec2:DeleteSecurityGroup", "ec2:UpdateSecurityGroupRuleDescriptionsIngress",
)  # fmt: skip
def protect(account: Account, call: Call, _body: bytes) -> None:
    groups = account.store("ec2", call.region).groups.values()
    account.machines.protect(
        {id: tuple(map(_opening, group.ingress_rules)) for some in groups for id, group in some.items()}
    )


@follows("route53:ChangeResourceRecordSets")
def name(account: Account, _call: Call, _body: bytes) -> None:
    found: dict[str, tuple[str, ...]] = {}
    for zone in account.store("route53").zones.values():
        for one in zone.rrsets:
            if one.type == "A":
                host = one.name.rstrip(".")
                found[host] = (str(one.alias_target["DNSName"]),) if one.alias_target else tuple(one.records)
    account.machines.name(found)


def _opening(rule: Any) -> Opening:
    source, network = rule.source_group, rule.ip_range
    every = rule.ip_protocol == "-1"
    return Opening(
        text=str(source.get("Description") or network.get("Description") or ""),
        protocol="all" if every else str(rule.ip_protocol),
        first=0 if every else int(rule.from_port),
        last=65535 if every else int(rule.to_port),
        groups=(str(source["GroupId"]),) if source.get("GroupId") else (),
        networks=tuple(str(one) for one in (network.get("CidrIp"), network.get("CidrIpv6")) if one),
    )
