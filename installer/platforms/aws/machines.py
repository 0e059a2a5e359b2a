"""The request for machines: all of a role in a zone at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from installer.accounts.aws.errors import AwsError
from installer.plan.platforms.aws.settings import Aws
from installer.plan.rules import Role
from installer.platforms.aws import names
from installer.platforms.aws.images import Image
from installer.platforms.aws.network import subnet_id
from installer.platforms.aws.platform import AwsPlatform
from installer.platforms.aws.user_data import Birth
from installer.platforms.clouds.first_contact import Launch
from installer.platforms.clouds.machines import Machines
from installer.ssh.keys.cluster_key import ensure_key
from installer.steps.step import Context

_LOOK_EVERY = 5.0
_MADE_BEFORE = "IdempotentParameterMismatch"


def instance_type(aws: Aws, role: Role) -> str:
    return {Role.MASTER: aws.master_type, Role.INFRA: aws.infra_type, Role.WORKER: aws.worker_type}[role]


def disks(aws: Aws, device: str) -> list[dict[str, Any]]:
    """The disk of a machine, as requests take it."""
    disk: dict[str, Any] = {
        "VolumeType": "gp3",
        "VolumeSize": aws.disk_size,
        "Encrypted": True,
        "DeleteOnTermination": True,
        **({"KmsKeyId": aws.kms_key} if aws.kms_key else {}),
    }
    return [{"DeviceName": device, "Ebs": disk}]


@dataclass(frozen=True)
class Ec2Machines(Machines[AwsPlatform]):
    """Machines by RunInstances."""

    def zones(self, ctx: Context) -> tuple[str, ...]:
        return ctx.world.plan.settings_of(Aws).spread

    def type(self, ctx: Context) -> str:
        return instance_type(ctx.world.plan.settings_of(Aws), self.role)

    def image(self, ctx: Context, platform: AwsPlatform) -> tuple[str, str]:
        found = self._image(ctx, platform)
        return found.id, found.name

    def run(self, ctx: Context, platform: AwsPlatform, launch: Launch) -> int:
        """Again and again while AWS does not know what the request names."""
        request = self._request(ctx, platform, launch, self._image(ctx, platform).device)

        def attempt() -> tuple[int | None, str]:
            try:
                made = platform.account.ask("ec2", "run_instances", **request)["Instances"]
            except AwsError as error:
                if error.code == _MADE_BEFORE:  # by an earlier plan's words: they are there
                    return launch.batch.count, "made before"
                if "instance profile" in error.observed.lower() or error.missing:
                    return None, error.observed
                raise
            return sum(one["State"]["Name"] not in ("shutting-down", "terminated") for one in made), "made"

        return ctx.wait_until("AWS to know the instance profile", attempt, _LOOK_EVERY)

    def _image(self, ctx: Context, platform: AwsPlatform) -> Image:
        return platform.images.of(ctx.world.plan.settings_of(Aws).image, self.type(ctx))

    def _request(self, ctx: Context, platform: AwsPlatform, launch: Launch, device: str) -> dict[str, Any]:
        plan, batch = ctx.world.plan, launch.batch
        aws, secret = plan.settings_of(Aws), platform.first_contact.secret
        assert secret is not None, "a launch is recorded with the secret"
        private = aws.private_workers and self.role is Role.WORKER
        keys = tuple(key for key in (ensure_key(ctx.world.directory), plan.ssh.public_key) if key)
        birth = Birth(f"{plan.name}-{self.role}-", batch.first, batch.stride, plan.ssh.user, keys, secret)
        tags = names.tags(plan, f"{plan.name}-{self.role}", {names.ROLE: self.role, names.BATCH: batch.tag})
        card = {
            "DeviceIndex": 0,
            "SubnetId": subnet_id(ctx, launch.zone, private=private),
            "Groups": [platform.groups()[self.role]],
            "AssociatePublicIpAddress": not private,
            "DeleteOnTermination": True,
        }
        return {
            "ClientToken": launch.token(secret),
            "ImageId": launch.image,
            "InstanceType": self.type(ctx),
            "MinCount": batch.count,
            "MaxCount": batch.count,
            "NetworkInterfaces": [card],
            "IamInstanceProfile": {"Name": names.identity(plan.name, aws.region, self.role)},
            "MetadataOptions": {
                "HttpEndpoint": "enabled",
                "HttpTokens": "required",
                "HttpPutResponseHopLimit": 2,
            },
            "BlockDeviceMappings": disks(aws, device),
            "DisableApiTermination": aws.termination_protection,
            "UserData": birth.render(),
            "TagSpecifications": [
                {"ResourceType": type, "Tags": tags} for type in ("instance", "volume", "network-interface")
            ],
        }
