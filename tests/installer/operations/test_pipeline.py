"""An install's steps as a table of contents, and what a destroy makes of them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given

from installer.cluster import steps as cluster_steps
from installer.engine.events import Outcome, RunKind
from installer.engine.progress import Progress
from installer.health import steps as health_steps
from installer.node import firewall
from installer.node import steps as node_steps
from installer.operations import clusters, pipeline
from installer.plan.model import InstallPlan
from installer.plan.topology import topology
from installer.platforms import platform_steps
from installer.steps import ids
from installer.steps.step import Permanent, Phase, Step
from tests.strategies import plans, repeatable

DEMO = InstallPlan(name="demo", subdomain="example.test")


def in_order(steps: tuple[Step, ...]) -> bool:
    seen: set[str] = set()
    for step in steps:
        if not set(step.needs) <= seen:
            return False
        seen.add(step.id)
    return True


def test_steps_follow_the_phases_that_a_person_follows() -> None:
    phases = [step.phase for step in pipeline.install_steps(DEMO)]
    assert phases == sorted(phases, key=list(Phase).index)
    assert set(phases) == set(Phase) - {Phase.LEAVE, Phase.UPGRADE, Phase.RENEW}


def test_the_same_plan_gives_the_same_steps() -> None:
    assert pipeline.install_steps(DEMO) == pipeline.install_steps(DEMO)


def test_a_cluster_whose_certificate_needs_its_published_names_can_be_removed_again() -> None:
    dns = {"provider": "rfc2136", "server": "192.0.2.53", "key_name": "craton", "key_file": "~/key"}
    plan = InstallPlan.model_validate(
        {
            "name": "demo",
            "subdomain": "example.test",
            "platform": "local",
            "dns": dns,
            "certificate": {"source": "acme"},
        }
    )
    steps = pipeline.install_steps(plan)
    assert in_order(steps)
    assert in_order(pipeline.destroy_steps(plan))
    assert "ingress/certificate" in {step.id for step in steps if ids.published(plan.console_host) in step.needs}


@repeatable
@given(plans())
def test_every_plans_steps_can_be_run_and_undone(plan: InstallPlan) -> None:
    steps, undone = pipeline.install_steps(plan), pipeline.destroy_steps(plan)
    assert in_order(steps)
    assert in_order(undone)
    assert {step.id for step in undone if not step.id.startswith("destroy/")} == {
        step.id for step in steps if not isinstance(step.action, Permanent)
    }
    machines = {step.machine for step in steps if step.machine}
    for phase in (Phase.MACHINES, Phase.CONNECT, Phase.PREPARE, Phase.VERIFY):
        assert {step.machine for step in steps if step.phase is phase and step.machine} == machines


def test_a_destroy_takes_machines_before_the_place_they_stand_in_and_looks_again_last() -> None:
    steps = {step.id: step for step in pipeline.destroy_steps(DEMO)}

    def below(id: str) -> set[str]:
        return {id}.union(*(below(need) for need in steps[id].needs)) if steps[id].needs else {id}

    assert "network/site" in below("machines/create/demo-worker-1")
    assert all(ids.NOTHING_LEFT in below(id) for id in steps)
    assert all(ids.SWEEP in below(id) for id in steps if id != ids.NOTHING_LEFT)
    assert below(ids.OTHER_MACHINES) == set(steps)


@repeatable
@given(plans())
def test_steps_are_built_without_any_address(plan: InstallPlan) -> None:
    shape = topology(plan)
    balancer = shape.load_balancer and replace(shape.load_balancer, address=None)
    unlocated = replace(
        shape, machines=tuple(replace(machine, address=None) for machine in shape.machines), load_balancer=balancer
    )
    built = (
        *platform_steps(plan, unlocated),
        *node_steps.steps(plan, unlocated),
        *firewall.steps(plan, unlocated),
        *cluster_steps.steps(plan, unlocated),
        *health_steps.steps(plan, unlocated),
    )
    assert {step.id for step in built} == {step.id for step in pipeline.install_steps(plan)}


@pytest.mark.parametrize(
    ("kind", "outcome", "running", "word"),
    [
        (RunKind.INSTALL, None, True, "installing"),
        (RunKind.INSTALL, Outcome.DONE, False, "installed"),
        (RunKind.INSTALL, Outcome.FAILED, False, "failed"),
        (RunKind.INSTALL, Outcome.STOPPED, False, "interrupted"),
        (RunKind.INSTALL, None, False, "interrupted"),
        (RunKind.UPGRADE, None, True, "upgrading"),
        (RunKind.UPGRADE, Outcome.DONE, False, "installed"),
        (RunKind.UPGRADE, None, False, "interrupted"),
        (RunKind.REMOVE, None, True, "removing"),
        (RunKind.REMOVE, Outcome.DONE, False, "installed"),
        (RunKind.REMOVE, Outcome.FAILED, False, "failed"),
        (RunKind.DESTROY, None, True, "destroying"),
        (RunKind.DESTROY, Outcome.FAILED, False, "partly destroyed"),
    ],
)
def test_a_clusters_state_is_one_word(kind: RunKind, outcome: Outcome | None, running: bool, word: str) -> None:
    assert clusters.cluster_state(Progress({}, kind=kind, outcome=outcome, started=1.0), running=running) == word
