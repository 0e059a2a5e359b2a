"""Durations of a rehearsal."""

from __future__ import annotations

from installer.platforms.rehearsal.simulator.pace import Pace


def test_the_same_seed_gives_the_same_durations_and_another_gives_others() -> None:
    machines = [f"demo-worker-{number}" for number in range(20)]
    first, again, other = (
        [Pace(seed=seed).seconds(6, machine, "create") for machine in machines] for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other
    assert all(4.8 <= seconds <= 7.2 for seconds in first)
    assert len(set(first)) == len(machines)


def test_speed_divides_durations() -> None:
    assert Pace(speed=10).seconds(6, "x") == Pace().seconds(6, "x") / 10
