"""Auto Scaling Groups: their instances come and go after the answer, each as its launch template says.

https://docs.aws.amazon.com/autoscaling/ec2/userguide/auto-scaling-groups.html
https://docs.aws.amazon.com/autoscaling/ec2/APIReference/Welcome.html
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from moto.autoscaling.models import InstanceState
from moto.ec2.utils import parse_user_data

from tests.doubles.aws.account import Account
from tests.doubles.aws.call import Call, Refused
from tests.doubles.aws.rules import launches
from tests.doubles.aws.rules.instances import begin_machines, end_machine, lives
from tests.doubles.aws.rules.registry import follows, refuses, views

_LONGEST = 255


@refuses("autoscaling:CreateAutoScalingGroup")
def check_group(account: Account, call: Call) -> None:
    """https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_CreateAutoScalingGroup.html"""
    params = call.params
    name = str(params["AutoScalingGroupName"])
    if name in _groups(account, call):
        words = "AutoScalingGroup by this name already exists - A group with the name is there"
        raise Refused("AlreadyExists", f"{words}: {name}")
    if len(name) > _LONGEST:
        raise Refused("ValidationError", "the name of a group has at most 255 characters")
    _check_size(params, int(params["MinSize"]), int(params["MaxSize"]))
    data = _template(account, call, params["LaunchTemplate"]).data
    profile = (data.get("IamInstanceProfile") or {}).get("Name")
    try:
        launches.check_profile(account, _launching(call, data, "", 1))
    except Refused as refused:
        words = f"You must use a valid fully-formed launch template. {refused.message} ({profile})"
        raise Refused("ValidationError", words) from None


@refuses("autoscaling:UpdateAutoScalingGroup")
def check_update(account: Account, call: Call) -> None:
    """https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_UpdateAutoScalingGroup.html"""
    group = _groups(account, call).get(call.params["AutoScalingGroupName"])
    if group is not None:
        _check_size(call.params, int(call.params.get("MinSize", group.min_size)),
                    int(call.params.get("MaxSize", group.max_size)))  # fmt: skip


@refuses("autoscaling:DeleteAutoScalingGroup")
def check_delete(account: Account, call: Call) -> None:
    """https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_DeleteAutoScalingGroup.html"""
    group = _groups(account, call).get(call.params["AutoScalingGroupName"])
    if group is not None and group.instance_states and not call.params.get("ForceDelete"):
        raise Refused("ResourceInUse", "You cannot delete an AutoScalingGroup while there are instances in the group.")
    if group is not None:
        _end(account, call, group, list(group.instance_states))


@refuses("autoscaling:TerminateInstanceInAutoScalingGroup")
def check_terminate(account: Account, call: Call) -> None:
    """https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_TerminateInstanceInAutoScalingGroup.html"""
    id = call.params["InstanceId"]
    found = [group for group in _groups(account, call).values() if id in _ids(group)]
    if not found:
        raise Refused("ValidationError", f"Instance Id not found - No managed instance found for instance ID: {id}")
    group = found[0]
    if call.params["ShouldDecrementDesiredCapacity"] and group.desired_capacity <= group.min_size:
        words = f"Currently, desiredSize equals minSize ({group.min_size}). Terminating instance {id} would violate it."
        raise Refused("ValidationError", words)


@follows("autoscaling:TerminateInstanceInAutoScalingGroup")
def end_one(account: Account, call: Call, _body: bytes) -> None:
    end_machine(account, call.params["InstanceId"])


@views("autoscaling:DescribeAutoScalingGroups", "ec2:DescribeInstances")
@contextmanager
def keep_size(account: Account, call: Call) -> Iterator[None]:
    """Groups make what they lack by the time that somebody looks."""
    for group in list(_groups(account, call).values()):
        known = lives(account)
        gone = [one for one in group.instance_states if known[one.instance.id].ended is not None]
        group.instance_states = [one for one in group.instance_states if one not in gone]
        for _ in range(int(group.desired_capacity or 0) - len(group.instance_states)):
            if not _launch_one(account, call, group):
                break  # it tries again
    yield


@refuses("ec2:CreateLaunchTemplate", "ec2:CreateLaunchTemplateVersion")
def check_template(_account: Account, call: Call) -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RequestLaunchTemplateData.html"""
    data = call.params["LaunchTemplateData"]
    if len(str(call.params.get("VersionDescription", ""))) > _LONGEST:
        raise Refused("InvalidParameterValue", "a version's description has at most 255 characters")
    if data.get("NetworkInterfaces") and data.get("SecurityGroupIds"):
        words = "Network interfaces and an instance-level security groups may not be specified on the same request"
        raise Refused("InvalidParameterCombination", words)


