"""Engines that are killed at a few seeded points of each world; `make crash` tries every point."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from tests.bench import crash_clouds, crash_pools, crash_story, crash_worlds
from tests.bench.crash_restore import every_point
from tests.doubles.story_player import Player, story_player
from tests.patience import PATIENCE


@pytest.fixture(scope="module")
def forking() -> Iterator[Player]:
    """Plays stories that fork the process which plays them: it must have one thread."""
    with story_player() as player:
        yield player


@pytest.fixture(scope="module")
def clouds() -> Iterator[Player]:
    with story_player() as player:
        yield player


@pytest.mark.parametrize(("world", "share", "seed"), [("rehearsal", 0.01, 3), ("cloud", 0.01, 1)])
def test_nothing_is_made_twice_left_or_lost(forking: Player, world: str, share: float, seed: int) -> None:
    found = forking.play(partial(crash_story.play, getattr(crash_worlds, world), share, seed))
    assert found.points > 0
    assert found.faults == []


@pytest.mark.needs("low ports")
@pytest.mark.parametrize("cloud", ["aws", "gcp"])
def test_a_clouds_call_around_which_an_engine_is_killed_makes_no_twin_and_leaves_nothing(
    clouds: Player, cloud: str
) -> None:
    found = clouds.play(partial(crash_clouds.every_call, cloud, balancer=False, share=0.03, seed=1))
    assert found.points > 0
    assert found.faults == []


@pytest.mark.needs("low ports")
def test_a_pool_whose_machines_are_being_replaced_or_removed_goes_on_where_an_engine_was_killed(
    clouds: Player,
) -> None:
    """Before and after a machine is ended, in an upgrade and as the pool shrinks."""
    story = partial(crash_pools.every_call, "aws", about="terminate_instance_in")
    found = clouds.play(story, 3 * PATIENCE)  # whole installs
    assert found.points == 4
    assert found.faults == []


def test_a_restore_of_etcd_that_is_interrupted_at_any_command_is_completed_by_the_same_command() -> None:
    found = every_point()
    assert found.points > 20
    assert found.lost == []
