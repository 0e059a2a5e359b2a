"""What machines may ask of AWS: an IAM role and an instance profile for each role of the contract (rule M12)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from installer.accounts.aws.account import Account
from installer.accounts.aws.errors import AwsError
from installer.plan.rules import Role
from installer.platforms.aws import names, removal
from installer.platforms.aws.platform import platform_of
from installer.steps.platform import Resource
from installer.steps.step import Context, Observation

_POLICY = "kubernetes"
_TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
# What cloud-provider-aws v1.36 and aws-ebs-csi-driver v1.64 ask AWS for, by their sources and their own policies. What
# can name a resource is limited to the cluster's own, by its tag. No route tables are changed: flannel is the network.
_LOOK = (
    "ec2:DescribeAvailabilityZones", "ec2:DescribeInstances", "ec2:DescribeInstanceTopology", "ec2:DescribeRegions",
    "ec2:DescribeRouteTables", "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs",
    "elasticloadbalancing:DescribeListeners", "elasticloadbalancing:DescribeLoadBalancerAttributes",
    "elasticloadbalancing:DescribeLoadBalancerPolicies", "elasticloadbalancing:DescribeLoadBalancers",
    "elasticloadbalancing:DescribeTargetGroupAttributes", "elasticloadbalancing:DescribeTargetGroups",
    "elasticloadbalancing:DescribeTargetHealth",
)  # fmt: skip
_MAKE = (
    "elasticloadbalancing:AddTags", "elasticloadbalancing:CreateLoadBalancer", "elasticloadbalancing:CreateTargetGroup",
)  # fmt: skip
_CHANGE = (
    "ec2:AuthorizeSecurityGroupIngress", "ec2:DeleteSecurityGroup", "ec2:RevokeSecurityGroupIngress",
    "elasticloadbalancing:ApplySecurityGroupsToLoadBalancer", "elasticloadbalancing:AttachLoadBalancerToSubnets",
    "elasticloadbalancing:ConfigureHealthCheck", "elasticloadbalancing:CreateListener",
    "elasticloadbalancing:CreateLoadBalancerListeners", "elasticloadbalancing:CreateLoadBalancerPolicy",
    "elasticloadbalancing:DeleteListener", "elasticloadbalancing:DeleteLoadBalancer",
    "elasticloadbalancing:DeleteLoadBalancerListeners", "elasticloadbalancing:DeleteTargetGroup",
    "elasticloadbalancing:DeregisterInstancesFromLoadBalancer", "elasticloadbalancing:DeregisterTargets",
    "elasticloadbalancing:DetachLoadBalancerFromSubnets", "elasticloadbalancing:ModifyListener",
    "elasticloadbalancing:ModifyLoadBalancerAttributes", "elasticloadbalancing:ModifyTargetGroup",
    "elasticloadbalancing:ModifyTargetGroupAttributes", "elasticloadbalancing:RegisterInstancesWithLoadBalancer",
    "elasticloadbalancing:RegisterTargets", "elasticloadbalancing:SetLoadBalancerPoliciesForBackendServer",
    "elasticloadbalancing:SetLoadBalancerPoliciesOfListener", "elasticloadbalancing:SetSecurityGroups",
)  # fmt: skip
_LOOK_AT_VOLUMES = (
    "ec2:DescribeInstanceTypes", "ec2:DescribeSnapshots", "ec2:DescribeTags", "ec2:DescribeVolumes",
    "ec2:DescribeVolumesModifications", "ec2:DescribeVolumeStatus",
)  # fmt: skip
_CHANGE_VOLUMES = ("ec2:AttachVolume", "ec2:DeleteVolume", "ec2:DetachVolume", "ec2:ModifyVolume")


def policy(role: Role, cluster: str, region: str, *, volumes: bool, pool: bool = False) -> dict[str, Any] | None:
    """What a role's machines may do: masters run the cloud plugin, others may do nothing (None).

    `volumes`: the CSI driver runs on the masters, too. `pool`: workers read what they need to join, and nothing else.
    """
    if role is Role.WORKER and pool:
        # Secrets Manager ends each name with six characters of its own.
        secret = f"arn:*:secretsmanager:{region}:*:secret:{names.secret_name(cluster)}-??????"
        return {"Version": "2012-10-17", "Statement": [_allow("Join", ("secretsmanager:GetSecretValue",), {}, secret)]}
    if role is not Role.MASTER:
        return None
    tag = names.kubernetes_tag(cluster)
    within = {"StringEquals": {"aws:RequestedRegion": region}}
    own = {"StringEquals": {f"aws:ResourceTag/{tag}": "owned"}}
    made = {"StringEquals": {f"aws:RequestTag/{tag}": "owned", "aws:RequestedRegion": region}}
    creating = {"StringEquals": {"ec2:CreateAction": ["CreateSecurityGroup", *(["CreateVolume"] if volumes else [])],
                                 "aws:RequestedRegion": region}}  # fmt: skip
    first = {"StringEquals": {"iam:AWSServiceName": "elasticloadbalancing.amazonaws.com"}}
    statements = [
        _allow("Look", _LOOK + (_LOOK_AT_VOLUMES if volumes else ()), within),
        _allow("Make", _MAKE, within),
        # A group is made in a VPC, which no request tags.
        _allow("MakeGroup", ("ec2:CreateSecurityGroup",), made, "arn:*:ec2:*:*:security-group/*"),
        _allow("MakeGroupIn", ("ec2:CreateSecurityGroup",), within, "arn:*:ec2:*:*:vpc/*"),
        _allow("Tag", ("ec2:CreateTags",), creating),
        _allow("Change", _CHANGE + (_CHANGE_VOLUMES if volumes else ()), own),
        # An account that never had a balancer gets the role with which the service works there.
        _allow("FirstBalancer", ("iam:CreateServiceLinkedRole",), first),
    ]
    if volumes:
        statements.append(_allow("MakeVolume", ("ec2:CreateVolume",), made, "arn:*:ec2:*:*:volume/*"))
    return {"Version": "2012-10-17", "Statement": statements}


def _allow(id: str, actions: tuple[str, ...], condition: Mapping[str, Any], resource: str = "*") -> dict[str, Any]:
    return {"Sid": id, "Effect": "Allow", "Action": list(actions), "Resource": resource, "Condition": dict(condition)}


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
        plan = ctx.world.plan
        volumes, pool = plan.integration is not None, plan.worker_pool
        if document := policy(self.role, plan.name, account.region, volumes=volumes, pool=pool):
            text = json.dumps(document)
            account.ask("iam", "put_role_policy", RoleName=name, PolicyName=_POLICY, PolicyDocument=text)
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
