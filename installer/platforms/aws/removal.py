"""Finds and removes what exists of a cluster: what Craton made, and what its Kubernetes made, by the tag of both."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from installer.accounts.aws.account import Account
from installer.accounts.aws.errors import AwsError
from installer.cluster.dns.route53 import Route53
from installer.common.errors import InstallerError
from installer.common.text import count
from installer.plan.model import InstallPlan
from installer.plan.platforms.aws.settings import Aws
from installer.plan.rules import Role
from installer.platforms.aws import names, pool_store
from installer.platforms.aws.listing import EC2, Listing
from installer.platforms.clouds.listing import Found, Instance
from installer.steps.platform import Resource
from installer.steps.work import Work

_AT_ONCE = 500
_LOOK_EVERY = 5.0
ORDER = (
    "record", "worker-pool", "instance", "load-balancer", "classic-load-balancer", "target-group", "nat-gateway",
    "address", "volume", "network-interface", "security-group", "route-table", "gateway", "subnet", "vpc",
    "launch-template", "secret", "profile",
)  # fmt: skip
"""Kinds, in the order in which nothing blocks their deletion."""


def find(account: Account, listing: Listing, plan: InstallPlan) -> list[Resource]:
    """Everything of the cluster that AWS lists now."""
    listing.changed(*EC2)
    listing.instances.changed()
    listing.balancers.changed()
    listing.target_groups.changed()
    found = [_instance(one) for one in listing.instances.value() if one.lives or one.state == "shutting-down"]
    found += [_balancer(one, "load-balancer", "LoadBalancer", plan) for one in listing.balancers.value()]
    found += [Resource("classic-load-balancer", one, id=one, inner=True) for one in listing.classic_balancers()]
    found += [_balancer(one, "target-group", "TargetGroup", plan) for one in listing.target_groups.value()]
    attached = {one.id for one in listing.instances.value() if one.lives}
    for kind in EC2:
        for one in listing.things(kind):
            if not _goes_with_machine(kind, one, attached):
                found.append(_thing(kind, one))
    if plan.settings_of(Aws).dns == "route53":
        found += [Resource("record", name) for name in Route53(account, names.published(plan)).own()]
    pools = [str(one["AutoScalingGroupName"]) for one in listing.pools()]
    found += [Resource("worker-pool", name, machine=name) for name in pools]
    found += [Resource("secret", names.secret_name(plan.name))] if pool_store.exists(account, plan.name) else []
    return found + list(_profiles(account, plan))


def _instance(one: Instance) -> Resource:
    """One of a pool goes with the pool, which would make it again."""
    machine = None if one.pooled else one.machine
    return Resource("instance", one.machine or one.id, one.state, one.id, one.zone, machine, inner=not one.machine)


def _balancer(found: Found, kind: str, word: str, plan: InstallPlan) -> Resource:
    """Craton's own are called NAME-lb, and NAME-PORT."""
    name = str(found[f"{word}Name"])
    return Resource(kind, name, id=str(found[f"{word}Arn"]), inner=name.rpartition("-")[0] != plan.name)


def _thing(kind: str, found: Found) -> Resource:
    tagged = names.read_tags(found if kind != "network-interface" else {"Tags": found.get("TagSet")})
    id = str(found[EC2[kind].id])
    machine = tagged.get(names.MACHINE)
    zone, inner = str(found.get("AvailabilityZone") or ""), names.CLUSTER not in tagged
    return Resource(kind, tagged.get("Name") or id, id=id, zone=zone, machine=machine, inner=inner)


def _goes_with_machine(kind: str, found: Found, alive: set[str]) -> bool:
    """Whether it is deleted with its instance: a root disk, a first network interface."""
    if kind == "volume":
        return any(one.get("DeleteOnTermination") and one.get("InstanceId") in alive for one in found["Attachments"])
    if kind == "network-interface":
        attached = found.get("Attachment") or {}
        return bool(attached.get("DeleteOnTermination")) and attached.get("InstanceId") in alive
    return False


def _profiles(account: Account, plan: InstallPlan) -> Iterator[Resource]:
    for role in Role:
        name = names.identity(plan.name, account.region, role)
        for operation, argument in (("get_instance_profile", "InstanceProfileName"), ("get_role", "RoleName")):
            try:
                account.ask("iam", operation, **{argument: name})
            except AwsError as error:
                if not error.missing:
                    raise
            else:
                yield Resource("profile", name)
                break


def remove(account: Account, listing: Listing, plan: InstallPlan, found: Sequence[Resource], work: Work) -> None:
    """Remove all of `found`. No error for what is gone. Raises InstallerError naming what blocks a deletion."""
    remover = _Remover(account, listing, plan, work)
    for kind in ORDER:
        those = [resource for resource in found if resource.kind == kind]
        if those:
            work.check_stop()
            remover.of_kind(kind, those)


