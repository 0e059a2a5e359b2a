"""A worker pool in AWS: a launch template, and an Auto Scaling Group."""

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
from installer.platforms.aws import names
from installer.platforms.aws.machines import disks, instance_type
from installer.platforms.aws.network import subnet_id
from installer.platforms.aws.platform import AwsPlatform, platform_of
from installer.platforms.aws.pool_user_data import PoolBirth
from installer.platforms.clouds.listing import Found
from installer.platforms.clouds.pool_bundle import ADDRESS, PROVIDER_ID, bundle, bundle_sum, generation
from installer.platforms.clouds.pool_group import LOOK_EVERY, PoolGroup
from installer.platforms.clouds.things import Thing, needed
from installer.steps.step import Context

_HOPS = 1
"""Of the metadata service's answers: they reach the machine, and no pod in a network of its own."""


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
class Group(PoolGroup[AwsPlatform]):
    """The Auto Scaling Group."""

    def create(self, ctx: Context, platform: AwsPlatform) -> None:
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

        ctx.wait_until("AWS to know the workers' instance profile", attempt, LOOK_EVERY)

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
