"""The least policy of whoever runs Craton: the actions of every request that it makes, and no other. Pure."""

from __future__ import annotations

from typing import Any

LOOK = (
    "autoscaling:DescribeAutoScalingGroups", "ec2:DescribeAddresses", "ec2:DescribeAvailabilityZones",
    "ec2:DescribeImages", "ec2:DescribeInstances", "ec2:DescribeInstanceTypeOfferings", "ec2:DescribeInstanceTypes",
    "ec2:DescribeInternetGateways", "ec2:DescribeLaunchTemplates", "ec2:DescribeLaunchTemplateVersions",
    "ec2:DescribeNatGateways", "ec2:DescribeNetworkInterfaces", "ec2:DescribeRegions", "ec2:DescribeRouteTables",
    "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVolumes", "ec2:DescribeVpcAttribute",
    "ec2:DescribeVpcs", "ec2:GetConsoleOutput", "elasticloadbalancing:DescribeListeners",
    "elasticloadbalancing:DescribeLoadBalancers", "elasticloadbalancing:DescribeTags",
    "elasticloadbalancing:DescribeTargetGroups",
    "elasticloadbalancing:DescribeTargetHealth", "kms:ListAliases", "pricing:GetProducts", "route53:GetChange",
    "route53:GetHostedZone", "route53:ListHostedZones", "route53:ListHostedZonesByName",
    "route53:ListResourceRecordSets", "servicequotas:GetServiceQuota", "servicequotas:ListServiceQuotas",
    "sts:GetCallerIdentity",
)  # fmt: skip
"""What changes nothing."""

CHANGE = (
    "autoscaling:CreateAutoScalingGroup", "autoscaling:CreateOrUpdateTags", "autoscaling:DeleteAutoScalingGroup",
    "autoscaling:TerminateInstanceInAutoScalingGroup", "autoscaling:UpdateAutoScalingGroup",
    "ec2:CreateLaunchTemplate", "ec2:CreateLaunchTemplateVersion", "ec2:DeleteLaunchTemplate",
    "ec2:AllocateAddress", "ec2:AssociateAddress", "ec2:AssociateRouteTable", "ec2:AttachInternetGateway",
    "ec2:AuthorizeSecurityGroupIngress", "ec2:CreateInternetGateway", "ec2:CreateNatGateway", "ec2:CreateRoute",
    "ec2:CreateRouteTable", "ec2:CreateSecurityGroup", "ec2:CreateSubnet", "ec2:CreateTags", "ec2:CreateVpc",
    "ec2:DeleteInternetGateway", "ec2:DeleteNatGateway", "ec2:DeleteNetworkInterface", "ec2:DeleteRouteTable",
    "ec2:DeleteSecurityGroup", "ec2:DeleteSubnet", "ec2:DeleteVolume", "ec2:DeleteVpc", "ec2:DetachInternetGateway",
    "ec2:DisassociateAddress", "ec2:DisassociateRouteTable", "ec2:ModifyInstanceAttribute", "ec2:ModifyVpcAttribute",
    "ec2:ReleaseAddress", "ec2:RevokeSecurityGroupIngress", "ec2:RunInstances", "ec2:TerminateInstances",
    "elasticloadbalancing:AddTags", "elasticloadbalancing:CreateListener", "elasticloadbalancing:CreateLoadBalancer",
    "elasticloadbalancing:CreateTargetGroup", "elasticloadbalancing:DeleteLoadBalancer",
    "elasticloadbalancing:DeleteTargetGroup", "elasticloadbalancing:RegisterTargets",
    "route53:ChangeResourceRecordSets",
)  # fmt: skip

IDENTITY = (
    "iam:AddRoleToInstanceProfile", "iam:CreateInstanceProfile", "iam:CreateRole", "iam:DeleteInstanceProfile",
    "iam:DeleteRole", "iam:DeleteRolePolicy", "iam:GetInstanceProfile", "iam:GetRole", "iam:PassRole",
    "iam:PutRolePolicy", "iam:RemoveRoleFromInstanceProfile", "iam:TagInstanceProfile", "iam:TagRole",
)  # fmt: skip
"""On Craton's own roles and instance profiles alone."""

LEASE = ("ssm:DeleteParameter", "ssm:GetParametersByPath", "ssm:PutParameter")

SECRET = (
    "secretsmanager:CreateSecret", "secretsmanager:DeleteSecret", "secretsmanager:DescribeSecret",
    "secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue", "secretsmanager:TagResource",
)  # fmt: skip
"""On the secrets of worker pools alone."""

ACTIONS = (*LOOK, *CHANGE, *IDENTITY, *LEASE, *SECRET)


def document() -> dict[str, Any]:
    """The policy, as IAM takes it."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            _allow("Look", LOOK, "*"),
            _allow("Change", CHANGE, "*"),
            _allow("Roles", IDENTITY, "arn:*:iam::*:role/craton-*", "arn:*:iam::*:instance-profile/craton-*"),
            _allow("Lease", LEASE, "arn:*:ssm:*:*:parameter/craton/*"),
            _allow("Secret", SECRET, "arn:*:secretsmanager:*:*:secret:craton/*"),
            {
                "Sid": "FirstBalancer",
                "Effect": "Allow",
                "Action": "iam:CreateServiceLinkedRole",
                "Resource": "*",
                "Condition": {
                    "StringEquals": {
                        "iam:AWSServiceName": [
                            "elasticloadbalancing.amazonaws.com",
                            "autoscaling.amazonaws.com",
                        ]
                    }
                },
            },
        ],
    }


def _allow(id: str, actions: tuple[str, ...], *resources: str) -> dict[str, Any]:
    return {"Sid": id, "Effect": "Allow", "Action": list(actions), "Resource": list(resources)}
