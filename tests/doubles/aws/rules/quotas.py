"""Quotas, and the service that names them.

https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html
https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_GetServiceQuota.html
"""

from __future__ import annotations

import json
from typing import Any

from tests.doubles.aws.account import ACCOUNT, Account
from tests.doubles.aws.call import Call, Refused
from tests.doubles.aws.rules.registry import Made, answers, refuses

_NAMES = {
    "L-1216C47A": ("ec2", "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances"),
    "L-DB2E81BA": ("ec2", "Running On-Demand G and VT instances"),
    "L-0263D0A3": ("ec2", "EC2-VPC Elastic IPs"),
    "L-F678F1CE": ("vpc", "VPCs per Region"),
    "L-0EA8095F": ("vpc", "Inbound or outbound rules per security group"),
    "L-E79EC296": ("vpc", "VPC security groups per Region"),
    "L-407747CB": ("vpc", "Subnets per VPC"),
    "L-FE5A380F": ("vpc", "NAT gateways per Availability Zone"),
    "L-69A177A2": ("elasticloadbalancing", "Network Load Balancers per Region"),
}


@refuses("ec2:CreateVpc")
def check_vpcs(account: Account, call: Call) -> None:
    _check(account, "L-F678F1CE", len(account.store("ec2", call.region).vpcs), "VpcLimitExceeded", "VPCs")


@refuses("ec2:AllocateAddress")
def check_addresses(account: Account, call: Call) -> None:
    _check(account, "L-0263D0A3", len(account.store("ec2", call.region).addresses), "AddressLimitExceeded", "addresses")


@refuses("ec2:CreateSecurityGroup")
def check_groups(account: Account, call: Call) -> None:
    there = sum(len(groups) for groups in account.store("ec2", call.region).groups.values())
    _check(account, "L-E79EC296", there, "SecurityGroupLimitExceeded", "security groups")


@refuses("ec2:CreateSubnet")
def check_subnets(account: Account, call: Call) -> None:
    stored = account.store("ec2", call.region).subnets.values()
    there = sum(one.vpc_id == call.params["VpcId"] for zone in stored for one in zone.values())
    _check(account, "L-407747CB", there, "SubnetLimitExceeded", "subnets of this VPC")


@refuses("elbv2:CreateLoadBalancer")
def check_balancers(account: Account, call: Call) -> None:
    there = account.store("elbv2", call.region).load_balancers
    _check(account, "L-69A177A2", len(there), "TooManyLoadBalancers", "load balancers")


@refuses("ec2:AuthorizeSecurityGroupIngress", "ec2:AuthorizeSecurityGroupEgress")
def check_rules(account: Account, call: Call) -> None:
    """Each address range, prefix list and group of a permission is a rule of its own."""
    id = call.params.get("GroupId")
    groups = account.store("ec2", call.region).groups.values()
    group = next((one for some in groups for one in some.values() if one.id == id), None)
    if group is None:
        return
    there = len(group.ingress_rules if call.action.endswith("Ingress") else group.egress_rules)
    more = sum(map(_count, call.params.get("IpPermissions") or [{}]))
    _check(account, "L-0EA8095F", there, "RulesPerSecurityGroupLimitExceeded", f"rules of {id}", more)


@answers("service-quotas:GetServiceQuota", "service-quotas:GetAWSDefaultServiceQuota")
def get_quota(account: Account, call: Call) -> Made:
    service, code = call.params["ServiceCode"], call.params["QuotaCode"]
    if _NAMES.get(code, ("", ""))[0] != service:
        raise Refused("NoSuchResourceException", "The request failed because the specified quota does not exist.")
    return _json({"Quota": _quota(account, call, code)})


@answers("service-quotas:ListServiceQuotas")
def list_quotas(account: Account, call: Call) -> Made:
    codes = [code for code, (service, _) in _NAMES.items() if service == call.params["ServiceCode"]]
    return _json({"Quotas": [_quota(account, call, code) for code in codes]})


def _quota(account: Account, call: Call, code: str) -> dict[str, Any]:
    service, name = _NAMES[code]
    return {
        "ServiceCode": service, "QuotaCode": code, "QuotaName": name, "Value": account.quotas[code], "Unit": "None",
        "QuotaArn": f"arn:aws:servicequotas:{call.region}:{ACCOUNT}:{service}/{code}", "Adjustable": True,
        "GlobalQuota": False,
    }  # fmt: skip


def _json(document: object) -> Made:
    return Made(json.dumps(document).encode(), "application/x-amz-json-1.1")


def _count(permission: dict[str, Any]) -> int:
    kinds = ("IpRanges", "Ipv6Ranges", "PrefixListIds", "UserIdGroupPairs")
    return sum(len(permission.get(kind) or []) for kind in kinds)


def _check(account: Account, code: str, there: int, error: str, what: str, more: int = 1) -> None:
    if there + more > account.quotas[code]:
        raise Refused(error, f"The maximum number of {what} has been reached.")
