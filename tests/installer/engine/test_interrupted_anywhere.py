"""Engines that are killed at a few seeded points of each world; `make crash` tries every point."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.bench.crash_restore import every_point
from tests.patience import PATIENCE

PLAY = """
import sys
from tests.bench import crash_story, crash_worlds
found = crash_story.play(getattr(crash_worlds, sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))
print(found.points, found.faults)
"""
CALL = """
import sys
from tests.bench import crash_clouds
found = crash_clouds.every_call(sys.argv[1], False, float(sys.argv[2]), int(sys.argv[3]))
print(found.points, found.faults)
"""
POOL = """
import sys
from tests.bench import crash_pools
found = crash_pools.every_call("aws", float(sys.argv[2]), int(sys.argv[3]), sys.argv[1])
print(found.points, found.faults)
"""


def played(story: str, world: str, share: float, seed: int, patience: float = PATIENCE) -> tuple[int, str]:
    """How many points were tried, and the faults. In a process of its own: what is forked must have one thread."""
    command = [sys.executable, "-c", story, world, str(share), str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=patience, check=False)
    assert done.returncode == 0, done.stderr
    tried, _, faults = done.stdout.splitlines()[-1].partition(" ")
    return int(tried), faults


@pytest.mark.parametrize(("world", "share", "seed"), [("rehearsal", 0.01, 3), ("cloud", 0.01, 1)])
def test_nothing_is_made_twice_left_or_lost(world: str, share: float, seed: int) -> None:
    tried, faults = played(PLAY, world, share, seed)
    assert tried > 0
    assert faults == "[]"


@pytest.mark.needs("low ports")
@pytest.mark.parametrize(("cloud", "seed"), [("aws", 1), ("gcp", 1)])
def test_a_clouds_call_around_which_an_engine_is_killed_makes_no_twin_and_leaves_nothing(cloud: str, seed: int) -> None:
    tried, faults = played(CALL, cloud, 0.03, seed)
    assert tried > 0
    assert faults == "[]"


@pytest.mark.needs("low ports")
def test_a_pool_whose_machines_are_being_replaced_or_removed_goes_on_where_an_engine_was_killed() -> None:
    """Before and after a machine is ended, in an upgrade and as the pool shrinks."""
    tried, faults = played(POOL, "terminate_instance_in", 1.0, 0, 3 * PATIENCE)  # whole installs
    assert tried == 4
    assert faults == "[]"


def test_a_restore_of_etcd_that_is_interrupted_at_any_command_is_completed_by_the_same_command() -> None:
    found = every_point()
    assert found.points > 20
    assert found.lost == []
