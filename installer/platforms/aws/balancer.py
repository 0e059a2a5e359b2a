"""The network load balancer: the API on 6443, web traffic to the masters' node ports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from installer.accounts.aws.account import Account
from installer.accounts.aws.errors import AwsError
from installer.common.text import count
from installer.plan.platforms.aws.settings import Aws
from installer.platforms.aws import names, removal
from installer.platforms.aws.network import subnet_id, vpc_id
from installer.platforms.aws.platform import AwsPlatform, platform_of
from installer.platforms.clouds.listing import Found
from installer.steps.platform import Resource
from installer.steps.step import Context, Observation, Permanent

HEALTH_PORT = 32002
"""Where the ingress controller says that it is well."""
_API = 6443
_LOOK_EVERY = 5.0


def target_group_name(cluster: str, port: int) -> str:
    return f"{cluster}-{port}"


@dataclass(frozen=True)
class Balancer:
    """The balancer with a listener and a target group for each port; `listeners` as in the topology."""

    name: str
    listeners: tuple[tuple[int, int], ...]

    def observe(self, ctx: Context) -> Observation:
        platform = platform_of(ctx)
        found = _named(platform, self.name)
        groups = _groups(platform)
        remains = bool(found or groups)
        if found is None:
            return Observation(False, f"there is no load balancer {self.name}", remains=remains)
        ports = {int(one["Port"]) for one in _listeners(platform.account, str(found["LoadBalancerArn"]))}
        missing = [port for port, _ in self.listeners if port not in ports]
        seen = f"no listener on {', '.join(map(str, missing))}" if missing else str(found["DNSName"])
        return Observation(not missing, seen, remains=True)

    def apply(self, ctx: Context) -> None:
        platform = platform_of(ctx)
        try:
            found = self._balancer(ctx, platform)
            arn = str(found["LoadBalancerArn"])
            ports = {int(one["Port"]) for one in _listeners(platform.account, arn)}
            for port, behind in self.listeners:
                if port not in ports:
                    group = self._group(ctx, platform, port, behind)
                    self._listen(ctx, platform, arn, port, group)
        finally:
            platform.balancers.changed()
            platform.listing.target_groups.changed()

    def undo(self, ctx: Context) -> None:
        platform = platform_of(ctx)
        found = [one for one in (_named(platform, self.name),) if one]
        gone = [Resource("load-balancer", self.name, id=str(one["LoadBalancerArn"])) for one in found]
        gone += [
            Resource("target-group", name, id=str(one["TargetGroupArn"])) for name, one in _groups(platform).items()
        ]
        removal.remove(platform.account, platform.listing, ctx.world.plan, gone, ctx)

    def _balancer(self, ctx: Context, platform: AwsPlatform) -> Found:
        if found := _named(platform, self.name):
            return found
        subnets = [subnet_id(ctx, zone) for zone in ctx.world.plan.settings_of(Aws).spread]
        made = platform.account.ask(
            "elbv2",
            "create_load_balancer",
            Name=self.name,
            Type="network",
            Scheme="internet-facing",
            Subnets=subnets,
            Tags=names.tags(ctx.world.plan, self.name),
        )
        found = made["LoadBalancers"][0]
        assert isinstance(found, dict)
        return found

    def _group(self, ctx: Context, platform: AwsPlatform, port: int, behind: int) -> str:
        name = target_group_name(ctx.world.plan.name, port)
        if found := _groups(platform).get(name):
            return str(found["TargetGroupArn"])
        health: dict[str, Any] = {"HealthCheckProtocol": "TCP"}
        if port != _API:
            health = {
                "HealthCheckProtocol": "HTTP",
                "HealthCheckPort": str(HEALTH_PORT),
                "HealthCheckPath": "/ping",
            }
        made = platform.account.ask(
            "elbv2",
            "create_target_group",
            Name=name,
            Protocol="TCP",
            Port=behind,
            VpcId=vpc_id(ctx),
            TargetType="instance",
            Tags=names.tags(ctx.world.plan, name),
            **health,
        )
        return str(made["TargetGroups"][0]["TargetGroupArn"])

    def _listen(self, ctx: Context, platform: AwsPlatform, arn: str, port: int, group: str) -> None:
        try:
            platform.account.ask(
                "elbv2",
                "create_listener",
                LoadBalancerArn=arn,
                Protocol="TCP",
                Port=port,
                DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
                Tags=names.tags(ctx.world.plan, f"{self.name}-{port}"),
            )
        except AwsError as error:
            if not error.exists:
                raise


@dataclass(frozen=True)
class Targets(Permanent):
    """The masters are behind every port of the balancer. They go with it."""

    name: str
    masters: tuple[str, ...]

    def observe(self, ctx: Context) -> Observation:
        platform = platform_of(ctx)
        groups = _groups(platform)
        if not groups:
            return Observation(False, "there are no target groups")
        missing = sum(len(self._missing(platform, str(one["TargetGroupArn"]))) for one in groups.values())
        return Observation(not missing, f"{missing} targets missing" if missing else f"{len(self.masters)} masters")

    def apply(self, ctx: Context) -> None:
        platform = platform_of(ctx)
        for name, group in _groups(platform).items():
            arn = str(group["TargetGroupArn"])
            if missing := self._missing(platform, arn):
                targets = [{"Id": id} for id in missing]
                platform.account.ask("elbv2", "register_targets", TargetGroupArn=arn, Targets=targets)
                ctx.log(f"{count(len(missing), 'target')} added to {name}")

        def active() -> tuple[bool | None, str]:
            platform.balancers.changed()
            found = _named(platform, self.name)
            state = str(found["State"]["Code"]) if found else "not listed"
            return (True, state) if state == "active" else (None, f"the load balancer is {state}")

        ctx.wait_until("the load balancer to be active", active, _LOOK_EVERY)

    def _missing(self, platform: AwsPlatform, group: str) -> list[str]:
        """Ids of masters' instances that are not registered."""
        listed = platform.account.ask("elbv2", "describe_target_health", TargetGroupArn=group)
        there = {one["Target"]["Id"] for one in listed["TargetHealthDescriptions"]}
        known = platform.instances.by_machine()
        return [known[name].id for name in self.masters if name in known and known[name].id not in there]


def _named(platform: AwsPlatform, name: str) -> Found | None:
    return next((one for one in platform.balancers.value() if one["LoadBalancerName"] == name), None)


def _groups(platform: AwsPlatform) -> dict[str, Found]:
    """The target groups that Craton made, by name; Kubernetes may have made others."""
    return {
        str(one["TargetGroupName"]): one
        for one in platform.listing.target_groups.value()
        if platform.own_target_group(str(one["TargetGroupName"]))
    }


def _listeners(account: Account, arn: str) -> list[dict[str, Any]]:
    return list(account.pages("elbv2", "describe_listeners", "Listeners", LoadBalancerArn=arn))
