"""The platform `aws`: what AWS lists of a cluster, how its machines are reached, and what removes it all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from installer.accounts.aws.account import Account
from installer.accounts.aws.errors import AwsError
from installer.cluster.dns.records import Alias, Target
from installer.cluster.dns.route53 import Route53
from installer.common.errors import InstallerError
from installer.plan.model import InstallPlan
from installer.plan.platforms.aws.settings import Aws
from installer.plan.rules import Role
from installer.plan.topology import FirewallRule, LoadBalancer
from installer.platforms.aws import pool_store, removal
from installer.platforms.aws.images import Images
from installer.platforms.aws.lease import AwsLease
from installer.platforms.aws.listing import EC2, Listing
from installer.platforms.aws.names import group_name, pool_name, published, secret_name
from installer.platforms.aws.security_groups import group_in_force
from installer.platforms.clouds.listing import Found, Instance
from installer.platforms.clouds.platform import CloudPlatform, Kept
from installer.platforms.clouds.pool_bundle import Held
from installer.ssh.connection import Connections
from installer.steps.platform import Limit, Resource, RunOptions
from installer.steps.step import Context
from installer.steps.work import Work

LIMIT = "aws"
"""Kind of steps that are requests to AWS."""


class AwsPlatform(CloudPlatform):
    """One cluster in AWS. Safe from many threads."""

    cloud = "AWS"

    def __init__(self, plan: InstallPlan, options: RunOptions | None) -> None:
        self.settings = plan.settings_of(Aws)
        self.account = Account(self.settings.region, self.settings.profile)
        self.listing = Listing(self.account, plan.name)
        self.images = Images(self.account)
        self._records = Route53(self.account, published(plan))
        super().__init__(plan, options, self.listing.instances, self.listing.balancers)

    def placed(self, balancer: LoadBalancer, balancers: tuple[Found, ...]) -> LoadBalancer:
        named = {str(one["LoadBalancerName"]): str(one["DNSName"]) for one in balancers}
        return replace(balancer, host=named.get(balancer.name, ""))

    def balancer_target(self, name: str) -> Target:
        for found in self.balancers.value():
            if found["LoadBalancerName"] == name:
                return Alias(str(found["DNSName"]).lower(), str(found["CanonicalHostedZoneId"]))
        raise InstallerError("name the cluster", "AWS lists no load balancer for it", retryable=True)

    def provider_id(self, instance: Instance) -> str:
        return f"aws:///{instance.zone}/{instance.id}"

    @property
    def records(self) -> Route53:
        return self._records

    def console_of(self, instance: Instance) -> str:
        try:
            answer = self.account.ask("ec2", "get_console_output", InstanceId=instance.id, Latest=True)
        except AwsError as error:
            if error.code != "UnsupportedOperation":  # of types that only keep what was printed during the boot
                raise
            answer = self.account.ask("ec2", "get_console_output", InstanceId=instance.id)
        return str(answer.get("Output", ""))

    def console_command(self, instance: Instance) -> str:
        return f"aws ec2 get-console-output --instance-id {instance.id} --latest"

    def one(self, kind: str, name: str) -> Found | None:
        return self.listing.one(kind, name)

    def changed(self, *kinds: str) -> None:
        self.listing.changed(*kinds)

    def id_of(self, kind: str, found: Found) -> str:
        return str(found[EC2[kind].id])

    def words(self, kind: str) -> str:
        return {
            "vpc": "VPC",
            "gateway": "internet gateway",
            "address": "elastic address",
            "nat-gateway": "NAT gateway",
            "worker-pool": "Auto Scaling Group",
        }.get(kind) or super().words(kind)

    def find(self, connections: Connections) -> list[Resource]:  # noqa: ARG002 (AWS knows it all)
        """Everything in the region with the cluster's tag, its roles, and its records."""
        return removal.find(self.account, self.listing, self.plan)

    def delete(self, found: Sequence[Resource], work: Work) -> None:
        removal.remove(self.account, self.listing, self.plan, found, work)

    def limits(self) -> Mapping[str, Limit]:
        """Below what AWS lets one account ask for, which others use, too."""
        return {LIMIT: Limit(8, per_second=5.0)}

    def groups(self) -> dict[Role, str]:
        """Ids of the security groups that exist, by role."""
        found = ((role, self.listing.one("security-group", group_name(self.plan.name, role))) for role in Role)
        return {role: str(group["GroupId"]) for role, group in found if group}

    def own_target_group(self, name: str) -> bool:
        """Whether Craton made it, and not the cluster's Kubernetes: its name ends in a port of the balancer's."""
        return name.rpartition("-")[0] == self.plan.name

    def role_firewalls(self) -> Mapping[Role, tuple[FirewallRule, ...]]:
        """The rules of each role's security group."""
        groups = self.groups()
        found = {str(one["GroupId"]): one for one in self.listing.things("security-group")}
        return {role: group_in_force(found[id], self.plan, groups) for role, id in groups.items()}

    def pool(self) -> Found | None:
        """The workers' Auto Scaling Group, as it is now."""
        name = pool_name(self.plan.name)
        return next((one for one in self.listing.pools() if one["AutoScalingGroupName"] == name), None)

    def resize_pool(self, count: int) -> None:
        found = self.pool()
        if found is not None and (found["DesiredCapacity"], found["MaxSize"]) != (count, count):
            name = pool_name(self.plan.name)
            self.account.ask("autoscaling", "update_auto_scaling_group", AutoScalingGroupName=name, MinSize=0,
                             MaxSize=count, DesiredCapacity=count)  # fmt: skip

    def leave_pool(self, instance: Instance, *, again: bool) -> None:
        try:
            self.account.ask("autoscaling", "terminate_instance_in_auto_scaling_group", InstanceId=instance.id,
                             ShouldDecrementDesiredCapacity=not again)  # fmt: skip
        except AwsError as error:
            if "not found" not in error.observed.lower():  # somebody ended it meanwhile
                raise

    @property
    def secret(self) -> str:
        return secret_name(self.plan.name)

    def held(self) -> Held | None:
        return pool_store.read(self.account, self.plan.name)

    def hold(self, held: Held) -> str:
        try:
            pool_store.write(self.account, self.plan, held)
        except AwsError as error:
            if error.code == "InvalidRequestException":  # one of this name is still being deleted
                return error.observed
            raise
        return ""

    def kept(self) -> Kept | None:
        found = self.pool()
        return None if found is None else Kept(int(found["DesiredCapacity"]), going=bool(found.get("Status")))

    def pool_hint(self) -> str:
        return "aws ec2 get-console-output --latest --instance-id i-..."

    def lease(self, connections: Connections) -> AwsLease:  # noqa: ARG002 (the account keeps it)
        return AwsLease(self.account, self.plan.name)

    def close(self) -> None:
        self.account.close()


def platform_of(ctx: Context) -> AwsPlatform:
    """The platform of a step of this package."""
    platform = ctx.world.platform
    assert isinstance(platform, AwsPlatform)
    return platform


def open_platform(plan: InstallPlan, options: RunOptions | None) -> AwsPlatform:
    return AwsPlatform(plan, options)
