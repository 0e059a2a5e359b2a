"""What RunInstances refuses. https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html"""

from __future__ import annotations

import base64
import itertools
from collections.abc import Iterator
from typing import Any

from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS, INSTANCE_TYPES

from tests.doubles.aws.account import Account
from tests.doubles.aws.call import Call, Refused
from tests.doubles.aws.rules.registry import follows, refuses

_USER_DATA = 16384
"""Bytes, before base64."""
_FAMILIES = {"L-1216C47A": "acdhimrtz", "L-DB2E81BA": "gv"}
"""The first letters of the instance types that count against a quota on vCPUs."""


@refuses("ec2:RunInstances")
def check_shape(account: Account, call: Call) -> None:
    """Counts, user data, and parameters that exclude each other."""
    params = call.params
    if not 1 <= int(params.get("MinCount", 0)) <= int(params.get("MaxCount", 0)):
        raise Refused("InvalidParameterValue", "MinCount must be 1 or more and not above MaxCount")
    if len(_user_data(params)) > _USER_DATA:
        raise Refused("InvalidParameterValue", "User data is limited to 16384 bytes")
    interfaces = params.get("NetworkInterfaces") or []
    if interfaces and (params.get("SubnetId") or params.get("SecurityGroupIds")):
        words = "Network interfaces and an instance-level subnet ID or security groups may not be specified on the same"
        raise Refused("InvalidParameterCombination", f"{words} request")
    if any(one.get("AssociatePublicIpAddress") for one in interfaces) and len(interfaces) > 1:
        raise Refused("InvalidParameterCombination", "The associatePublicIPAddress parameter goes with one interface")
    known = {group for groups in account.store("ec2", call.region).groups.values() for group in groups}
    for group in itertools.chain.from_iterable(one.get("Groups") or [] for one in interfaces):
        if group not in known:
            raise Refused("InvalidGroup.NotFound", f"The security group '{group}' does not exist")


@refuses("ec2:RunInstances")
def check_type(account: Account, call: Call) -> None:
    """The type has to be offered in the subnet's zone, and of the image's architecture."""
    kind, zone = str(call.params.get("InstanceType", "m1.small")), _zone(account, call)
    offered = {one["InstanceType"] for one in INSTANCE_TYPE_OFFERINGS["availability-zone"][call.region]
               if one["Location"] == zone}  # fmt: skip
    if kind not in INSTANCE_TYPES:
        raise Refused("InvalidParameterValue", f"Invalid value '{kind}' for InstanceType.")
    if kind not in offered:
        raise Refused("Unsupported", f"Your requested instance type ({kind}) is not supported in {zone}.")
    image = account.store("ec2", call.region).amis.get(call.params.get("ImageId"))
    architectures = INSTANCE_TYPES[kind]["ProcessorInfo"]["SupportedArchitectures"]
    if image is not None and image.architecture not in architectures:
        words = f"The architecture '{image.architecture}' of the AMI is not supported by {kind} ({architectures})."
        raise Refused("InvalidParameterValue", words)


@refuses("ec2:RunInstances")
def check_profile(account: Account, call: Call) -> None:
    """An instance profile that is new is not known to EC2 for a while.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html ("Changes that I make are not always visible")
    """
    given = call.params.get("IamInstanceProfile")
    if not given:
        return
    name = given.get("Name") or str(given.get("Arn", "")).rpartition("/")[2]
    found = next((one for one in account.store("iam").instance_profiles.values() if one.name == name), None)
    asked = account.note("profiles", dict)
    if found is not None:
        asked[found.id] = asked.get(found.id, 0) + (not call.dry_run)
    if found is None or asked[found.id] + call.dry_run <= account.lag.profile:
        words = f"Value ({name}) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name"
        raise Refused("InvalidParameterValue", words)
    if not found.roles:
        raise Refused("InvalidParameterValue", f"IAM Instance Profile '{found.arn}' has no associated IAM Roles")


@refuses("ec2:RunInstances")
def check_vcpus(account: Account, call: Call) -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-on-demand-instances.html (limits by vCPU)"""
    kind, wanted = str(call.params.get("InstanceType", "m1.small")), int(call.params["MaxCount"])
    quota = next((code for code, letters in _FAMILIES.items() if kind[0] in letters), None)
    if quota is None:
        return
    used = sum(
        _vcpus(one.instance_type) for one in account.instances(call.region)
        if one.state in ("pending", "running") and one.instance_type[0] in _FAMILIES[quota]
    )  # fmt: skip
    left = int(account.quotas[quota]) - used
    if _vcpus(kind) * wanted > left:
        words = f"You have requested more vCPU capacity than your current vCPU limit of {account.quotas[quota]:.0f}"
        raise Refused("VcpuLimitExceeded", f"{words} allows for the instance bucket of {kind}.")


@refuses("ec2:RunInstances")
def check_capacity(account: Account, call: Call) -> None:
    kind, zone = str(call.params.get("InstanceType", "m1.small")), _zone(account, call)
    if not call.dry_run and account.full_zones & {(zone, kind), (zone, "*")}:
        words = f"We currently do not have sufficient {kind} capacity in the Availability Zone you requested ({zone})."
        raise Refused("InsufficientInstanceCapacity", words, 500)


@refuses("ec2:RunInstances")
def check_addresses(account: Account, call: Call) -> None:
    """A subnet has as many addresses as its network, less the five that AWS keeps."""
    subnet = subnet_of(account, call)
    if subnet is not None and subnet._available_ip_addresses < int(call.params["MaxCount"]):
        raise Refused("InsufficientFreeAddressesInSubnet", f"Not enough free addresses in subnet '{subnet.id}'")


@follows("ec2:RunInstances")
def tag_interfaces(account: Account, call: Call, _body: bytes) -> None:
    """moto tags instances and volumes of a launch, but not their network interfaces."""
    wanted = [one for one in call.params.get("TagSpecifications") or [] if one["ResourceType"] == "network-interface"]
    store = account.store("ec2", call.region)
    newest = list(store.reservations.values())[-1]
    for instance in newest.instances:
        for nic in instance.nics.values():
            nic.add_tags({tag["Key"]: tag["Value"] for one in wanted for tag in one["Tags"]})


def _zone(account: Account, call: Call) -> str:
    subnet = subnet_of(account, call)
    if subnet is not None:
        return str(subnet.availability_zone)
    return str((call.params.get("Placement") or {}).get("AvailabilityZone", f"{call.region}a"))


def subnet_of(account: Account, call: Call) -> Any:
    interfaces = call.params.get("NetworkInterfaces") or [{}]
    id = call.params.get("SubnetId") or interfaces[0].get("SubnetId")
    return next((one for one in _subnets(account, call.region) if one.id == id), None)


def _subnets(account: Account, region: str) -> Iterator[Any]:
    for zone in account.store("ec2", region).subnets.values():
        yield from zone.values()


def _vcpus(kind: str) -> int:
    return int(INSTANCE_TYPES[kind]["VCpuInfo"]["DefaultVCpus"])


def _user_data(params: Any) -> bytes:
    given = params.get("UserData")
    return base64.b64decode(given) if given else b""