def _launch_one(account: Account, call: Call, group: Any) -> bool:
    """In the emptiest of the group's zones that has room."""
    version = group.ec2_launch_template.get_version(group.launch_template_version)
    subnets = {one.id: one for zone in account.store("ec2", call.region).subnets.values() for one in zone.values()}
    used = Counter(one.instance.subnet_id for one in group.instance_states)
    for subnet in sorted(group.vpc_zone_identifier.split(","), key=lambda id: used[id]):
        if subnet not in subnets:
            continue
        launching = _launching(call, version.data, subnet, 1)
        try:
            for rule in refuses.of(launching):
                rule(account, launching)
        except Refused:
            continue  # as a failed scaling activity
        _run(account, call, group, version, subnet)
        return True
    return False


def _run(account: Account, call: Call, group: Any, version: Any, subnet: str) -> None:
    data = version.data
    tags = {one["ResourceType"]: {tag["Key"]: tag["Value"] for tag in one["Tags"]} for one in data["TagSpecifications"]}
    tags.setdefault("instance", {})["aws:autoscaling:groupName"] = group.name
    cards = [{**one, "SubnetId": subnet} for one in data["NetworkInterfaces"]]
    store = account.store("ec2", call.region)
    made = store.run_instances(
        data["ImageId"], 1, _user_data(data), [], instance_type=data["InstanceType"], is_instance_type_default=False,
        nics=cards, tags=tags, region_name=call.region, metadata_options=data["MetadataOptions"],
        block_device_mappings=data["BlockDeviceMappings"],
    )  # fmt: skip
    (instance,) = made.instances
    instance.autoscaling_group = group
    for nic in instance.nics.values():
        nic.add_tags(tags.get("network-interface", {}))
    begin_machines(account, call.region, data["IamInstanceProfile"])
    group.instance_states.append(InstanceState(instance, protected_from_scale_in=True))


def _user_data(data: Any) -> Any:
    """As moto keeps it of an instance: of the first version of a template it does itself, of later ones it does not."""
    given = data.get("UserData")
    return parse_user_data(str(given)) if given else None


def _end(account: Account, call: Call, group: Any, states: list[Any]) -> None:
    """moto ends only those that are not protected; a deletion by force ends all of them."""
    group.instance_states = [one for one in group.instance_states if one not in states]
    if states:
        account.store("ec2", call.region).terminate_instances([one.instance.id for one in states])
    for one in states:
        end_machine(account, one.instance.id)


def _check_size(params: Any, least: int, most: int) -> None:
    desired = int(params.get("DesiredCapacity", least))
    if not least <= desired <= most:
        words = f"Desired capacity:{desired} must be between the specified min size:{least} and max size:{most}"
        raise Refused("ValidationError", words)


def _launching(call: Call, data: Any, subnet: str, count: int) -> Call:
    """The request for instances that a template amounts to."""
    cards = [{**one, **({"SubnetId": subnet} if subnet else {})} for one in data.get("NetworkInterfaces") or []]
    text = str(data.get("UserData") or "")  # moto has a type of its own for it
    params = {**data, "UserData": text, "NetworkInterfaces": cards, "MinCount": count, "MaxCount": count}
    return Call("ec2", "RunInstances", params, call.region, call.key)


def _template(account: Account, call: Call, given: Any) -> Any:
    store = account.store("ec2", call.region)
    found = store.launch_templates.get(given.get("LaunchTemplateId", ""))
    if found is None:
        words = "You must use a valid fully-formed launch template. The specified launch template does not exist."
        raise Refused("ValidationError", words)
    return found.get_version(given.get("Version") or "$Default")


def _groups(account: Account, call: Call) -> dict[str, Any]:
    found: dict[str, Any] = account.store("autoscaling", call.region).autoscaling_groups
    return found


def _ids(group: Any) -> set[str]:
    return {one.instance.id for one in group.instance_states}
