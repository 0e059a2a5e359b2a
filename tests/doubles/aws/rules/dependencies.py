"""What cannot be deleted because something needs it, and moto deletes all the same.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html: DependencyViolation, Invalid*.InUse
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.doubles.aws.account import Account
from tests.doubles.aws.call import Call, Refused
from tests.doubles.aws.rules.instances import lives
from tests.doubles.aws.rules.registry import follows, refuses


@refuses("ec2:DeleteSubnet")
def check_subnet(account: Account, call: Call) -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteSubnet.html"""
    id = call.params["SubnetId"]
    users = [one.id for one in _interfaces(account, call) if one.subnet.id == id]
    users += [one.instance.id for one in _ending(account) if one.instance.subnet_id == id]
    users += [name for name, balancer in _balancers(account, call) if id in balancer]
    if users:
        raise Refused("DependencyViolation", f"The subnet '{id}' has dependencies and cannot be deleted.")


@refuses("ec2:DeleteSecurityGroup")
def check_group(account: Account, call: Call) -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteSecurityGroup.html"""
    id = call.params.get("GroupId", "")
    users = [one.id for one in _interfaces(account, call) if any(group.id == id for group in one.group_set)]
    users += [one.instance.id for one in _ending(account) if id in _groups(one.instance)]
    users += [group.id for group in _all_groups(account, call) if group.id != id and id in _sources(group)]
    if users:
        raise Refused("DependencyViolation", f"resource {id} has a dependent object")
    found = next((group for group in _all_groups(account, call) if group.id == id), None)
    if found is not None and found.name == "default":
        raise Refused("CannotDelete", "the specified group: default cannot be deleted by a user")


@refuses("ec2:DeleteVpc")
def check_vpc(account: Account, call: Call) -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteVpc.html"""
    id, store = call.params["VpcId"], account.store("ec2", call.region)
    users = [one.id for one in store.internet_gateways.values() if one.vpc and one.vpc.id == id]
    users += [group.id for group in store.groups.get(id, {}).values() if group.name != "default"]
    users += [one.id for one in _interfaces(account, call) if one.subnet.vpc_id == id]
    if users:
        raise Refused("DependencyViolation", f"The vpc '{id}' has dependencies and cannot be deleted.")


@refuses("ec2:DetachInternetGateway")
def check_gateway(account: Account, call: Call) -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DetachInternetGateway.html: no running instances with
    elastic addresses or public addresses.
    """
    id = call.params["VpcId"]
    mapped = [one.id for one in _interfaces(account, call) if one.subnet.vpc_id == id and one.public_ip]
    mapped += [one.instance.id for one in _ending(account) if one.instance.vpc_id == id and one.public]
    mapped += [name for name, subnets in _balancers(account, call)
               if any(one.id in subnets and one.vpc_id == id for one in _subnets(account, call))]  # fmt: skip
    if mapped:
        words = f"Network {id} has some mapped public address(es). Please unmap those public address(es) before."
        raise Refused("DependencyViolation", words)


@refuses("ec2:DeleteNetworkInterface")
def check_interface(account: Account, call: Call) -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteNetworkInterface.html: detach it first."""
    id = call.params["NetworkInterfaceId"]
    if any(one.id == id and one.instance for one in _interfaces(account, call)):
        raise Refused("InvalidNetworkInterface.InUse", f"Network interface '{id}' is currently in use.")


