"""The platform `local` as a user runs it: install, faults, kills, destroy. Kubernetes' own programs are stand-ins."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from installer.common.errors import ExitCode
from installer.engine.events import StepState
from installer.engine.journal import Reader
from installer.plan import planfile
from installer.platforms.local import machine
from installer.steps.step import Phase
from tests.bench.crash import Stage, local, story
from tests.doubles.machines import greets, the_engine
from tests.patience import eventually


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with local(tmp_path / "user") as made:
        try:
            yield made
        finally:
            made.user.end_everything()
            made.user.run("destroy", made.plan.name, "--yes", expect=None)


def port(name: str) -> int:
    found = machine.find(the_engine(), name)
    assert found is not None
    assert found.port is not None
    return found.port


def test_an_install_comes_as_far_as_kubeadm_and_faults_are_real_and_destroy_leaves_nothing(stage: Stage) -> None:
    user, name = stage.user, stage.plan.name
    path = user.directory / "plan.yaml"
    planfile.save(path, stage.plan)
    done = user.run("apply", str(path), "--yes", "--plain", expect=ExitCode.CLUSTER)
    assert "kubeadm init failed" in done.stdout
    with Reader(stage.directory.journal) as reader:
        steps = [step for step in reader.steps() if step.phase in (Phase.MACHINES, Phase.CONNECT, Phase.PREPARE)]
    assert {step.state for step in steps} == {StepState.DONE}
    assert {f"firewall/{name}-worker-1", f"prepare/{name}-worker-1"} <= {step.id for step in steps}
    assert user.run("ssh", name, "worker-1", "hostname").stdout.strip() == f"{name}-worker-1"
    worker = f"{name}-worker-1"
    for fault in ("stop", "pause", "partition"):
        before = port(worker)
        user.run("local", fault, name, "worker-1")
        assert not greets(before), fault
        user.run("local", "start", name, "worker-1")
        eventually(lambda: greets(port(worker)), f"SSH after {fault}")
    refused = user.run("local", "stop", name, "worker-9", expect=ExitCode.USAGE)
    assert f"its machines: {name}-infra-1, {name}-master-1, {worker}" in refused.stderr
    for fault, short in (("stop", "worker-1"), ("pause", "infra-1"), ("partition", "master-1")):
        user.run("local", fault, name, short)
    user.run("destroy", name, "--yes")
    assert stage.remains() == []
    assert not stage.directory.path.exists()


def test_engines_that_are_killed_leave_no_twin_and_no_orphan_and_lose_nothing(stage: Stage) -> None:
    toll = story(stage, random.Random(7), kills=2)
    assert (toll.twins, toll.orphans, toll.lost) == ([], [], [])
    assert toll.kills > 0


def test_pruning_takes_the_cache_away_and_no_image_that_is_in_use(stage: Stage) -> None:
    user = stage.user
    (user.home / "local").unlink()  # the cache that tests share is not this user's
    (user.home / "local").mkdir()
    archive = user.home / "local" / "machine-0123456789ab.tar"
    archive.touch()
    assert user.run("local", "prune").stdout == f"removed {archive}\n"
    assert user.run("local", "prune").stdout == "nothing to remove\n"
