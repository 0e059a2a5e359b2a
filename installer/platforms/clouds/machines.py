"""Machines: all of a role in a zone by one request, then looked at until each can be reached."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic

from installer.accounts.errors import CloudError
from installer.common.errors import InstallerError
from installer.common.text import count
from installer.plan.rules import Role
from installer.platforms.clouds.batches import Batch, batches
from installer.platforms.clouds.first_contact import Launch
from installer.platforms.clouds.listing import Instance
from installer.platforms.clouds.platform import cloud_of
from installer.platforms.clouds.things import P
from installer.ssh.host_keys import pinned_keys
from installer.steps.platform import Resource
from installer.steps.step import Context, Observation, Proof

_LOOK_EVERY = 5.0


@dataclass(frozen=True)
class Machines(Generic[P]):
    """The machines of a role that belong in one zone. Where the cloud has none left there, they come from another."""

    role: Role
    zone: str
    numbers: tuple[int, ...]

    def observe(self, ctx: Context) -> Observation:
        missing, waiting = self._missing(ctx), self._waiting(ctx)
        seen = f"{len(self.numbers) - len(missing)} of {len(self.numbers)} exist, {len(waiting)} can't be reached yet"
        return Observation(not waiting, seen, remains=len(missing) < len(self.numbers))

    def apply(self, ctx: Context) -> None:
        platform = self.platform(ctx)
        listed = platform.instances.value(platform.instances.version)
        ended = frozenset(one.id for one in listed if not one.lives)
        awaited = self._repeat(ctx, platform)
        numbers = {int(name.rpartition("-")[2]) for name in self._missing(ctx) if name not in awaited}
        for batch in batches(self.role, numbers, len(self.zones(ctx))):
            self._launch(ctx, platform, batch)
        self._wait(ctx, platform, ended)

    def undo(self, ctx: Context) -> None:
        platform = self.platform(ctx)
        mine = set(self._names(ctx))
        found = [
            Resource("instance", str(one.machine), id=one.id, zone=one.zone, machine=one.machine)
            for one in platform.instances.value()
            if one.machine in mine and one.lives
        ]
        platform.delete(found, ctx)
        for name in mine:
            pinned_keys.unpin(ctx.world.directory, name)

    def platform(self, ctx: Context) -> P:
        return cloud_of(ctx)  # type: ignore[return-value]  # a platform's steps run with that platform

    def zones(self, ctx: Context) -> tuple[str, ...]:
        """All zones over which a role is spread."""
        raise NotImplementedError

    def type(self, ctx: Context) -> str:
        """The cloud's name for such machines."""
        raise NotImplementedError

    def image(self, ctx: Context, platform: P) -> tuple[str, str]:
        """Id and name of what they start from. Raises InstallerError."""
        raise NotImplementedError

    def run(self, ctx: Context, platform: P, launch: Launch) -> int:
        """Make a request for machines, or repeat it; return how many of them live. Raises CloudError."""
        raise NotImplementedError

    def _names(self, ctx: Context) -> list[str]:
        return [f"{ctx.world.plan.name}-{self.role}-{number}" for number in self.numbers]

    def _missing(self, ctx: Context) -> list[str]:
        known = self.platform(ctx).instances.by_machine()
        return [name for name in self._names(ctx) if name not in known]

    def _waiting(self, ctx: Context) -> list[str]:
        platform = self.platform(ctx)
        known = platform.instances.by_machine()
        return [name for name in self._names(ctx) if not ((found := known.get(name)) and platform.reachable(found))]

    def _repeat(self, ctx: Context, platform: P) -> set[str]:
        """Make requests again whose machines are not listed yet. Returns the machines that they did make.

        An engine that ended before it had the answer left them behind; the token keeps the cloud from making twins.
        """
        mine, awaited = set(self._names(ctx)), set[str]()
        missing = set(self._missing(ctx))
        for launch in platform.first_contact.launches:
            made = launch.batch.names(ctx.world.plan.name)
            if launch.batch.role is not self.role or not set(made) <= mine or not set(made) & missing:
                continue
            try:
                alive = self.run(ctx, platform, launch)
            except CloudError as error:
                if not error.no_capacity:
                    raise
                alive = 0
            if alive:
                awaited |= set(made)
            else:  # somebody deleted what it had made, or there was no room for it
                platform.first_contact.abandon(launch)
        return awaited

    def _launch(self, ctx: Context, platform: P, batch: Batch) -> None:
        """Make machines in their zone, else in the next one that has room for all of them."""
        spread, kind = self.zones(ctx), self.type(ctx)
        start = spread.index(self.zone)
        image, image_name = self.image(ctx, platform)
        refused: list[str] = []
        for zone in (*spread[start:], *spread[:start]):
            ctx.check_stop()
            launch = platform.first_contact.begin(batch, zone, image)
            for name in batch.names(ctx.world.plan.name):
                pinned_keys.unpin(ctx.world.directory, name)
            try:
                self.run(ctx, platform, launch)
            except CloudError as error:
                if not error.no_capacity:
                    raise
                platform.first_contact.abandon(launch)
                refused.append(zone)
                ctx.log(f"{zone} has no room for {count(batch.count, 'machine')} of type {kind}: {error.observed}")
                continue
            ctx.log(f"asked for {count(batch.count, 'machine')} of type {kind} in {zone}, from {image_name}")
            return
        section = ctx.world.plan.platform
        raise InstallerError(
            "make the machines",
            f"{platform.cloud} has no room for {count(batch.count, 'machine')} of type {kind} in {', '.join(refused)}",
            hint=f"Set {section}.{self.role}_type to another type, or {section}.zones to other zones, and resume; "
            "or resume later.",
        )

    def _wait(self, ctx: Context, platform: P, before: frozenset[str]) -> None:
        """Until every machine runs and has its addresses. Raises InstallerError if one ended that had not before."""
        listing = platform.instances

        def ready() -> tuple[bool | None, str]:
            listing.value(listing.version)
            waiting = self._waiting(ctx)
            for ended in self._ended(listing.value(), set(waiting), before):
                raise InstallerError(
                    "start the machine",
                    f"the instance {ended.id} ended: {ended.reason or f'{platform.cloud} gives no reason'}",
                    machine=ended.machine,
                    hint=f"Correct what {platform.cloud} names, then resume: Craton makes it again.",
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
        cloud_of(ctx).first_contact.forget()
        return Observation(True, "the secret of the machines' first contact is forgotten")
