"""What becomes of a plan when machines are added or removed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from installer.common.errors import ExitCode, InstallerError
from installer.plan import resize
from installer.plan.changes import Risk, changes
from installer.plan.host import Host
from installer.plan.model import InstallPlan
from installer.plan.topology import hosts, topology
from tests.strategies import repeatable

DEMO = InstallPlan.model_validate({"name": "demo", "subdomain": "example.test", "masters": 3, "workers": 3})

BALANCED = InstallPlan.model_validate(
    {"name": "demo", "subdomain": "example.test", "ingress": {"kind": "load-balancer"}, "workers": 3}
)


def own(*inventory: dict[str, Any], masters: int = 1, workers: int | None = None) -> InstallPlan:
    return InstallPlan.model_validate(
        {
            "name": "demo", "subdomain": "example.test", "platform": "machines", "masters": masters,
            "workers": len(inventory) - masters - 1 if workers is None else workers,
            "machines": {"inventory": list(inventory)},
        }
    )  # fmt: skip


def at(number: int, **fields: Any) -> dict[str, Any]:
    return {"address": f"10.0.0.{number}", **fields}


def addresses(plan: InstallPlan) -> dict[str, str]:
    return {name.removeprefix("demo-"): str(host.node_address) for name, host in hosts(plan).items()}


def test_machines_that_join_are_numbered_on() -> None:
    grown = resize.grown(DEMO, workers=2, infra=1, masters=5)
    assert [machine.name for machine in resize.joining(DEMO, grown)] == [
        "demo-master-4", "demo-master-5", "demo-infra-2", "demo-worker-4", "demo-worker-5",
    ]  # fmt: skip
    assert all(change.risk is Risk.SAFE for change in changes(DEMO, grown))


def in_aws(workers: int, **settings: Any) -> InstallPlan:
    given = {"name": "demo", "subdomain": "example.test", "platform": "aws", "networks": {"user": "203.0.113.0/24"}}
    return InstallPlan.model_validate({**given, "workers": workers, "aws": settings})


def test_a_cluster_that_grows_beyond_the_threshold_keeps_workers_with_names() -> None:
    plan = in_aws(8, pool_above=9)
    assert resize.grown(plan, workers=1).settings == plan.settings, "it isn't beyond"
    grown = resize.grown(plan, workers=2)
    assert [machine.name for machine in resize.joining(plan, grown)] == ["demo-worker-9", "demo-worker-10"]
    assert all(change.risk is Risk.SAFE for change in changes(plan, grown))
    assert not resize.grown(grown, workers=90).worker_pool


def test_a_pool_that_shrinks_below_the_threshold_stays_one() -> None:
    plan = in_aws(9, pool_above=8)
    scaled = resize.scaled(plan, 3)
    assert scaled.worker_pool
    assert Risk.REFUSED not in {change.risk for change in changes(plan, scaled)}
    assert resize.scaled(scaled, 9).worker_pool


@pytest.mark.parametrize(
    ("plan", "asked", "words"),
    [
        (DEMO, {}, "no machine was named"),
        (DEMO, {"masters": 1}, "has 3 masters already"),
        (DEMO, {"masters": 4}, "Enter 1, 3 or 5 instead of 4"),
        (DEMO, {"infra": 100}, "infra"),
        (BALANCED, {"infra": 1}, "no infra nodes"),
        (own(at(1), at(2), at(3)), {"workers": 1}, "machines that you have"),
    ],
)
def test_what_cannot_join_is_refused_with_the_reason(plan: InstallPlan, asked: dict[str, int], words: str) -> None:
    with pytest.raises(InstallerError, match=words) as caught:
        resize.grown(plan, **asked)
    assert caught.value.exit_code is ExitCode.PLAN


def test_a_machine_of_ones_own_joins_as_a_worker_unless_it_says_otherwise() -> None:
    plan = own(at(1), at(2), at(3))
    grown = resize.with_hosts(plan, [Host(address="10.0.0.4"), Host(address="10.0.0.5", role="infra")])
    assert (grown.workers, grown.infra) == (2, 2)
    assert addresses(grown) == addresses(plan) | {"worker-2": "10.0.0.4", "infra-2": "10.0.0.5"}


def test_machines_with_and_without_a_role_keep_their_names_when_others_join() -> None:
    plan = own(at(1), at(2), at(3), at(4, role="worker"))
    assert addresses(plan)["worker-2"] == "10.0.0.3"
    grown = resize.with_hosts(plan, [Host(address="10.0.0.9")])
    assert addresses(grown) == addresses(plan) | {"worker-3": "10.0.0.9"}
    assert [(change.field, change.risk) for change in changes(plan, grown)] == [
        ("workers", Risk.SAFE),
        ("machines.inventory", Risk.SAFE),
    ]


def test_a_machine_that_is_there_already_cannot_join_again() -> None:
    with pytest.raises(InstallerError, match=r"10\.0\.0\.3"):
        resize.with_hosts(own(at(1), at(2), at(3)), [Host(address="10.0.0.3")])


def test_platforms_that_make_machines_take_none_by_name() -> None:
    with pytest.raises(InstallerError, match="makes its machines itself") as caught:
        resize.with_hosts(DEMO, [Host(address="10.0.0.3")])
    assert "--workers" in caught.value.hint


@pytest.mark.parametrize(
    ("names", "left"),
    [
        (["worker-3"], (3, 1, 2)),
        (["worker-2", "worker-3"], (3, 1, 1)),
        (["master-3", "master-2"], (1, 1, 3)),
        (["master-2", "worker-3", "master-3"], (1, 1, 2)),
    ],
)
def test_the_last_machines_of_a_role_can_leave(names: list[str], left: tuple[int, int, int]) -> None:
    smaller = resize.shrunk(DEMO, [f"demo-{name}" for name in names])
    assert (smaller.masters, smaller.infra, smaller.workers) == left
    assert {machine.name for machine in resize.joining(smaller, DEMO)} == {f"demo-{name}" for name in names}


@pytest.mark.parametrize(
    ("names", "words", "hint"),
    [
        (["worker-1"], "worker-1 cannot go while demo-worker-3 stays", "demo-worker-3, demo-worker-2, demo-worker-1"),
        (["worker-1", "worker-3"], "worker-1 cannot go while demo-worker-2 stays", "demo-worker-3"),
        (["worker-1", "worker-2", "worker-3"], "workers: You need at least one worker", ""),
        (["infra-1"], "no infra node would be left", "demo-worker-3, demo-master-3 with demo-master-2"),
        (["master-1"], "master-1 cannot go while demo-master-3 stays", "demo-master-3 with demo-master-2"),
        (["master-3"], "2 masters would be left", "demo-master-3 with demo-master-2"),
        (["master-1", "master-2", "master-3"], "the cluster began on it", "craton destroy demo"),
        ([], "no machine was named", ""),
    ],
)
def test_any_other_stays_and_those_that_can_go_are_named(names: list[str], words: str, hint: str) -> None:
    with pytest.raises(InstallerError, match=words) as caught:
        resize.shrunk(DEMO, [f"demo-{name}" for name in names])
    assert hint in caught.value.hint


ROLES = st.sampled_from([None, None, "worker"])


@repeatable
@given(given_roles=st.lists(ROLES, min_size=4, max_size=8), leaving=st.integers(1, 2))
def test_own_machines_that_stay_keep_their_names_whoever_leaves(given_roles: list[str | None], leaving: int) -> None:
    inventory = [at(1, role="master"), at(2, role="infra")]
    inventory += [at(number, **({"role": role} if role else {})) for number, role in enumerate(given_roles, 3)]
    plan = own(*inventory)
    names = [machine.name for machine in topology(plan).machines][-leaving:]
    smaller = resize.shrunk(plan, names)
    assert hosts(smaller).items() <= hosts(plan).items()
    assert set(hosts(plan)) - set(hosts(smaller)) == set(names)


def test_two_own_masters_leave_and_the_others_keep_their_names() -> None:
    plan = own(*(at(number) for number in range(1, 7)), masters=3)
    smaller = resize.shrunk(plan, ["demo-master-2", "demo-master-3"])
    assert addresses(smaller) == {
        "master-1": "10.0.0.1", "infra-1": "10.0.0.4", "worker-1": "10.0.0.5", "worker-2": "10.0.0.6",
    }  # fmt: skip
