"""Which machine an instance is, and which machines one request makes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from installer.plan.rules import Role
from installer.plan.topology import topology
from installer.platforms.aws.names import BATCH, CLUSTER, ROLE, machine_name
from installer.platforms.clouds.batches import MOST_AT_ONCE, batches, planned
from tests.installer.platforms.aws.plans import plan


@given(st.sets(st.integers(1, 2000), max_size=60), st.integers(1, 4))
def test_batches_make_exactly_the_machines_asked_for(numbers: set[int], stride: int) -> None:
    made = [number for batch in batches(Role.WORKER, numbers, stride) for number in batch.numbers]
    assert sorted(made) == sorted(numbers)


def test_a_role_of_a_zone_is_one_batch_up_to_what_a_request_takes() -> None:
    machines = topology(plan(workers=1000)).of_role(Role.WORKER)
    by_zone = planned(machines, ("a", "b", "c"))
    assert {zone: len(those) for zone, those in by_zone.items()} == {"a": 334, "b": 333, "c": 333}
    for those in by_zone.values():
        assert len(list(batches(Role.WORKER, [one.number for one in those], 3))) == 1
    assert [one.count for one in batches(Role.WORKER, range(1, 1200), 1)] == [MOST_AT_ONCE, MOST_AT_ONCE, 199]


def test_an_instance_is_the_machine_that_its_batch_and_its_index_say() -> None:
    (batch,) = batches(Role.WORKER, [2, 5, 8], 3)
    tags = {CLUSTER: "demo", ROLE: "worker", BATCH: batch.tag}
    assert [machine_name(tags, index) for index in range(4)] == [
        "demo-worker-2",
        "demo-worker-5",
        "demo-worker-8",
        None,
    ]
    assert batch.names("demo") == ("demo-worker-2", "demo-worker-5", "demo-worker-8")


@pytest.mark.parametrize(
    "tags",
    [{}, {CLUSTER: "demo"}, {CLUSTER: "demo", ROLE: "king", BATCH: "1+1x1"}, {CLUSTER: "demo", ROLE: "worker"},
     {CLUSTER: "demo", ROLE: "worker", BATCH: "1+1"}, {ROLE: "worker", BATCH: "1+1x1"}],
)  # fmt: skip
def test_an_instance_without_all_of_cratons_tags_is_no_machine(tags: dict[str, str]) -> None:
    assert machine_name(tags, 0) is None