@dataclass(frozen=True)
class _Remover:
    account: Account
    listing: Listing
    plan: InstallPlan
    work: Work

    def of_kind(self, kind: str, those: list[Resource]) -> None:
        if kind == "instance":
            self._instances(those)
        elif kind == "record":
            Route53(self.account, names.published(self.plan)).remove([one.name for one in those])
        elif kind == "profile":
            for one in those:
                self._profile(one.name)
        else:
            for one in those:
                self._one(kind, one)
                self.work.log(f"removed {kind} {one.name}")
        if kind in EC2:
            self.listing.changed(kind)
        self.listing.balancers.changed()
        self.listing.target_groups.changed()

    def _instances(self, those: list[Resource]) -> None:
        """Terminate all in as few requests as there may be, then wait until they are gone: networks need that."""
        ids = [one.id for one in those]
        if getattr(self.plan.settings, "termination_protection", False):
            for id in ids:
                self._tolerant(
                    "ec2", "modify_instance_attribute", InstanceId=id, DisableApiTermination={"Value": False}
                )
        for start in range(0, len(ids), _AT_ONCE):
            self._terminate(ids[start : start + _AT_ONCE])

        def gone() -> tuple[bool | None, str]:
            listed = self.listing.instances.value(self.listing.instances.version)
            left = [one for one in listed if one.id in ids and one.state != "terminated"]
            return (None, f"{count(len(left), 'instance')} shutting down") if left else (True, "gone")

        self.work.wait_until(f"{count(len(ids), 'instance')} to go", gone, _LOOK_EVERY)
        self.listing.changed("volume", "network-interface", "address")
        self.work.log(f"terminated {count(len(ids), 'instance')}")

    def _terminate(self, ids: list[str]) -> None:
        """All or none: AWS refuses a request in which one is not known."""
        try:
            self.account.ask("ec2", "terminate_instances", InstanceIds=ids)
        except AwsError as error:
            if not error.missing:
                raise
            for id in ids:
                self._tolerant("ec2", "terminate_instances", InstanceIds=[id])

    def _one(self, kind: str, one: Resource) -> None:
        """Delete one thing, again while something that is going still needs it."""
        delete = _DELETIONS[kind]
        last: list[AwsError] = []

        def attempt() -> tuple[bool | None, str]:
            try:
                delete(self, one)
            except AwsError as error:
                if error.missing:
                    return True, "gone"
                if error.in_use or "in use" in error.observed:
                    last[:] = [error]
                    return None, error.observed
                raise
            return True, "deleted"

        try:
            self.work.wait_until(f"{kind} {one.name} to be free", attempt, _LOOK_EVERY)
        except InstallerError as error:
            if last:
                error.hint = f"{last[0].observed}. Delete what needs it in the console, then destroy again."
            raise

    def _profile(self, name: str) -> None:
        """An instance profile, its role and the role's policy."""
        self._tolerant("iam", "remove_role_from_instance_profile", InstanceProfileName=name, RoleName=name)
        self._tolerant("iam", "delete_instance_profile", InstanceProfileName=name)
        self._tolerant("iam", "delete_role_policy", RoleName=name, PolicyName="kubernetes")
        self._tolerant("iam", "delete_role", RoleName=name)
        self.work.log(f"removed the role and instance profile {name}")

    def _tolerant(self, service: str, operation: str, **given: Any) -> None:
        """A request about something that may be gone."""
        try:
            self.account.ask(service, operation, **given)
        except AwsError as error:
            if not error.missing:
                raise

    def balancer(self, one: Resource) -> None:
        self.account.ask("elbv2", "delete_load_balancer", LoadBalancerArn=one.id)

    def classic_balancer(self, one: Resource) -> None:
        self.account.ask("elb", "delete_load_balancer", LoadBalancerName=one.id)

    def target_group(self, one: Resource) -> None:
        self.account.ask("elbv2", "delete_target_group", TargetGroupArn=one.id)

    def address(self, one: Resource) -> None:
        listed = next((found for found in self.listing.things("address") if found["AllocationId"] == one.id), {})
        if listed.get("AssociationId"):
            self._tolerant("ec2", "disassociate_address", AssociationId=listed["AssociationId"])
        self.account.ask("ec2", "release_address", AllocationId=one.id)

    def nat_gateway(self, one: Resource) -> None:
        """Gone once it is deleted: until then it keeps its address, its subnet and the internet gateway in use."""
        self._tolerant("ec2", "delete_nat_gateway", NatGatewayId=one.id)

        def gone() -> tuple[bool | None, str]:
            self.listing.changed("nat-gateway")
            left = [found for found in self.listing.things("nat-gateway") if found["NatGatewayId"] == one.id]
            return (None, f"{one.name} is {left[0]['State']}") if left else (True, "deleted")

        self.work.wait_until(f"the NAT gateway {one.name} to go", gone, _LOOK_EVERY)
        self.listing.changed("address", "network-interface")

    def pool(self, one: Resource) -> None:
        """The group with its machines, whose end is waited for."""
        name = one.name
        try:
            self.account.ask("autoscaling", "delete_auto_scaling_group", AutoScalingGroupName=name, ForceDelete=True)
        except AwsError as error:
            if "not found" not in error.observed.lower() and not error.in_use:  # it is going already
                raise

        def gone() -> tuple[bool | None, str]:
            groups = [found for found in self.listing.pools() if found["AutoScalingGroupName"] == name]
            listed = self.listing.instances.value(self.listing.instances.version)
            left = [found for found in listed if found.pooled and found.state != "terminated"]
            return (None, f"{count(len(left), 'instance')} left") if groups or left else (True, "gone")

        self.work.wait_until(f"the Auto Scaling Group {name} and its instances to go", gone, _LOOK_EVERY)
        self.listing.changed("volume", "network-interface", "address")

    def template(self, one: Resource) -> None:
        self.account.ask("ec2", "delete_launch_template", LaunchTemplateId=one.id)

    def secret(self, one: Resource) -> None:
        pool_store.delete(self.account, one.name)

    def volume(self, one: Resource) -> None:
        self.account.ask("ec2", "delete_volume", VolumeId=one.id)

    def interface(self, one: Resource) -> None:
        self.account.ask("ec2", "delete_network_interface", NetworkInterfaceId=one.id)

    def group(self, one: Resource) -> None:
        """Rules of all groups that name another go first: groups that name each other can't be deleted."""
        changed = False
        for found in self.listing.things("security-group"):
            if permissions := list(_naming(found, one.id)):
                group = found["GroupId"]
                self._tolerant("ec2", "revoke_security_group_ingress", GroupId=group, IpPermissions=permissions)
                changed = True
        if changed:
            self.listing.changed("security-group")
        self.account.ask("ec2", "delete_security_group", GroupId=one.id)

    def route_table(self, one: Resource) -> None:
        listed = next((found for found in self.listing.things("route-table") if found["RouteTableId"] == one.id), {})
        for association in listed.get("Associations") or ():
            if not association.get("Main"):
                id = association["RouteTableAssociationId"]
                self._tolerant("ec2", "disassociate_route_table", AssociationId=id)
        self.account.ask("ec2", "delete_route_table", RouteTableId=one.id)

    def gateway(self, one: Resource) -> None:
        listed = next((found for found in self.listing.things("gateway") if found["InternetGatewayId"] == one.id), {})
        for attached in listed.get("Attachments") or ():
            self._detach(one.id, str(attached["VpcId"]))
        self.account.ask("ec2", "delete_internet_gateway", InternetGatewayId=one.id)

    def _detach(self, gateway: str, vpc: str) -> None:
        try:
            self.account.ask("ec2", "detach_internet_gateway", InternetGatewayId=gateway, VpcId=vpc)
        except AwsError as error:
            if not error.missing and error.code != "Gateway.NotAttached":
                raise

    def subnet(self, one: Resource) -> None:
        self.account.ask("ec2", "delete_subnet", SubnetId=one.id)

    def vpc(self, one: Resource) -> None:
        self.account.ask("ec2", "delete_vpc", VpcId=one.id)


