"""Clusters in the double of AWS, by real boto3."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from installer.plan.model import InstallPlan
from tests.doubles.aws import faults
from tests.doubles.aws import remains as aws_remains
from tests.doubles.aws.account import Account
from tests.doubles.aws.faults import Fault
from tests.doubles.cloud import clusters
from tests.doubles.cloud.clusters import CloudCluster

CALLS = (
    "ec2:CreateVpc", "ec2:ModifyVpcAttribute", "ec2:CreateSubnet", "ec2:CreateInternetGateway",
    "ec2:AttachInternetGateway", "ec2:CreateRouteTable", "ec2:CreateRoute", "ec2:AssociateRouteTable",
    "ec2:CreateSecurityGroup", "ec2:AuthorizeSecurityGroupIngress", "ec2:RunInstances", "ec2:AllocateAddress",
    "ec2:AssociateAddress", "iam:CreateRole", "iam:PutRolePolicy", "iam:CreateInstanceProfile",
    "iam:AddRoleToInstanceProfile", "route53:ChangeResourceRecordSets", "ec2:TerminateInstances",
    "ec2:DisassociateAddress", "ec2:ReleaseAddress", "ec2:RevokeSecurityGroupIngress", "ec2:DeleteSecurityGroup",
    "ec2:DisassociateRouteTable", "ec2:DeleteRouteTable", "ec2:DeleteSubnet", "ec2:DetachInternetGateway",
    "ec2:DeleteInternetGateway", "ec2:DeleteVpc", "iam:RemoveRoleFromInstanceProfile", "iam:DeleteInstanceProfile",
    "iam:DeleteRolePolicy", "iam:DeleteRole", "ec2:CreateNatGateway", "ec2:DeleteNatGateway",
)  # fmt: skip
"""Calls that change something, of a cluster with infra nodes and private workers."""
CALLS_OF_BALANCERS = (
    "elbv2:CreateLoadBalancer", "elbv2:CreateTargetGroup", "elbv2:CreateListener", "elbv2:RegisterTargets",
    "elbv2:DeleteLoadBalancer", "elbv2:DeleteTargetGroup",
)  # fmt: skip


def plan(masters: int = 1, workers: int = 1, *, balancer: bool = False, **aws: Any) -> InstallPlan:
    ingress: dict[str, Any] = {"kind": "load-balancer"} if balancer else {"kind": "infra", "infra": 1}
    return InstallPlan.model_validate({
        "name": "demo", "subdomain": "example.test", "platform": "aws", "masters": masters, "workers": workers,
        "ingress": ingress, "networks": {"user": "203.0.113.0/24"},
        "aws": {"master_type": "t3.medium", "infra_type": "t3.medium", "worker_type": "t3.medium", **aws},
    })  # fmt: skip


def changing(*, balancer: bool) -> InstallPlan:
    """A small cluster; with it and the one with a balancer, Craton makes every call that changes something."""
    return plan(balancer=balancer, private_workers=not balancer)


@dataclass
class Cluster(CloudCluster):
    """One cluster of an AWS account."""

    account: Account

    def twins(self) -> list[str]:
        """Names that more than one living thing of the account has, by the tag `Name` or their own."""
        store = self.account.store("ec2")
        subnets = {id: one for zone in store.subnets.values() for id, one in zone.items()}
        gateways = {id: one for id, one in store.nat_gateways.items() if one.state in ("pending", "available")}
        kinds = (store.vpcs, store.internet_gateways, store.route_tables, subnets, gateways)
        found = [
            f"{number} {tag['value']}"
            for number, kind in enumerate(kinds)
            for one in kind.values()
            for tag in one.get_tags()
            if tag["key"] == "Name"
        ]
        living = [one for one in self.account.instances() if one.state in ("pending", "running")]
        extra = len(living) - len(self.stand_ins.names)
        free = [one.public_ip for one in store.addresses if not one.association_id]
        return [name for name, times in Counter(found).items() if times > 1] + ["instance"] * extra + free

    def remains(self) -> list[str]:
        return aws_remains.remains(self.account)


def endure(cluster: Cluster, fault: Fault, *, balancer: bool) -> int:
    """The first request of each changing call fails so: nothing is twice, nothing left. Return how many do."""
    calls = CALLS_OF_BALANCERS if balancer else CALLS
    wanted = (name for name in calls if faults.applies(name, fault))
    return clusters.endure(cluster, changing(balancer=balancer), wanted, lambda name: cluster.account.fail(name, fault))
