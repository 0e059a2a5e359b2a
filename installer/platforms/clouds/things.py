"""The base of steps that make one thing: found by its name in the cluster's listing, made, completed, removed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from installer.common.errors import InstallerError
from installer.platforms.clouds.listing import Found
from installer.platforms.clouds.platform import CloudPlatform, cloud_of
from installer.steps.platform import Resource
from installer.steps.step import Context, Observation

P = TypeVar("P", bound=CloudPlatform)


@dataclass(frozen=True)
class Thing(Generic[P]):
    """One thing by kind and name. `create` makes it; `lacks` says what it misses, `complete` adds that."""

    kind: str
    name: str

    def observe(self, ctx: Context) -> Observation:
        platform = self.platform(ctx)
        found = platform.one(self.kind, self.name)
        if found is None:
            return Observation(False, f"there is no {platform.words(self.kind)} {self.name}")
        missing = self.lacks(ctx, found)
        return Observation(not missing, missing or platform.id_of(self.kind, found), remains=True)

    def apply(self, ctx: Context) -> None:
        platform = self.platform(ctx)
        platform.changed(self.kind)  # an attempt before this one may have made it, and its answer was lost
        try:
            found = platform.one(self.kind, self.name) or self.create(ctx, platform)
            self.complete(ctx, platform, found)
        finally:
            platform.changed(self.kind)

    def undo(self, ctx: Context) -> None:
        platform = self.platform(ctx)
        if found := platform.one(self.kind, self.name):
            platform.delete([Resource(self.kind, self.name, id=platform.id_of(self.kind, found))], ctx)

    def platform(self, ctx: Context) -> P:
        return cloud_of(ctx)  # type: ignore[return-value]  # a platform's steps run with that platform

    def create(self, ctx: Context, platform: P) -> Found:
        raise NotImplementedError

    def lacks(self, ctx: Context, found: Found) -> str:  # noqa: ARG002 (what a subclass looks at)
        """What is missing of its effect, in words; empty if nothing is."""
        return ""

    def complete(self, ctx: Context, platform: P, found: Found) -> None:
        """Add what may be missing; each part may be there already."""


def needed(ctx: Context, kind: str, name: str) -> str:
    """The id of a thing that an earlier step made. Raises InstallerError (retryable: it may not be listed yet)."""
    platform = cloud_of(ctx)
    found = platform.one(kind, name)
    if found is None:
        platform.changed(kind)
        raise InstallerError(
            f"find the {platform.words(kind)}",
            f"{platform.cloud} lists no {platform.words(kind)} {name}",
            hint="Resume: its step makes it.",
            retryable=True,
        )
    return platform.id_of(kind, found)
