"""The order in which machines are upgraded, and in which they leave."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from installer.cluster.drain import is_drained
from installer.common.errors import InstallerError
from installer.operations import pipeline
from installer.plan.model import InstallPlan
from installer.plan.rules import Role
from installer.plan.topology import topology
from installer.steps.step import Phase, Step, ordered
from tests.strategies import examples, plans

DEMO = InstallPlan.model_validate(
    {"name": "demo", "subdomain": "example.test", "masters": 3, "workers": 2, "kubernetes": "v1.36.2"}
)


def titles(steps: tuple[Step, ...], phase: Phase) -> list[str]:
    return [step.title for step in steps if step.phase is phase]


def behind(steps: tuple[Step, ...], id: str) -> set[str]:
    """All that comes after a step."""
    after = {id}
    for step in steps:
        if after & set(step.needs):
            after.add(step.id)
    return after - {id}


def test_an_upgrade_reads_as_what_is_done_in_order() -> None:
    found = titles(pipeline.upgrade_steps(DEMO, "v1.35.6"), Phase.UPGRADE)
    assert found[:7] == [*(f"look what demo-{name} runs" for name in (
        "master-1", "master-2", "master-3", "infra-1", "worker-1", "worker-2",
    )), "check that demo is healthy before it goes from v1.35.6 to v1.36.2"]  # fmt: skip
    assert found[7] == "bring the images of v1.36.2 to demo-master-1"
    assert found[13:18] == [
        "save the plan of demo with v1.36.2",
        "upgrade the control plane on demo-master-1 to v1.36.2",
        "bring the kubelet v1.36.2 to demo-master-1",
        "see demo-master-1 Ready with v1.36.2, and in service again",
        "approve the certificate of demo-master-1's kubelet",
    ]
    assert found[-5:] == [
        "upgrade the kubelet's configuration on demo-worker-2 to v1.36.2",
        "drain demo-worker-2",
        "bring the kubelet v1.36.2 to demo-worker-2",
        "see demo-worker-2 Ready with v1.36.2, and in service again",
        "approve the certificate of demo-worker-2's kubelet",
    ]


def test_each_machine_waits_until_the_one_before_it_is_back_and_the_proofs_come_last() -> None:
    steps = pipeline.upgrade_steps(DEMO, "v1.35.6")
    names = [machine.name for machine in topology(DEMO).machines]
    for one, other in pairwise(names):
        assert f"upgrade/kubeadm/{other}" in behind(steps, f"upgrade/back/{one}")
    assert "verify/contract" in behind(steps, f"upgrade/back/{names[-1]}")
    installed = {step.id for step in pipeline.install_steps(DEMO)}
    assert installed <= {step.id for step in steps}
    assert installed <= behind(steps, "upgrade/check")


def test_every_node_has_the_images_of_the_release_before_anything_is_upgraded() -> None:
    steps = {step.id: step for step in pipeline.upgrade_steps(DEMO, "v1.35.6")}
    brought = {f"upgrade/images/{machine.name}" for machine in topology(DEMO).machines}
    assert set(steps["upgrade/plan"].needs) == brought
    assert all(steps[id].needs == ("upgrade/check",) for id in brought), "in parallel"


def test_an_upgrade_that_touched_nothing_yet_is_an_install() -> None:
    assert pipeline.upgrade_steps(DEMO, "v1.36.2") == pipeline.install_steps(DEMO)


@pytest.mark.parametrize(
    ("fields", "drained"),
    [
        ({}, {"worker-1", "worker-2"}),
        ({"workers": 1, "ingress": {"kind": "infra", "infra": 2}}, {"infra-1", "infra-2"}),
        ({"schedulable_masters": True, "workers": 0}, {"master-1", "master-2", "master-3"}),
        ({"schedulable_masters": True, "masters": 1, "workers": 0}, set()),
    ],
)
def test_a_machine_is_drained_where_its_pods_have_another_of_its_role_to_go_to(
    fields: dict[str, object], drained: set[str]
) -> None:
    shape = topology(InstallPlan.model_validate({**DEMO.model_dump(mode="json", exclude_none=True), **fields}))
    found = {machine.name for machine in shape.machines if is_drained(shape, machine)}
    assert found == {f"demo-{name}" for name in drained}


def test_a_removal_reads_as_what_is_done_in_order() -> None:
    plan = InstallPlan.model_validate({**DEMO.model_dump(mode="json", exclude_none=True), "platform": "local"})
    steps = pipeline.removal_steps(plan, ["demo-master-3", "demo-worker-2", "demo-master-2"])
    assert titles(steps, Phase.LEAVE) == [
        "check that demo can do without demo-worker-2, demo-master-3, demo-master-2",
        "drain demo-worker-2",
        "reset demo-worker-2",
        "delete the node demo-worker-2",
        "undo: create demo-worker-2",
        "remove whatever else belongs to demo-worker-2",
        "drain demo-master-3",
        "take demo-master-3 out of etcd",
        "reset demo-master-3",
        "delete the node demo-master-3",
        "undo: create demo-master-3",
        "remove whatever else belongs to demo-master-3",
        "drain demo-master-2",
        "take demo-master-2 out of etcd",
        "reset demo-master-2",
        "delete the node demo-master-2",
        "undo: create demo-master-2",
        "remove whatever else belongs to demo-master-2",
        "save the plan of demo without demo-worker-2, demo-master-3, demo-master-2",
    ]


def test_what_was_installed_on_own_machines_is_undone_in_reverse() -> None:
    inventory = [{"address": f"10.0.0.{number}"} for number in range(1, 5)]
    plan = InstallPlan.model_validate(
        {
            "name": "demo", "subdomain": "example.test", "platform": "machines", "masters": 1, "workers": 2,
            "machines": {"inventory": inventory, "firewall": True},
        }
    )  # fmt: skip
    steps = pipeline.removal_steps(plan, ["demo-worker-2"])
    assert [step.id for step in steps if step.id.startswith("leave/undo/")] == [
        "leave/undo/firewall/demo-worker-2",
        "leave/undo/prepare/demo-worker-2",
        "leave/undo/machines/create/demo-worker-2",
    ]


def test_machines_that_have_left_are_passed_over_and_a_begun_upgrade_goes_on_with_the_others() -> None:
    steps = pipeline.removal_steps(DEMO, ["demo-worker-3"], before="v1.35.6")
    assert steps == pipeline.upgrade_steps(DEMO, "v1.35.6")
    both = pipeline.removal_steps(DEMO, ["demo-worker-2"], before="v1.35.6")
    assert "upgrade/kubeadm/demo-master-1" in behind(both, "leave/plan")
    assert "upgrade/kubeadm/demo-worker-2" not in {step.id for step in both}


def test_what_cannot_leave_is_refused_before_any_step() -> None:
    with pytest.raises(InstallerError, match="cannot go"):
        pipeline.removal_steps(DEMO, ["demo-worker-1"])


@examples(15)
@given(plan=plans(), data=st.data())
def test_the_steps_of_any_change_of_any_plan_have_an_order(plan: InstallPlan, data: st.DataObject) -> None:
    upgrade = pipeline.upgrade_steps(plan, "v1.33.0")
    assert ordered(upgrade)
    phases = [step.phase for step in upgrade]
    assert phases == sorted(phases, key=list(Phase).index)
    workers = [machine.name for machine in topology(plan).of_role(Role.WORKER)]
    spare = max(0, len(workers) - (0 if plan.schedulable_masters else 1))
    leaving = data.draw(st.integers(0, min(spare, 3)))
    if leaving:
        removal = pipeline.removal_steps(plan, workers[-leaving:])
        assert ordered(removal)
        kept = [step for step in removal if step.phase is not Phase.LEAVE]
        assert not {step.machine for step in kept} & set(workers[-leaving:])
        assert {step.id for step in kept} <= behind(removal, "leave/check")
