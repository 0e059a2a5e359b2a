"""What AWS does and moto does not, a module for each subject. Importing this package registers all of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.doubles.aws.account import Account
from tests.doubles.aws.call import Call
from tests.doubles.aws.rules import (
    balancers,
    dependencies,
    firewalls,
    gateways,
    instances,
    launches,
    lists,
    many,
    pools,
    prices,
    quotas,
    records,
    secrets,
    targets,
    tokens,
)
from tests.doubles.aws.rules.registry import Made, answers, follows, refuses, views

__all__ = ["Made", "answered", "balancers", "check", "dependencies", "done", "firewalls", "gateways", "instances",
           "launches", "lists", "many", "permissions", "pools", "prices", "quotas", "records", "rewritten", "secrets",
           "shown", "targets", "tokens"]  # fmt: skip


def permissions(call: Call) -> list[str]:
    """What a policy has to allow besides the action itself."""
    wanted = []
    if call.service == "ec2" and call.action != "CreateTags" and call.params.get("TagSpecifications"):
        wanted.append("ec2:CreateTags")
    if call.name == "ec2:RunInstances" and call.params.get("IamInstanceProfile"):
        wanted.append("iam:PassRole")
    if call.name == "autoscaling:CreateAutoScalingGroup":
        wanted += ["ec2:RunInstances", "iam:PassRole"]
        wanted += ["autoscaling:CreateOrUpdateTags"] if call.params.get("Tags") else []
    if call.name == "secretsmanager:CreateSecret" and call.params.get("Tags"):
        wanted.append("secretsmanager:TagResource")
    if call.name == "iam:AddRoleToInstanceProfile":
        wanted.append("iam:PassRole")
    return wanted


def answered(account: Account, call: Call) -> Made | None:
    """What AWS answers without doing anything, if so. Raises Refused."""
    for rule in answers.of(call):
        if made := rule(account, call):
            return made  # type: ignore[no-any-return]
    return None


def check(account: Account, call: Call) -> None:
    """Raises Refused if AWS would refuse."""
    for rule in refuses.of(call):
        rule(account, call)


def rewritten(call: Call) -> dict[str, str]:
    """Form fields to change on the way to moto: it makes MinCount instances where AWS makes as many as it can."""
    if call.name == "ec2:RunInstances" and call.params.get("MaxCount"):
        return {"MinCount": str(call.params["MaxCount"])}
    return {}


@contextmanager
def shown(account: Account, call: Call) -> Iterator[None]:
    """The context in which moto carries out a call."""
    with ExitStack() as stack:
        for rule in views.of(call):
            stack.enter_context(rule(account, call))
        yield


def done(account: Account, call: Call, body: bytes) -> bytes:
    """The answer to a call that was carried out."""
    for rule in follows.of(call):
        body = rule(account, call, body) or body
    return body
