"""What machines may ask of AWS: an IAM role and an instance profile for each role of the contract (rule M12)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from installer.plan.rules import Role
from installer.platforms.aws import names, removal
from installer.platforms.aws.account import Account
from installer.platforms.aws.errors import AwsError
from installer.platforms.aws.platform import platform_of
from installer.steps.platform import Resource
from installer.steps.step import Context, Observation

_POLICY = "kubernetes"
_TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
# From "Prerequisites" of cloud-provider-aws and "Set up driver permissions" of aws-ebs-csi-driver. What can name a
# resource is limited to the cluster's own, by its tag.
_LOOK = (
    "autoscaling:DescribeAutoScalingGroups", "autoscaling:DescribeTags", "ec2:DescribeAvailabilityZones",
    "ec2:DescribeInstances", "ec2:DescribeInstanceTopology", "ec2:DescribeRegions", "ec2:DescribeRouteTables",
    "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVolumes", "ec2:DescribeVolumesModifications",
    "ec2:DescribeVpcs", "elasticloadbalancing:DescribeListeners", "elasticloadbalancing:DescribeLoadBalancers",
    "elasticloadbalancing:DescribeLoadBalancerAttributes", "elasticloadbalancing:DescribeLoadBalancerPolicies",
    "elasticloadbalancing:DescribeTargetGroups", "elasticloadbalancing:DescribeTargetHealth",
)  # fmt: skip
_MAKE = (
    "ec2:CreateSecurityGroup", "ec2:CreateTags", "ec2:CreateVolume", "elasticloadbalancing:AddTags",
    "elasticloadbalancing:CreateListener", "elasticloadbalancing:CreateLoadBalancer",
    "elasticloadbalancing:CreateTargetGroup",
)  # fmt: skip
_CHANGE = (
    "ec2:AttachVolume", "ec2:AuthorizeSecurityGroupIngress", "ec2:DeleteSecurityGroup", "ec2:DeleteVolume",
    "ec2:DetachVolume", "ec2:ModifyInstanceAttribute", "ec2:ModifyVolume", "ec2:RevokeSecurityGroupIngress",
    "elasticloadbalancing:DeleteListener", "elasticloadbalancing:DeleteLoadBalancer",
    "elasticloadbalancing:DeleteTargetGroup", "elasticloadbalancing:DeregisterTargets",
    "elasticloadbalancing:ModifyListener", "elasticloadbalancing:ModifyLoadBalancerAttributes",
    "elasticloadbalancing:ModifyTargetGroup", "elasticloadbalancing:RegisterTargets",
)  # fmt: skip
_NODE_LOOK = ("ec2:DescribeInstances", "ec2:DescribeRegions")


def policy(role: Role, cluster: str, region: str) -> dict[str, Any]:
    """The policy of a role's machines: masters run the cloud plugin, the others look themselves up."""
    within = {"StringEquals": {"aws:RequestedRegion": region}}
    statements = [_allow("Look", _LOOK if role is Role.MASTER else _NODE_LOOK, within)]
    if role is Role.MASTER:
        own = {"StringEquals": {f"aws:ResourceTag/{names.kubernetes_tag(cluster)}": "owned"}}
        statements += [_allow("Make", _MAKE, within), _allow("Change", _CHANGE, own)]
    return {"Version": "2012-10-17", "Statement": statements}


def _allow(id: str, actions: tuple[str, ...], condition: Mapping[str, Any]) -> dict[str, Any]:
    return {"Sid": id, "Effect": "Allow", "Action": list(actions), "Resource": "*", "Condition": dict(condition)}


@dataclass(frozen=True)
class Access:
    """The IAM role and the instance profile of one role's machines."""

    role: Role

    def observe(self, ctx: Context) -> Observation:
        name = self._name(ctx)
        found = profile(platform_of(ctx).account, name)
        if found is None:
            return Observation(False, f"there is no instance profile {name}", remains=self._has_role(ctx, name))
        filled = any(role["RoleName"] == name for role in found.get("Roles", ()))
        return Observation(filled, str(found["Arn"]) if filled else "the profile has no role", remains=True)

    def apply(self, ctx: Context) -> None:
        account, name = platform_of(ctx).account, self._name(ctx)
        tags = names.tags(ctx.world.plan, name)
        _unless_there(account, "create_role", RoleName=name, AssumeRolePolicyDocument=json.dumps(_TRUST), Tags=tags)
        document = policy(self.role, ctx.world.plan.name, account.region)
        account.ask("iam", "put_role_policy", RoleName=name, PolicyName=_POLICY, PolicyDocument=json.dumps(document))
        _unless_there(account, "create_instance_profile", InstanceProfileName=name, Tags=tags)
        found = profile(account, name)
        if not (found and found.get("Roles")):
            account.ask("iam", "add_role_to_instance_profile", InstanceProfileName=name, RoleName=name)

    def undo(self, ctx: Context) -> None:
        platform, name = platform_of(ctx), self._name(ctx)
        gone = [Resource("profile", name)]
        removal.remove(platform.account, platform.listing, ctx.world.plan, gone, ctx)

    def _name(self, ctx: Context) -> str:
        return names.identity(ctx.world.plan.name, platform_of(ctx).account.region, self.role)

    def _has_role(self, ctx: Context, name: str) -> bool:
        try:
            platform_of(ctx).account.ask("iam", "get_role", RoleName=name)
        except AwsError as error:
            if not error.missing:
                raise
            return False
        return True


def profile(account: Account, name: str) -> dict[str, Any] | None:
    """An instance profile by its name."""
    try:
        found: dict[str, Any] = account.ask("iam", "get_instance_profile", InstanceProfileName=name)["InstanceProfile"]
    except AwsError as error:
        if not error.missing:
            raise
        return None
    return found


def _unless_there(account: Account, operation: str, **given: Any) -> None:
    try:
        account.ask("iam", operation, **given)
    except AwsError as error:
        if not error.exists:
            raise
