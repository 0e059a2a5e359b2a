"""The step that makes the group with which a cloud keeps a worker pool at its size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic

from installer.plan.topology import Pool
from installer.platforms.clouds.platform import cloud_of
from installer.platforms.clouds.things import P
from installer.steps.platform import Resource
from installer.steps.step import Context, Observation

KIND = "worker-pool"
LOOK_EVERY = 5.0


@dataclass(frozen=True)
class PoolGroup(Generic[P]):
    """The group, at least as large as planned. Machines that are too many leave drained, later."""

    pool: Pool

    def observe(self, ctx: Context) -> Observation:
        platform = self.platform(ctx)
        group, found = f"{platform.words(KIND)} {self.pool.name}", platform.kept()
        if found is None:
            return Observation(False, f"there is no {group}")
        if found.going:
            return Observation(False, f"the {group} is being deleted", remains=True)
        lacks = self.lacks(ctx, platform)
        holds = found.size >= self.pool.count and not lacks
        return Observation(holds, lacks or f"it keeps {found.size} machines", remains=True)

    def apply(self, ctx: Context) -> None:
        platform = self.platform(ctx)

        def settled() -> tuple[bool | None, str]:
            found = platform.kept()
            return (None, "it is being deleted") if found and found.going else (True, "it is gone, or stays")

        ctx.wait_until(f"an earlier {platform.words(KIND)} {self.pool.name} to go", settled, LOOK_EVERY)
        found = platform.kept()
        if found is None:
            self.create(ctx, platform)
            return
        self.correct(ctx, platform)
        if found.size < self.pool.count:
            platform.resize_pool(self.pool.count)

    def undo(self, ctx: Context) -> None:
        self.platform(ctx).delete([Resource(KIND, self.pool.name, id=self.pool.name)], ctx)

    def platform(self, ctx: Context) -> P:
        return cloud_of(ctx)  # type: ignore[return-value]  # a platform's steps run with that platform

    def create(self, ctx: Context, platform: P) -> None:
        """Make the group; no error if an attempt before this one did."""
        raise NotImplementedError

    def lacks(self, ctx: Context, platform: P) -> str:  # noqa: ARG002 (what a subclass looks at)
        """What of the group isn't as planned besides its size, in words; empty if nothing."""
        return ""

    def correct(self, ctx: Context, platform: P) -> None:
        """Correct that."""
