"""The base of steps that make one thing: found by its name in the cluster's listing, made, completed, removed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from installer.common.errors import InstallerError
from installer.platforms.aws import names, removal
from installer.platforms.aws.listing import EC2, Found
from installer.platforms.aws.platform import AwsPlatform, platform_of
from installer.steps.platform import Resource
from installer.steps.step import Context, Observation


@dataclass(frozen=True)
class Thing:
    """One thing of EC2 by kind and name. `create` makes it; `lacks` says what it misses, `complete` adds that."""

    kind: str
    name: str

    def observe(self, ctx: Context) -> Observation:
        found = platform_of(ctx).listing.one(self.kind, self.name)
        if found is None:
            return Observation(False, f"there is no {words(self.kind)} {self.name}")
        missing = self.lacks(ctx, found)
        return Observation(not missing, missing or str(found[EC2[self.kind].id]), remains=True)

    def apply(self, ctx: Context) -> None:
        platform = platform_of(ctx)
        platform.listing.changed(self.kind)  # an attempt before this one may have made it, and its answer was lost
        found = platform.listing.one(self.kind, self.name) or self.create(ctx, platform)
        try:
            self.complete(ctx, platform, found)
        finally:
            platform.listing.changed(self.kind)

    def undo(self, ctx: Context) -> None:
        platform = platform_of(ctx)
        if found := platform.listing.one(self.kind, self.name):
            resource = Resource(self.kind, self.name, id=str(found[EC2[self.kind].id]))
            removal.remove(platform.account, platform.listing, ctx.world.plan, [resource], ctx)

    def create(self, ctx: Context, platform: AwsPlatform) -> Found:
        raise NotImplementedError

    def lacks(self, ctx: Context, found: Found) -> str:  # noqa: ARG002 (what a subclass looks at)
        """What is missing of its effect, in words; empty if nothing is."""
        return ""

    def complete(self, ctx: Context, platform: AwsPlatform, found: Found) -> None:
        """Add what may be missing; each part may be there already."""

    def tagged(self, ctx: Context, type: str) -> list[dict[str, Any]]:
        """The specification of its tags, as EC2's requests take it."""
        return [{"ResourceType": type, "Tags": names.tags(ctx.world.plan, self.name)}]


def words(kind: str) -> str:
    """A kind as people read it."""
    return {"vpc": "VPC", "gateway": "internet gateway", "address": "elastic address"}.get(kind, kind.replace("-", " "))


def needed(ctx: Context, kind: str, name: str) -> str:
    """The id of a thing that an earlier step made. Raises InstallerError (retryable: it may not be listed yet)."""
    found = platform_of(ctx).listing.one(kind, name)
    if found is None:
        platform_of(ctx).listing.changed(kind)
        raise InstallerError(
            f"find the {words(kind)}",
            f"AWS lists no {words(kind)} {name}",
            hint="Resume: its step makes it.",
            retryable=True,
        )
    return str(found[EC2[kind].id])
