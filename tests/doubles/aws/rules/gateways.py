"""NAT gateways: they take a while before they carry traffic, and to go, and keep what they use until they are gone.

https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-working-with.html
https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-troubleshooting.html
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.doubles.aws.account import Account
from tests.doubles.aws.call import Call, Refused
from tests.doubles.aws.rules.registry import follows, refuses, views

_QUOTA = "L-FE5A380F"


@dataclass
class Life:
    """How often a gateway was looked at, and since it was deleted."""

    looks: int = 0
    ended: int | None = None


@refuses("ec2:CreateNatGateway")
def check_quota(account: Account, call: Call) -> None:
    """https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html: NAT gateways per Availability Zone."""
    store = account.store("ec2", call.region)
    zone = _subnet(store, call.params["SubnetId"]).availability_zone
    there = [one for one in store.nat_gateways.values() if one.state in ("pending", "available", "deleting")]
    if sum(_subnet(store, one.subnet_id).availability_zone == zone for one in there) + 1 > account.quotas[_QUOTA]:
        raise Refused("NatGatewayLimitExceeded", f"The maximum number of NAT gateways of {zone} has been reached.")


def _subnet(store: Any, id: str) -> Any:
    for subnets in store.subnets.values():
        if id in subnets:
            return subnets[id]
    raise Refused("InvalidSubnetID.NotFound", f"The subnet ID '{id}' does not exist")


@follows("ec2:CreateNatGateway")
def begin(account: Account, call: Call, body: bytes) -> bytes:
    for id, gateway in _gateways(account, call).items():
        if id not in _lives(account):
            _lives(account)[id] = Life()
            gateway.state = "pending"
    return body.replace(b"<state>available</state>", b"<state>pending</state>")


@refuses("ec2:DeleteNatGateway")
def check_there(account: Account, call: Call) -> None:
    id = call.params["NatGatewayId"]
    if id not in _gateways(account, call):
        raise Refused("NatGatewayNotFound", f"The Nat Gateway {id} was not found")


@follows("ec2:DeleteNatGateway")
def end(account: Account, call: Call, _body: bytes) -> None:
    id = call.params["NatGatewayId"]
    life, gateway = _lives(account)[id], _gateways(account, call)[id]
    if life.ended is None:
        life.ended = 0
    if gateway._eni.id in account.store("ec2", call.region).enis:  # however often it is deleted
        gateway.state = "deleting"


@views("ec2:DescribeNatGateways")
@contextmanager
def look(account: Account, call: Call) -> Iterator[None]:
    """Let time pass, and show those that the filters leave: moto knows no filter by tags."""
    store = account.store("ec2", call.region)
    for id, gateway in store.nat_gateways.items():
        _pass_time(account, store, gateway, _lives(account)[id])
    every = store.nat_gateways
    lead_out(account, call, b"")
    store.nat_gateways = {id: one for id, one in every.items() if _chosen(one, call.params.get("Filter") or ())}
    try:
        yield
    finally:
        store.nat_gateways = every


@follows(
    "ec2:CreateRoute", "ec2:DeleteRoute", "ec2:AssociateRouteTable", "ec2:DisassociateRouteTable",
    "ec2:DeleteNatGateway",
)  # fmt: skip
def lead_out(account: Account, call: Call, _body: bytes) -> None:
    """Machines without a public address get out through what their subnet's route table names, once it is there.

    https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-scenarios.html
    """
    store, ways = account.store("ec2", call.region), dict[str, str]()
    for table in store.route_tables.values():
        used = [one.nat_gateway for one in table.routes if one.destination_cidr_block == "0.0.0.0/0"]
        for gateway in (one for one in used if one is not None and one.state == "available"):
            for subnet in filter(None, (one.get("SubnetId") for one in table.associations)):
                ways[_subnet(store, subnet).cidr_block] = gateway.address_set[0]["publicIp"]
    if ways != account.note("ways out", dict):
        account.notes["ways out"] = ways
        account.machines.lead_out(ways)


def _chosen(gateway: Any, filters: Any) -> bool:
    tags = {tag["key"]: tag["value"] for tag in gateway.get_tags()}
    wanted = {one["Name"].removeprefix("tag:"): one["Values"] for one in filters if one["Name"].startswith("tag:")}
    return all(tags.get(key) in values for key, values in wanted.items())


def _pass_time(account: Account, store: Any, gateway: Any, life: Life) -> None:
    if life.ended is not None:
        life.ended += 1
        if life.ended > account.lag.deleting and gateway.state == "deleting":
            gateway.state = "deleted"
            address = store.address_by_allocation([gateway.address_set[0]["allocationId"]])[0]
            address.eni = address.association_id = address.instance = None
            del store.enis[gateway._eni.id]
        return
    life.looks += 1
    if life.looks > account.lag.pending and gateway.state == "pending":
        ways = [one for one in store.internet_gateways.values() if one.vpc and one.vpc.id == gateway.vpc_id]
        gateway.state = "available" if ways else "failed"


def _gateways(account: Account, call: Call) -> dict[str, Any]:
    found: dict[str, Any] = account.store("ec2", call.region).nat_gateways
    return found


def _lives(account: Account) -> dict[str, Life]:
    found: dict[str, Life] = account.note("nat gateways", dict)
    return found
