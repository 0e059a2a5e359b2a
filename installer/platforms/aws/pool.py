"""A worker pool in AWS: a launch template, an Auto Scaling Group, and the secret that its machines join with."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from installer.accounts.aws.errors import AwsError
from installer.common.errors import InstallerError
from installer.plan.platforms.aws.settings import Aws
from installer.plan.rules import Role
from installer.plan.topology import Pool
from installer.platforms.aws import names, pool_store
from installer.platforms.aws.machines import disks, instance_type
from installer.platforms.aws.network import subnet_id
from installer.platforms.aws.platform import AwsPlatform, platform_of
from installer.platforms.aws.pool_user_data import PoolBirth
from installer.platforms.clouds.listing import Found
from installer.platforms.clouds.pool_bundle import ADDRESS, PROVIDER_ID, bundle, bundle_sum, generation
from installer.platforms.clouds.things import Thing, needed
from installer.steps.platform import Resource
from installer.steps.step import Context, Observation

_LOOK_EVERY = 5.0
_HOPS = 1
"""Of the metadata service's answers: they reach the machine, and no pod in a network of its own."""


@dataclass(frozen=True)
class Secret:
    """What the pool's machines run, and later the invitation, in Secrets Manager."""

    pool: Pool

    def observe(self, ctx: Context) -> Observation:
        found = pool_store.read(platform_of(ctx).account, ctx.world.plan.name)
        if found is None:
            return Observation(False, "there is no secret for the pool")
        try:
            holds = bundle_sum(found.bundle) == bundle_sum(_bundle(ctx, self.pool))
        except InstallerError as error:  # a destroy looks here when no master may be left
            return Observation(False, error.observed, remains=True)
        return Observation(
            holds, "it has the pool's bundle" if holds else "its bundle is of another plan", remains=True
        )

    def apply(self, ctx: Context) -> None:
        account, held = platform_of(ctx).account, pool_store.Held(_bundle(ctx, self.pool))

        def attempt() -> tuple[bool | None, str]:
            try:
                pool_store.write(account, ctx.world.plan, held)
            except AwsError as error:
                if error.code == "InvalidRequestException":  # one of this name is still being deleted
                    return None, error.observed
                raise
            return True, "written"

        ctx.wait_until("an earlier secret of this name to go", attempt, _LOOK_EVERY)

    def undo(self, ctx: Context) -> None:
        _remove(ctx, "secret", names.secret_name(ctx.world.plan.name))


@dataclass(frozen=True)
class Template(Thing[AwsPlatform]):
    """The launch template; each change is a new version, and the group always takes the newest."""

    pool: Pool

    def create(self, ctx: Context, platform: AwsPlatform) -> Found:
        tags = names.specified(ctx.world.plan, self.name, "launch-template")
        data = self._data(ctx, platform)
        made: Found = platform.account.ask(
            "ec2", "create_launch_template", LaunchTemplateName=self.name, VersionDescription=_digest(data),
            LaunchTemplateData=data, TagSpecifications=tags,
        )["LaunchTemplate"]  # fmt: skip
        return made

    def lacks(self, ctx: Context, found: Found) -> str:
        platform = platform_of(ctx)
        try:
            wanted = _digest(self._data(ctx, platform))
        except InstallerError as error:  # a destroy looks here when no master may be left
            return error.observed
        same = self._newest(platform, found) == wanted
        return "" if same else "its newest version is of another plan"

    def complete(self, ctx: Context, platform: AwsPlatform, found: Found) -> None:
        data = self._data(ctx, platform)
        if self._newest(platform, found) != _digest(data):
            platform.account.ask(
                "ec2", "create_launch_template_version", LaunchTemplateId=found["LaunchTemplateId"],
                VersionDescription=_digest(data), LaunchTemplateData=data,
            )  # fmt: skip

    @staticmethod
    def _newest(platform: AwsPlatform, found: Found) -> str:
        """The digest of the newest version."""
        id = found["LaunchTemplateId"]
        answer = platform.account.ask(
            "ec2", "describe_launch_template_versions", LaunchTemplateId=id, Versions=["$Latest"]
        )
        return "".join(str(one.get("VersionDescription", "")) for one in answer["LaunchTemplateVersions"])

    def _data(self, ctx: Context, platform: AwsPlatform) -> dict[str, Any]:
        plan = ctx.world.plan
        aws = plan.settings_of(Aws)
        image = platform.images.of(aws.image, instance_type(aws, Role.WORKER))
        made_for = {names.POOL: self.name, names.GENERATION: generation(plan, ctx.world.topology)}
        tags = names.tags(plan, self.name, {names.ROLE: Role.WORKER, **made_for})
        birth = PoolBirth(
            f"{self.name}-", names.secret_name(plan.name), aws.region, platform.account.endpoint("secretsmanager"),
            bundle_sum(_bundle(ctx, self.pool)), ADDRESS, PROVIDER_ID,
        )  # fmt: skip
        card = {
            "DeviceIndex": 0,
            "Groups": [platform.groups()[Role.WORKER]],
            "AssociatePublicIpAddress": not aws.private_workers,
            "DeleteOnTermination": True,
        }
        return {
            "ImageId": image.id,
            "InstanceType": instance_type(aws, Role.WORKER),
            "IamInstanceProfile": {"Name": names.identity(plan.name, aws.region, Role.WORKER)},
            "NetworkInterfaces": [card],
            "MetadataOptions": {"HttpEndpoint": "enabled", "HttpTokens": "required", "HttpPutResponseHopLimit": _HOPS},
            "BlockDeviceMappings": disks(aws, image.device),
            "UserData": base64.b64encode(birth.render()).decode(),
            "TagSpecifications": [
                {"ResourceType": type, "Tags": tags} for type in ("instance", "volume", "network-interface")
            ],
        }


