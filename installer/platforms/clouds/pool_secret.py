"""The step that puts what a worker pool's machines run into a secret, which they alone may read."""

from __future__ import annotations

from dataclasses import dataclass

from installer.common.errors import InstallerError
from installer.plan.topology import Pool
from installer.platforms.clouds.platform import CloudPlatform, cloud_of
from installer.platforms.clouds.pool_bundle import Held, bundle, bundle_sum
from installer.steps.platform import Resource
from installer.steps.step import Context, Observation

_LOOK_EVERY = 5.0


@dataclass(frozen=True)
class Secret:
    """The secret with the pool's bundle. An invitation joins it later, for as long as machines are awaited."""

    pool: Pool

    def observe(self, ctx: Context) -> Observation:
        found = cloud_of(ctx).held()
        if found is None:
            return Observation(False, "there is no secret for the pool")
        try:
            holds = bundle_sum(found.bundle) == bundle_sum(bundle(ctx.world.plan, ctx.world.topology, self.pool))
        except InstallerError as error:  # a destroy looks here when no master may be left
            return Observation(False, error.observed, remains=True)
        return Observation(
            holds, "it has the pool's bundle" if holds else "its bundle is of another plan", remains=True
        )

    def apply(self, ctx: Context) -> None:
        keep(ctx, cloud_of(ctx), Held(bundle(ctx.world.plan, ctx.world.topology, self.pool)))

    def undo(self, ctx: Context) -> None:
        platform = cloud_of(ctx)
        platform.delete([Resource("secret", platform.secret, id=platform.secret)], ctx)


def keep(ctx: Context, platform: CloudPlatform, held: Held) -> None:
    """Write the secret, as soon as the cloud lets anybody write it."""

    def attempt() -> tuple[bool | None, str]:
        waiting = platform.hold(held)
        return (None, waiting) if waiting else (True, "written")

    ctx.wait_until("the pool's secret to be writable", attempt, _LOOK_EVERY)
