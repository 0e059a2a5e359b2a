"""Clusters in the double of AWS: the real engine and platform, real boto3, and stand-ins behind SSH as machines."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from installer.common.errors import ExitCode
from installer.common.paths import ClusterDirectory
from installer.engine.context import Stop, Timing
from installer.engine.events import Event, RunKind
from installer.engine.journal import Journal, Reader
from installer.engine.runner import run
from installer.operations import pipeline
from installer.plan.model import InstallPlan
from installer.plan.topology import topology
from installer.platforms import open_platform
from installer.ssh.connections import SSHConnections
from installer.ssh.keys.cluster_key import ensure_key
from installer.steps.step import Step
from installer.steps.world import World
from tests.doubles.aws import faults
from tests.doubles.aws.account import Account
from tests.doubles.aws.faults import Fault
from tests.doubles.aws.remains import remains
from tests.doubles.cloud.stand_ins import StandIns
from tests.patience import PATIENCE

_SHORT = ("check/account", "network/", "machines/", "connect/", "dns/")
CALLS = (
    "ec2:CreateVpc", "ec2:ModifyVpcAttribute", "ec2:CreateSubnet", "ec2:CreateInternetGateway",
    "ec2:AttachInternetGateway", "ec2:CreateRouteTable", "ec2:CreateRoute", "ec2:AssociateRouteTable",
    "ec2:CreateSecurityGroup", "ec2:AuthorizeSecurityGroupIngress", "ec2:RunInstances", "ec2:AllocateAddress",
    "ec2:AssociateAddress", "iam:CreateRole", "iam:PutRolePolicy", "iam:CreateInstanceProfile",
    "iam:AddRoleToInstanceProfile", "route53:ChangeResourceRecordSets", "ec2:TerminateInstances",
    "ec2:DisassociateAddress", "ec2:ReleaseAddress", "ec2:RevokeSecurityGroupIngress", "ec2:DeleteSecurityGroup",
    "ec2:DisassociateRouteTable", "ec2:DeleteRouteTable", "ec2:DeleteSubnet", "ec2:DetachInternetGateway",
    "ec2:DeleteInternetGateway", "ec2:DeleteVpc", "iam:RemoveRoleFromInstanceProfile", "iam:DeleteInstanceProfile",
    "iam:DeleteRolePolicy", "iam:DeleteRole",
)  # fmt: skip
"""Calls that change something, of a cluster with infra nodes."""
CALLS_OF_BALANCERS = (
    "elbv2:CreateLoadBalancer", "elbv2:CreateTargetGroup", "elbv2:CreateListener", "elbv2:RegisterTargets",
    "elbv2:DeleteLoadBalancer", "elbv2:DeleteTargetGroup",
)  # fmt: skip
TIMING = Timing(min_deadline=PATIENCE, first_wait=0.01, longest_wait=0.01)
SPEED = 1000.0


def plan(masters: int = 1, workers: int = 1, *, balancer: bool = False) -> InstallPlan:
    ingress: dict[str, Any] = {"kind": "load-balancer"} if balancer else {"kind": "infra", "infra": 1}
    return InstallPlan.model_validate({
        "name": "demo", "subdomain": "example.test", "platform": "aws", "masters": masters, "workers": workers,
        "ingress": ingress, "networks": {"user": "203.0.113.0/24"},
        "aws": {"master_type": "t3.medium", "infra_type": "t3.medium", "worker_type": "t3.medium"},
    })  # fmt: skip


@dataclass
class Cluster:
    """One cluster's runs, each with a platform and connections of its own, as a process of its own would have."""

    aws: Account
    stand_ins: StandIns
    events: list[Event] = field(default_factory=list)

    def run(self, plan: InstallPlan, steps: tuple[Step, ...], kind: RunKind = RunKind.INSTALL) -> ExitCode:
        directory = ClusterDirectory.of(plan.name)
        ensure_key(directory)
        platform = open_platform(plan)
        world = World(plan, topology(plan), directory, platform, SSHConnections(platform.endpoint, directory))
        before = sum(1 for _ in self.recorded())
        self.aws.calls.clear()
        self.aws.changed.clear()
        try:
            with Journal(directory.journal) as journal:
                limits = platform.limits()
                return asyncio.run(
                    run(steps, world, journal, kind=kind, pace=SPEED, limits=limits, timing=TIMING, stop=Stop())
                )
        finally:
            world.close()
            self.events = self.recorded()[before:]

    def install(self, plan: InstallPlan) -> ExitCode:
        return self.run(plan, pipeline.install_steps(plan))

    def destroy(self, plan: InstallPlan) -> ExitCode:
        return self.run(plan, pipeline.destroy_steps(plan), RunKind.DESTROY)

    def recorded(self) -> list[Event]:
        journal = ClusterDirectory.of("demo").journal
        if not journal.exists():
            return []
        with Reader(journal) as reader:
            return list(reader.events())

    def twins(self) -> list[str]:
        """Names that more than one living thing of the account has, by the tag `Name` or their own."""
        store = self.aws.store("ec2")
        subnets = {id: one for zone in store.subnets.values() for id, one in zone.items()}
        kinds = (store.vpcs, store.internet_gateways, store.route_tables, subnets)
        found = [
            f"{number} {tag['value']}"
            for number, kind in enumerate(kinds)
            for one in kind.values()
            for tag in one.get_tags()
            if tag["key"] == "Name"
        ]
        living = [one for one in self.aws.instances() if one.state in ("pending", "running")]
        extra = len(living) - len(self.stand_ins.names)
        free = [one.public_ip for one in store.addresses if not one.association_id]
        return [name for name, times in Counter(found).items() if times > 1] + ["instance"] * extra + free

    @property
    def failures(self) -> str:
        return "\n".join(str((event.step, event.data)) for event in self.events if event.data.get("state") == "failed")


def short(plan: InstallPlan) -> tuple[Step, ...]:
    """The steps that ask something of AWS, and those until every machine answers, without the others between them."""
    steps = [step for step in pipeline.install_steps(plan) if step.id.startswith(_SHORT)]
    ids = {step.id for step in steps}
    return tuple(replace(step, needs=tuple(need for need in step.needs if need in ids)) for step in steps)


def machines(plan: InstallPlan) -> list[str]:
    return sorted(machine.name for machine in topology(plan).machines)


def endure(cluster: Cluster, fault: Fault, *, balancer: bool) -> None:
    """The first request of each changing call fails so, in an install and in a destroy: nothing is twice, nothing left.

    Runs are repeated as a person repeats them who sees an error.
    """
    wanted = plan(balancer=balancer)
    for name in CALLS_OF_BALANCERS if balancer else CALLS:
        if faults.applies(name, fault):
            cluster.aws.fail(name, fault)
    until_done(cluster, lambda: cluster.run(wanted, short(wanted)))
    assert cluster.stand_ins.names == machines(wanted), f"machines: {cluster.stand_ins.names}"
    assert cluster.twins() == [], f"twins: {cluster.twins()}"
    until_done(cluster, lambda: cluster.destroy(wanted))
    assert remains(cluster.aws) == [], f"left: {remains(cluster.aws)}"
    assert cluster.aws.pending_faults == {}, f"never met: {cluster.aws.pending_faults}"


def until_done(cluster: Cluster, attempt: Callable[[], ExitCode]) -> None:
    """Run as a person would who sees an error and goes on: at most once for each call that fails."""
    for _ in range(len(CALLS) + len(CALLS_OF_BALANCERS)):
        if attempt() is ExitCode.DONE:
            return
    raise AssertionError(cluster.failures)
