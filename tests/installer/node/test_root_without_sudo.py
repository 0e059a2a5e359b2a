"""Root logs in to machines that have no sudo: they are checked, claimed and released all the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from installer.common.paths import ClusterDirectory
from installer.node.program import PATH, source_sum, status
from installer.plan.topology import topology
from installer.platforms.machines.steps import steps
from installer.ssh.connections import SSHConnections
from installer.ssh.keys.cluster_key import ensure_key
from installer.steps.step import Phase
from installer.steps.world import World
from tests.doubles.lan import ADDRESSES, running_lan
from tests.doubles.planned_platform import PLANNED
from tests.doubles.rehearsal import StepContext

_WITHOUT_SUDO = f"""
rmdir {PATH}
rm /usr/local/bin/sudo
for sudo in /usr/bin/sudo /bin/sudo; do [ ! -e "$sudo" ] || mount --bind /dev/null "$sudo"; done
! command -v sudo
"""


class _Context(StepContext):
    """Remembers nothing of what is published."""

    def publish(self, topic: str, data: dict[str, Any]) -> None:
        return


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with running_lan(tmp_path) as lan:
        directory = ClusterDirectory(tmp_path / "clusters" / "demo")
        lan.machines.authorize(ensure_key(directory))
        for machine in ADDRESSES:
            lan.machines.run(machine, "sh", "-euc", _WITHOUT_SUDO)
        with closing(SSHConnections(lan.machines.endpoint, directory)) as connections:
            yield World(lan.plan, topology(lan.plan), directory, PLANNED, connections)


def test_root_needs_no_sudo_for_anything(world: World) -> None:
    ctx = _Context(world, 120)
    taken = [step for step in steps(world.plan, world.topology) if step.phase in (Phase.CHECK, Phase.MACHINES)]
    for step in taken:
        if not step.action.observe(ctx).holds:
            step.action.apply(ctx)
        assert step.action.observe(ctx).holds, step.id
    for machine in ADDRESSES:
        said = status(ctx, machine)
        assert said["program"] == source_sum()
        assert said["claim"] == f"demo/{machine}"
    for step in reversed(taken):
        if step.phase is Phase.MACHINES:
            step.action.undo(ctx)
            assert not step.action.observe(ctx).holds
