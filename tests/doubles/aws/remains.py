"""What exists in an account, by kind and id: what moto's stores hold that is not simply over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.doubles.aws.account import REGION, Account

_EC2 = {
    "vpc": "vpcs", "internet gateway": "internet_gateways", "route table": "route_tables", "interface": "enis",
    "volume": "volumes", "NAT gateway": "nat_gateways", "launch template": "launch_templates", "key pair": "keypairs",
    "placement group": "placement_groups",
}  # fmt: skip
"""Kinds, and the attributes of moto's store that have them by id."""


def remains(account: Account, region: str = REGION) -> list[str]:
    """`KIND ID`, sorted, of everything that was not there when `keep` was called, as AWS's own defaults were."""
    with account.lock:
        return sorted(set(exist(account, region)) - set(account.note("own", set)))


def renew(account: Account) -> None:
    """A new account, in which nothing remains."""
    with account.lock:
        account.reset()
        keep(account)


def keep(account: Account, region: str = REGION) -> None:
    """What exists by now is the account's own, and no cluster's."""
    with account.lock:
        account.note("own", set).update(exist(account, region))


def exist(account: Account, region: str = REGION) -> Iterator[str]:
    ec2 = account.store("ec2", region)
    for kind, attribute in _EC2.items():
        found = getattr(ec2, attribute, {})
        yield from (f"{kind} {id}" for id, one in found.items() if getattr(one, "state", "") != "deleted")
    yield from (f"instance {one.id}" for one in account.instances(region) if one.state != "terminated")
    yield from (f"subnet {id}" for zone in ec2.subnets.values() for id in zone)
    yield from (f"security group {id}" for groups in ec2.groups.values() for id in groups)
    yield from (f"address {one.allocation_id}" for one in ec2.addresses)
    balancing = account.store("elbv2", region)
    yield from (f"load balancer {arn}" for arn in balancing.load_balancers)
    yield from (f"classic load balancer {name}" for name in account.store("elb", region).load_balancers)
    yield from (f"target group {arn}" for arn in balancing.target_groups)
    yield from (f"auto scaling group {name}" for name in account.store("autoscaling", region).autoscaling_groups)
    yield from (f"secret {name}" for name in dict.keys(account.store("secretsmanager", region).secrets))
    yield from (f"parameter {name}" for name in _parameters(account, region))
    identities = account.store("iam")
    yield from (f"role {one.name}" for one in identities.roles.values())
    yield from (f"instance profile {one.name}" for one in identities.instance_profiles.values())
    for zone in account.store("route53").zones.values():
        yield f"zone {zone.id}"
        yield from (f"record {one.name} {one.type}" for one in zone.rrsets if one.type not in ("NS", "SOA"))


def _parameters(account: Account, region: str) -> list[Any]:
    """Names of parameters, without those of AWS's own."""
    found = account.store("ssm", region)._parameters
    return [name for name in list(dict.keys(found)) if not name.startswith("/aws/") and dict.__getitem__(found, name)]
