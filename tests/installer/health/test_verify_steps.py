"""Right after an install the pod network may need a moment; the proof waits for it, and not for ever."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from installer.common.paths import ClusterDirectory
from installer.health import steps
from installer.health.reach import pairs
from installer.ssh.host_keys import pinned_keys
from installer.steps.evidence import Evidence
from installer.steps.world import World
from tests.doubles.planned_platform import PLANNED
from tests.doubles.rehearsal import StepContext
from tests.installer.health import healthy
from tests.patience import PATIENCE

MACHINE = healthy.TOPOLOGY.machine("demo-worker-1")
STANDS = healthy.evidence()[MACHINE.name]
COMES = healthy.spoiled(STANDS, "reach", STANDS.probes["reach"].output.replace("4789 open", "4789 unknown"))


class _Connections:
    def get(self, _machine: str, _deadline: float) -> None:
        return


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StepContext:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path))
    directory = ClusterDirectory.of("demo")
    pinned_keys.pin(directory, MACHINE.name, healthy.HOST_KEY)
    world = World(healthy.PLAN, healthy.TOPOLOGY, directory, PLANNED, cast(Any, _Connections()))
    return StepContext(world, PATIENCE)


def gathering(*found: Evidence, monkeypatch: pytest.MonkeyPatch) -> Iterator[Evidence]:
    """Each round trip brings the next of `found`; returns those that were not asked for."""
    left = iter(found)
    monkeypatch.setattr(steps, "gather", lambda *_: next(left))
    return left


def test_machines_that_the_overlay_does_not_lead_to_yet_are_named() -> None:
    others = [machine.name for machine in healthy.TOPOLOGY.machines if machine != MACHINE]
    assert pairs.untried(MACHINE, healthy.TOPOLOGY, STANDS) == ()
    assert list(pairs.untried(MACHINE, healthy.TOPOLOGY, COMES)) == others


def test_a_pod_network_that_comes_up_is_waited_for(context: StepContext, monkeypatch: pytest.MonkeyPatch) -> None:
    left = gathering(COMES, COMES, STANDS, monkeypatch=monkeypatch)
    assert steps.VerifyMachine(MACHINE.name).observe(context).holds
    assert context.world.evidence[MACHINE.name] is STANDS
    assert list(left) == []


def test_a_pod_network_that_does_not_come_up_is_judged_as_it_is(
    context: StepContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "_SETTLING", 0.0)
    gathering(COMES, monkeypatch=monkeypatch)
    assert steps.VerifyMachine(MACHINE.name).observe(context).holds
    assert context.world.evidence[MACHINE.name] is COMES


@pytest.mark.parametrize(
    ("early", "touched", "counts"), [(STANDS, False, True), (STANDS, True, False), (COMES, False, False)]
)
def test_what_was_gathered_at_login_counts_while_all_is_well_and_nothing_was_done(
    context: StepContext, monkeypatch: pytest.MonkeyPatch, early: Evidence, touched: bool, counts: bool
) -> None:
    newer = replace(STANDS, asked_at=time.time())
    left = gathering(newer, monkeypatch=monkeypatch)
    context.world.answers.expected, context.world.answers.touched = True, touched
    context.world.early[MACHINE.name] = early = replace(early, asked_at=time.time())
    assert steps.VerifyMachine(MACHINE.name).observe(context).holds
    assert context.world.evidence[MACHINE.name] is (early if counts else newer)
    assert list(left) == ([newer] if counts else [])


def test_what_was_gathered_long_ago_is_gathered_again(context: StepContext, monkeypatch: pytest.MonkeyPatch) -> None:
    newer = replace(STANDS, asked_at=time.time())
    gathering(newer, monkeypatch=monkeypatch)
    context.world.answers.expected = True
    context.world.early[MACHINE.name] = replace(STANDS, asked_at=time.time() - 3600)
    assert steps.VerifyMachine(MACHINE.name).observe(context).holds
    assert context.world.evidence[MACHINE.name] is newer
