"""The life of an instance: not known yet, pending, running, shutting down, terminated.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-lifecycle.html
https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.doubles.aws import sessions
from tests.doubles.aws.account import Account
from tests.doubles.aws.call import Call, Refused
from tests.doubles.aws.rules.registry import Made, answers, follows, refuses, views
from tests.doubles.cloud.machines import Launch

PENDING, RUNNING, SHUTTING_DOWN, TERMINATED = (0, "pending"), (16, "running"), (32, "shutting-down"), (48, "terminated")
_LOOKS = ("DescribeInstances", "DescribeInstanceStatus", "DescribeNetworkInterfaces", "DescribeVolumes",
          "GetConsoleOutput", "CreateTags", "AssociateAddress", "TerminateInstances", "ModifyInstanceAttribute",
          "RegisterTargets", "DeleteSubnet", "DeleteSecurityGroup", "DetachInternetGateway")  # fmt: skip
"""Calls that list instances, or are refused for what an instance is."""


@dataclass
class Life:
    """How old an instance is, in looks. `public` is its public address until it shows."""

    instance: Any
    looks: int = 0
    public: str | None = None
    ended: int | None = None
    """Looks since it was terminated."""


def lives(account: Account) -> dict[str, Life]:
    """By instance id, in the order of their launches."""
    found: dict[str, Life] = account.note("lives", dict)
    return found


def is_known(account: Account, life: Life) -> bool:
    return life.looks > account.lag.unknown


def begin(account: Account, region: str) -> list[Life]:
    """Instances that moto has made and that have no life yet."""
    found = lives(account)
    born = [one for one in account.instances(region) if one.id not in found and one.state == "running"]
    for instance in born:
        nic = instance.nics[0]
        found[instance.id] = Life(instance, public=nic.public_ip)
        nic.public_ip = None
        _become(instance, PENDING)
    return [found[one.id] for one in born]


@views(*(f"ec2:{action}" for action in _LOOKS), "elbv2:RegisterTargets")
@contextmanager
def look(account: Account, call: Call) -> Iterator[None]:
    """Let time pass, and hide what is too new while moto answers."""
    pass_time(account)
    hidden = {key for key, life in lives(account).items() if not is_known(account, life)}
    reservations = account.store("ec2", call.region).reservations
    whole = {one.id: one.instances for one in reservations.values()}
    for one in reservations.values():
        one.instances = [instance for instance in one.instances if instance.id not in hidden]
    empty = {key: one for key, one in reservations.items() if not one.instances}
    for key in empty:
        del reservations[key]
    try:
        yield
    finally:
        reservations.update(empty)
        for one in reservations.values():
            one.instances = whole.get(one.id, one.instances)


def pass_time(account: Account) -> None:
    """One look at every instance."""
    lag = account.lag
    for life in lives(account).values():
        if life.ended is not None:
            life.ended += 1
            if life.ended > lag.ending:
                _become(life.instance, TERMINATED)
            continue
        life.looks += 1
        if life.looks > lag.unknown + lag.pending and life.instance.state == "pending":
            if life.public:
                life.instance.nics[0].public_ip = life.public
            _become(life.instance, RUNNING)


@follows("ec2:RunInstances")
def start(account: Account, call: Call, _body: bytes) -> None:
    begin_machines(account, call.region, call.params.get("IamInstanceProfile") or {})


def begin_machines(account: Account, region: str, profile: Mapping[str, str]) -> None:
    """Give every new instance what moto gives the first one only, and switch the machines on."""
    store = account.store("ec2", region)
    for life in begin(account, region):
        instance = life.instance
        if profile and instance.id not in store.iam_instance_profile_associations:
            store.associate_iam_instance_profile(
                instance_id=instance.id,
                iam_instance_profile_name=profile.get("Name"),
                iam_instance_profile_arn=profile.get("Arn"),
            )
        account.machines.start(_launch(instance, life, account, region))


@follows("ec2:TerminateInstances")
def end(account: Account, call: Call, _body: bytes) -> None:
    for id in call.params["InstanceIds"]:
        end_machine(account, id)


def end_machine(account: Account, id: str) -> None:
    """Switch a machine off for good; no error for one that is off already."""
    life = lives(account)[id]
    if life.ended is None:
        life.ended = 0
        _become(life.instance, SHUTTING_DOWN)
        account.machines.stop(id)


@refuses("ec2:TerminateInstances")
def check_terminable(account: Account, call: Call) -> None:
    """moto terminates what it comes to before it finds one that is protected; AWS does all or nothing of a zone."""
    wanted = set(call.params["InstanceIds"])
    for instance in account.instances(call.region):
        if instance.id in wanted and instance.disable_api_termination:
            words = f"The instance '{instance.id}' may not be terminated. Modify its 'disableApiTermination' attribute."
            raise Refused("OperationNotPermitted", words)


_XEN = ("t2.", "m4.", "c4.", "r4.", "m3.", "c3.", "r3.", "t1.", "i2.", "d2.")
"""Families that are not built on Nitro: https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-nitro-instances.html"""


@answers("ec2:GetConsoleOutput")
def console(account: Account, call: Call) -> Made | None:
    id = call.params["InstanceId"]
    life = lives(account).get(id)
    if life is None or not is_known(account, life):
        return None  # moto says that it is not there
    if str(call.params.get("Latest")).lower() == "true" and life.instance.instance_type.startswith(_XEN):
        raise Refused("UnsupportedOperation", "Latest console output is not supported for this instance type.")
    text = base64.b64encode(account.machines.console(id).encode()).decode()
    return Made(
        '<GetConsoleOutputResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId>'
        f"<instanceId>{id}</instanceId><timestamp>2026-11-29T00:00:00.000Z</timestamp>"
        f"<output>{text}</output></GetConsoleOutputResponse>".encode()
    )


def _become(instance: Any, state: tuple[int, str]) -> None:
    instance._state.code, instance._state.name = state


def _launch(instance: Any, life: Life, account: Account, region: str) -> Launch:
    options = instance.metadata_options
    return Launch(
        id=instance.id,
        index=int(instance.ami_launch_index),
        private=str(instance.private_ip),
        public=life.public or "",
        user_data=_user_data(instance.user_data),
        zone=str(instance.placement.zone),
        region=region,
        kind=str(instance.instance_type),
        image=str(instance.image_id),
        architecture=str(instance.architecture),
        groups=tuple(group.id for group in instance.security_groups)
        or tuple(group.id for group in instance.nics[0].group_set),
        tokens_required=options.http_tokens == "required",
        hop_limit=int(options.http_put_response_hop_limit),
        tags={tag["key"]: tag["value"] for tag in instance.get_tags()},
        account=account_id(account),
        **_identity(account, region, instance.id),
    )


def _identity(account: Account, region: str, id: str) -> dict[str, str]:
    """The role of an instance's profile, with credentials for it."""
    associated = account.store("ec2", region).iam_instance_profile_associations.get(id)
    roles = associated.iam_instance_profile.roles if associated else []
    if not roles:
        return {}
    return {"role": roles[0].name, "credentials": sessions.issue(account, roles[0].name).document()}


def account_id(account: Account) -> str:
    return str(account.store("ec2").account_id)


def _user_data(given: Any) -> bytes:
    """moto keeps it in base64, as it came."""
    return base64.b64decode(str(given)) if given else b""
