"""Opens a cluster's platform and connections for one piece of work, and closes them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from installer.common.paths import ClusterDirectory
from installer.steps.platform import RunOptions

if TYPE_CHECKING:
    from installer.plan.model import InstallPlan
    from installer.steps.world import World


def _artifacts(options: RunOptions | None) -> Path | None:
    return Path(options.artifacts) if options and options.artifacts else None


@contextmanager
def open_world(plan: InstallPlan, directory: ClusterDirectory, options: RunOptions | None = None) -> Iterator[World]:
    """The cluster's outside for one piece of work; without `options` nothing about the platform is changed."""
    from installer.plan.topology import topology
    from installer.platforms import open_platform
    from installer.ssh.connections import SSHConnections
    from installer.steps.world import World

    platform = open_platform(plan, options)
    connections = SSHConnections(platform.endpoint, directory)
    world = World(plan, topology(plan), directory, platform, connections, artifacts=_artifacts(options))
    try:
        yield world
    finally:
        world.close()
