"""Machines: all of a role in a zone by one request, then looked at until each can be reached."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from installer.common.errors import InstallerError
from installer.common.text import count
from installer.plan.platforms.aws.settings import Aws
from installer.plan.rules import Role
from installer.platforms.aws import names, removal
from installer.platforms.aws.errors import AwsError
from installer.platforms.aws.first_contact import Launch
from installer.platforms.aws.listing import Instance
from installer.platforms.aws.network import subnet_id
from installer.platforms.aws.platform import AwsPlatform, platform_of
from installer.platforms.aws.user_data import Birth
from installer.ssh.host_keys import pinned_keys
from installer.ssh.keys.cluster_key import ensure_key
from installer.steps.platform import Resource
from installer.steps.step import Context, Observation, Proof

_LOOK_EVERY = 5.0
_MADE_BEFORE = "IdempotentParameterMismatch"


def instance_type(aws: Aws, role: Role) -> str:
    return {Role.MASTER: aws.master_type, Role.INFRA: aws.infra_type, Role.WORKER: aws.worker_type}[role]


@dataclass(frozen=True)
class Machines:
    """The machines of a role that belong in one zone. Where AWS has none left there, they come from another."""

    role: Role
    zone: str
    numbers: tuple[int, ...]

    def observe(self, ctx: Context) -> Observation:
        missing, waiting = self._missing(ctx), self._waiting(ctx)
        seen = f"{len(self.numbers) - len(missing)} of {len(self.numbers)} exist, {len(waiting)} can't be reached yet"
        return Observation(not waiting, seen, remains=len(missing) < len(self.numbers))

    def apply(self, ctx: Context) -> None:
        platform = platform_of(ctx)
        listed = platform.listing.instances.value(platform.listing.instances.version)
        ended = frozenset(one.id for one in listed if not one.lives)
        awaited = self._repeat(ctx, platform)
        numbers = {int(name.rpartition("-")[2]) for name in self._missing(ctx) if name not in awaited}
        for batch in names.batches(self.role, numbers, len(ctx.world.plan.settings_of(Aws).spread)):
            self._launch(ctx, platform, batch)
        self._wait(ctx, platform, ended)

    def undo(self, ctx: Context) -> None:
        platform = platform_of(ctx)
        mine = set(self._names(ctx))
        found = [
            Resource("instance", str(one.machine), id=one.id, machine=one.machine)
            for one in platform.listing.instances.value()
            if one.machine in mine and one.lives
        ]
        removal.remove(platform.account, platform.listing, ctx.world.plan, found, ctx)
        for name in mine:
            pinned_keys.unpin(ctx.world.directory, name)

    def _names(self, ctx: Context) -> list[str]:
        return [f"{ctx.world.plan.name}-{self.role}-{number}" for number in self.numbers]

    def _missing(self, ctx: Context) -> list[str]:
        known = platform_of(ctx).listing.by_machine()
        return [name for name in self._names(ctx) if name not in known]

    def _waiting(self, ctx: Context) -> list[str]:
        known = platform_of(ctx).listing.by_machine()
        return [name for name in self._names(ctx) if not ((found := known.get(name)) and found.ready)]

    def _repeat(self, ctx: Context, platform: AwsPlatform) -> set[str]:
        """Make requests again whose machines AWS does not list yet. Returns the machines that they did make.

        An engine that ended before it had the answer left them behind; the token keeps AWS from making twins.
        """
        mine, awaited = set(self._names(ctx)), set[str]()
        missing = set(self._missing(ctx))
        for launch in platform.first_contact.launches:
            made = launch.batch.names(ctx.world.plan.name)
            if launch.batch.role is not self.role or not set(made) <= mine or not set(made) & missing:
                continue
            try:
                alive = self._run(ctx, platform, launch)
            except AwsError as error:
                if not error.no_capacity:
                    raise
                alive = 0
            if alive:
                awaited |= set(made)
            else:  # somebody terminated what it had made, or there was no room for it
                platform.first_contact.abandon(launch)
        return awaited

    def _launch(self, ctx: Context, platform: AwsPlatform, batch: names.Batch) -> None:
        """Make machines in their zone, else in the next one that has room for all of them."""
        aws = ctx.world.plan.settings_of(Aws)
        type = instance_type(aws, self.role)
        start = aws.spread.index(self.zone)
        zones = (*aws.spread[start:], *aws.spread[:start])
        image = platform.images.of(aws.image, type)
        refused: list[str] = []
        for zone in zones:
            ctx.check_stop()
            launch = platform.first_contact.begin(batch, zone, image.id)
            for name in batch.names(ctx.world.plan.name):
                pinned_keys.unpin(ctx.world.directory, name)
            try:
                self._run(ctx, platform, launch, image.device)
            except AwsError as error:
                if not error.no_capacity:
                    raise
                platform.first_contact.abandon(launch)
                refused.append(zone)
                ctx.log(f"{zone} has no room for {count(batch.count, 'machine')} of type {type}: {error.observed}")
                continue
            ctx.log(f"asked for {count(batch.count, 'machine')} of type {type} in {zone}, from {image.name}")
            return
        raise InstallerError(
            "make the machines",
            f"AWS has no room for {count(batch.count, 'machine')} of type {type} in {', '.join(refused)}",
            hint=f"Set aws.{self.role}_type to another type, or aws.zones to other zones, and resume; or resume later.",
        )

    def _run(self, ctx: Context, platform: AwsPlatform, launch: Launch, device: str | None = None) -> int:
        """Make a request for machines, again and again while AWS does not know what it names. How many of them live."""
        aws = ctx.world.plan.settings_of(Aws)
        if device is None:
            device = platform.images.of(aws.image, instance_type(aws, self.role)).device
        request = self._request(ctx, platform, launch, device)

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

    def _request(self, ctx: Context, platform: AwsPlatform, launch: Launch, device: str) -> dict[str, Any]:
        plan, batch = ctx.world.plan, launch.batch
        aws, secret = plan.settings_of(Aws), platform.first_contact.secret
        assert secret is not None, "a launch is recorded with the secret"
        keys = tuple(key for key in (ensure_key(ctx.world.directory), plan.ssh.public_key) if key)
        birth = Birth(f"{plan.name}-{self.role}-", batch.first, batch.stride, plan.ssh.user, keys, secret)
        tags = names.tags(plan, f"{plan.name}-{self.role}", {names.ROLE: self.role, names.BATCH: batch.tag})
        disk: dict[str, Any] = {
            "VolumeType": "gp3",
            "VolumeSize": aws.disk_size,
            "Encrypted": True,
            "DeleteOnTermination": True,
            **({"KmsKeyId": aws.kms_key} if aws.kms_key else {}),
        }
        card = {
            "DeviceIndex": 0,
            "SubnetId": subnet_id(ctx, launch.zone),
            "Groups": [platform.groups()[self.role]],
            "AssociatePublicIpAddress": True,
            "DeleteOnTermination": True,
        }
        return {
            "ClientToken": launch.token(secret),
            "ImageId": launch.image,
            "InstanceType": instance_type(aws, self.role),
            "MinCount": batch.count,
            "MaxCount": batch.count,
            "NetworkInterfaces": [card],
            "IamInstanceProfile": {"Name": names.identity(plan.name, aws.region, self.role)},
            "MetadataOptions": {
                "HttpEndpoint": "enabled",
                "HttpTokens": "required",
                "HttpPutResponseHopLimit": 2,
            },
            "BlockDeviceMappings": [{"DeviceName": device, "Ebs": disk}],
            "DisableApiTermination": aws.termination_protection,
            "UserData": birth.render(),
            "TagSpecifications": [
                {"ResourceType": type, "Tags": tags} for type in ("instance", "volume", "network-interface")
            ],
        }

    def _wait(self, ctx: Context, platform: AwsPlatform, before: frozenset[str]) -> None:
        """Until every machine runs and has its addresses. Raises InstallerError if one ended that had not before."""
        listing = platform.listing.instances

        def ready() -> tuple[bool | None, str]:
            listing.value(listing.version)
            waiting = self._waiting(ctx)
            for ended in self._ended(listing.value(), set(waiting), before):
                raise InstallerError(
                    "start the machine",
                    f"the instance {ended.id} ended: {ended.reason or 'AWS gives no reason'}",
                    machine=ended.machine,
                    hint="Correct what AWS names, then resume: Craton makes it again.",
                )
            if not waiting:
                return True, "all run"
            return None, f"{count(len(waiting), 'machine')} not running or without an address, {waiting[0]} among them"

        ctx.wait_until(f"the {self.role}s in {self.zone} to run", ready, _LOOK_EVERY)

    @staticmethod
    def _ended(instances: tuple[Instance, ...], waiting: set[str], before: frozenset[str]) -> list[Instance]:
        """Instances of awaited machines that ended, with nothing in their place."""
        alive = {one.machine for one in instances if one.lives}
        return [one for one in instances if one.machine in waiting - alive and not one.lives and one.id not in before]


@dataclass(frozen=True)
class Made(Proof):
    """One machine of a batch: only looked at."""

    name: str

    def observe(self, ctx: Context) -> Observation:
        machine = ctx.world.machine(self.name)
        return Observation(True, f"{machine.located} in {machine.zone}")


@dataclass(frozen=True)
class ForgetFirstContact(Proof):
    """Every host key is pinned: what machines proved them with is not needed any more, here or there."""

    def observe(self, ctx: Context) -> Observation:
        unknown = [
            machine.name
            for machine in ctx.world.shape.machines
            if pinned_keys.pinned(ctx.world.directory, machine.name) is None
        ]
        if unknown:
            return Observation(True, f"kept: {count(len(unknown), 'host key')} not pinned yet")
        platform_of(ctx).first_contact.forget()
        return Observation(True, "the secret of the machines' first contact is forgotten")
