"""The security groups, one for each role, and the contract's rules in them."""

from __future__ import annotations

from dataclasses import dataclass

from installer.accounts.aws.errors import AwsError
from installer.plan.rules import Role
from installer.plan.topology import FirewallRule
from installer.platforms.aws.names import group_name, specified
from installer.platforms.aws.network import vpc_id
from installer.platforms.aws.platform import AwsPlatform, platform_of
from installer.platforms.aws.security_groups import MOST_RULES, known, permission, read
from installer.platforms.clouds.firewall import Opening, openings
from installer.platforms.clouds.listing import Found
from installer.platforms.clouds.things import Thing, needed
from installer.steps.step import Context, Observation, Permanent


@dataclass(frozen=True)
class Group(Thing[AwsPlatform]):
    """A role's security group, still without rules: they name other groups."""

    def create(self, ctx: Context, platform: AwsPlatform) -> Found:
        try:
            made: Found = platform.account.ask(
                "ec2",
                "create_security_group",
                GroupName=self.name,
                Description=f"Craton: {self.name}",
                VpcId=vpc_id(ctx),
                TagSpecifications=specified(ctx.world.plan, self.name, "security-group"),
            )
        except AwsError as error:
            if error.exists:  # made, and not listed yet
                error.retryable = True
            raise
        return made


@dataclass(frozen=True)
class Rules(Permanent):
    """The contract's inbound rules of one role. They go with their group."""

    role: Role
    firewall: tuple[FirewallRule, ...]

    def observe(self, ctx: Context) -> Observation:
        found = platform_of(ctx).listing.one("security-group", group_name(ctx.world.plan.name, self.role))
        if found is None:
            return Observation(False, "its security group doesn't exist")
        wanted, have = self._compared(ctx, found)
        missing, stale = _differences(wanted, have)
        if missing or stale:
            return Observation(False, f"{len(missing)} rules missing, {len(stale)} no longer wanted")
        return Observation(True, f"{len(wanted)} rules in {found['GroupId']}")

    def apply(self, ctx: Context) -> None:
        platform, name = platform_of(ctx), group_name(ctx.world.plan.name, self.role)
        platform.listing.changed("security-group")
        group = needed(ctx, "security-group", name)
        wanted, have = self._compared(ctx, platform.listing.one("security-group", name) or {})
        if len(wanted) > MOST_RULES:
            ctx.log(f"{len(wanted)} rules: AWS lets a group have {MOST_RULES} unless the quota was raised")
        missing, stale = _differences(wanted, have)
        try:
            for operation, those in (("authorize", missing), ("revoke", stale)):
                if those:
                    permissions = [permission(opening) for opening in those]
                    platform.account.ask(
                        "ec2", f"{operation}_security_group_ingress", GroupId=group, IpPermissions=permissions
                    )
        except AwsError as error:
            if error.exists:
                error.retryable = True  # some of them are there by now: look again
            raise
        finally:
            platform.listing.changed("security-group")

    def _compared(self, ctx: Context, found: Found) -> tuple[tuple[Opening, ...], list[Opening]]:
        """What the contract asks for, and what of it, or of an earlier plan, is there. Others' rules are left alone."""
        have = [opening for opening in read(found.get("IpPermissions") or ()) if opening.rules]
        return openings(self.firewall, known(ctx.world.plan, platform_of(ctx).groups())), have


def _differences(wanted: tuple[Opening, ...], have: list[Opening]) -> tuple[list[Opening], list[Opening]]:
    """What is to be opened, and what is to be closed."""
    there, same = ({(one.traffic, one.source) for one in those} for those in (have, wanted))
    missing = [one for one in wanted if (one.traffic, one.source) not in there]
    return missing, [one for one in have if (one.traffic, one.source) not in same]
