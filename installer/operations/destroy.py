"""What exists of a cluster, as its platform says: what a destroy deletes."""

from __future__ import annotations

from installer.operations.lookup import existing, load
from installer.operations.session import open_world
from installer.steps.platform import Resource


def resources(cluster: str) -> list[Resource]:
    """Everything that exists for a cluster, as its platform says."""
    directory = existing(cluster)
    with open_world(load(cluster), directory) as world:
        return world.platform.find(world.connections)