def _naming(found: Found, group: str) -> Iterator[dict[str, Any]]:
    """The rules of one group that name `group`; all that name any, if it is that group itself."""
    for permission in found.get("IpPermissions") or ():
        pairs = [
            {key: value for key, value in pair.items() if key in ("GroupId", "UserId", "Description")}
            for pair in permission.get("UserIdGroupPairs") or ()
            if group in (pair["GroupId"], found["GroupId"])
        ]
        if pairs:
            ports = {key: permission[key] for key in ("IpProtocol", "FromPort", "ToPort") if key in permission}
            yield {**ports, "UserIdGroupPairs": pairs}


_DELETIONS: dict[str, Callable[[_Remover, Resource], None]] = {
    "load-balancer": _Remover.balancer,
    "classic-load-balancer": _Remover.classic_balancer,
    "target-group": _Remover.target_group,
    "worker-pool": _Remover.pool,
    "launch-template": _Remover.template,
    "secret": _Remover.secret,
    "nat-gateway": _Remover.nat_gateway,
    "address": _Remover.address,
    "volume": _Remover.volume,
    "network-interface": _Remover.interface,
    "security-group": _Remover.group,
    "route-table": _Remover.route_table,
    "gateway": _Remover.gateway,
    "subnet": _Remover.subnet,
    "vpc": _Remover.vpc,
}