@refuses("ec2:ReleaseAddress")
def check_address(account: Account, call: Call) -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ReleaseAddress.html"""
    for one in account.store("ec2", call.region).addresses:
        if one.allocation_id == call.params.get("AllocationId") and one.association_id:
            raise Refused("InvalidIPAddress.InUse", f"Address {one.public_ip} is in use.")


@refuses("ec2:AssociateAddress")
def check_association(account: Account, call: Call) -> None:
    """An instance that is pending has no interface that takes an address yet.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AssociateAddress.html
    """
    life = lives(account).get(call.params.get("InstanceId", ""))
    if life is not None and life.looks > account.lag.unknown and life.instance.state != "running":
        words = f"The {life.instance.state} instance '{life.instance.id}' is not in a valid state for this operation."
        raise Refused("InvalidInstanceID", words)


@follows("ec2:AssociateAddress", "ec2:DisassociateAddress")
def move_address(account: Account, call: Call, _body: bytes) -> None:
    for life in lives(account).values():
        if life.instance.state == "running":
            nic = life.instance.nics[0]
            if not nic.public_ip and life.public:
                nic.public_ip = life.public  # its own comes back
            account.machines.attach(life.instance.id, nic.public_ip or "")


@follows("elbv2:DeleteLoadBalancer")
def keep_interfaces(account: Account, call: Call, _body: bytes) -> None:
    """A balancer's interfaces go some time after it.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-delete.html
    """
    arn = call.params["LoadBalancerArn"]
    subnets = account.note("balancers", dict).pop(arn, ())
    account.note("going balancers", dict)[arn] = [tuple(subnets), account.lag.deleting]


@follows("elb:DeleteLoadBalancer")
def keep_classic_interfaces(account: Account, call: Call, _body: bytes) -> None:
    """https://docs.aws.amazon.com/elasticloadbalancing/2012-06-01/APIReference/API_DeleteLoadBalancer.html: no error
    for one that is gone.
    """
    name = call.params["LoadBalancerName"]
    subnets = account.note("balancers", dict).pop(name, None)
    if subnets is not None:
        account.note("going balancers", dict)[name] = [tuple(subnets), account.lag.deleting]


@follows("elb:CreateLoadBalancer")
def note_classic_interfaces(account: Account, call: Call, _body: bytes) -> None:
    account.note("balancers", dict)[call.params["LoadBalancerName"]] = tuple(call.params.get("Subnets") or ())


@follows("elbv2:CreateLoadBalancer")
def note_interfaces(account: Account, call: Call, _body: bytes) -> None:
    known = account.note("balancers", dict)
    for arn, balancer in account.store("elbv2", call.region).load_balancers.items():
        known[arn] = tuple(subnet.id for subnet in balancer.subnets)


def _balancers(account: Account, call: Call) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Balancers with their subnets, those among them that are about to go: each attempt brings their end closer."""
    yield from account.note("balancers", dict).items()
    going = account.note("going balancers", dict)
    for arn, entry in list(going.items()):
        subnets, left = entry
        if left <= 0:
            del going[arn]
            continue
        entry[1] -= 1
        yield arn, subnets


@refuses("iam:RemoveRoleFromInstanceProfile")
def check_role_of_profile(account: Account, call: Call) -> None:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_RemoveRoleFromInstanceProfile.html: NoSuchEntity."""
    profile, role = call.params["InstanceProfileName"], call.params["RoleName"]
    found = next((one for one in account.store("iam").instance_profiles.values() if one.name == profile), None)
    if found is not None and all(one.name != role for one in found.roles):
        raise Refused("NoSuchEntity", f"Role {role} in Instance Profile {profile} cannot be found.", 404)


def _interfaces(account: Account, call: Call) -> list[Any]:
    return list(account.store("ec2", call.region).enis.values())


def _subnets(account: Account, call: Call) -> list[Any]:
    return [one for zone in account.store("ec2", call.region).subnets.values() for one in zone.values()]


def _all_groups(account: Account, call: Call) -> list[Any]:
    return [one for groups in account.store("ec2", call.region).groups.values() for one in groups.values()]


def _ending(account: Account) -> list[Any]:
    return [one for one in lives(account).values() if one.instance.state == "shutting-down"]


def _groups(instance: Any) -> set[str]:
    return {group.id for group in instance.security_groups} | {
        group.id for nic in instance.nics.values() for group in nic.group_set
    }


def _sources(group: Any) -> set[str]:
    """Ids of the groups that a group's rules refer to."""
    rules = [*group.ingress_rules, *group.egress_rules]
    return {rule.source_group.get("GroupId", "") for rule in rules}