@dataclass(frozen=True)
class Group:
    """The Auto Scaling Group: at least as many machines as planned. Those that are too many leave drained, later."""

    pool: Pool

    def observe(self, ctx: Context) -> Observation:
        found = platform_of(ctx).pool()
        if found is None:
            return Observation(False, f"there is no Auto Scaling Group {self.pool.name}")
        if found.get("Status"):
            return Observation(False, f"the Auto Scaling Group {self.pool.name} is being deleted", remains=True)
        wants = int(found["DesiredCapacity"])
        return Observation(wants >= self.pool.count, f"it keeps {wants} machines", remains=True)

    def apply(self, ctx: Context) -> None:
        platform = platform_of(ctx)

        def settled() -> tuple[bool | None, str]:
            going = bool((platform.pool() or {}).get("Status"))
            return (None, "it is being deleted") if going else (True, "it is gone, or stays")

        ctx.wait_until(f"an earlier Auto Scaling Group {self.pool.name} to go", settled, _LOOK_EVERY)
        if platform.pool() is not None:
            platform.resize_pool(self.pool.count)
            return
        request = self._request(ctx)

        def attempt() -> tuple[bool | None, str]:
            try:
                platform.account.ask("autoscaling", "create_auto_scaling_group", **request)
            except AwsError as error:
                if error.exists:
                    return True, "made before"
                if "instance profile" in error.observed.lower():
                    return None, error.observed
                raise
            return True, "made"

        ctx.wait_until("AWS to know the workers' instance profile", attempt, _LOOK_EVERY)

    def undo(self, ctx: Context) -> None:
        _remove(ctx, "worker-pool", self.pool.name)

    def _request(self, ctx: Context) -> dict[str, Any]:
        plan, name = ctx.world.plan, self.pool.name
        aws = plan.settings_of(Aws)
        subnets = [subnet_id(ctx, zone, private=aws.private_workers) for zone in aws.spread]
        return {
            "AutoScalingGroupName": name,
            "LaunchTemplate": {"LaunchTemplateId": needed(ctx, "launch-template", name), "Version": "$Latest"},
            "MinSize": 0,
            "MaxSize": self.pool.count,
            "DesiredCapacity": self.pool.count,
            "VPCZoneIdentifier": ",".join(subnets),
            "HealthCheckType": "EC2",
            # Only Craton ends machines, once they are drained; AWS replaces those that broke.
            "NewInstancesProtectedFromScaleIn": True,
            "Tags": [
                {**tag, "PropagateAtLaunch": False, "ResourceId": name, "ResourceType": "auto-scaling-group"}
                for tag in names.tags(plan, name)
            ],
        }


def _bundle(ctx: Context, pool: Pool) -> str:
    return bundle(ctx.world.plan, ctx.world.topology, pool)


def _digest(data: Mapping[str, Any]) -> str:
    """Of a version of the template. A newer image of the same system makes none."""
    known = {key: value for key, value in data.items() if key != "ImageId"}
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()[:40]


def _remove(ctx: Context, kind: str, name: str) -> None:
    platform_of(ctx).delete([Resource(kind, name, id=name)], ctx)
