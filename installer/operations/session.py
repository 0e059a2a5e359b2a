"""Opens a cluster's platform and connections for one piece of work, and closes them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from installer.common.paths import ClusterDirectory
from installer.steps.platform import RunOptions

if TYPE_CHECKING:
    from installer.engine.context import Stop
    from installer.plan.model import InstallPlan
    from installer.steps.world import World

_ENDING = 2.0
"""Seconds that commands on machines have to end by themselves once a run is to stop."""


def _artifacts(options: RunOptions | None) -> Path | None:
    return Path(options.artifacts) if options and options.artifacts else None


@contextmanager
def open_world(
    plan: InstallPlan, directory: ClusterDirectory, options: RunOptions | None = None, stop: Stop | None = None
) -> Iterator[World]:
    """The cluster's outside for one piece of work; without `options` nothing about the platform is changed.

    Once a `stop` is requested, commands on machines have some seconds to end; then they are ended.
    """
    from installer.plan.topology import topology
    from installer.platforms import open_platform
    from installer.ssh.connections import SSHConnections
    from installer.steps.world import World

    platform = open_platform(plan, options)
    connections = SSHConnections(platform.endpoint, directory)
    world = World(plan, topology(plan), directory, platform, connections, artifacts=_artifacts(options))
    if stop is not None:
        timer = threading.Timer(_ENDING, connections.end_commands)
        timer.daemon = True
        stop.listen(timer.start)
    try:
        yield world
    finally:
        world.close()
