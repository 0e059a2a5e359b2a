"""The platform `local` as a user runs it: install, faults, kills, destroy. Kubernetes' own programs are stand-ins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from installer.common.errors import ExitCode
from installer.common.paths import ClusterDirectory
from installer.engine.events import StepState
from installer.engine.journal import Reader
from installer.plan import planfile
from installer.plan.model import InstallPlan
from installer.platforms.local import machine
from installer.steps.step import Phase
from tests.bench import crash_story, crash_worlds
from tests.craton import Craton
from tests.doubles.local import bridge_mirror, local_plan, traces
from tests.doubles.machines import CACHE, greets, machine_image, the_engine
from tests.doubles.story_player import story_player
from tests.patience import eventually

pytestmark = pytest.mark.waits


@dataclass(frozen=True)
class Stage:
    """Real machines on this computer, of the image that all tests share, and a user who has them made."""

    user: Craton
    plan: InstallPlan

    @property
    def directory(self) -> ClusterDirectory:
        return ClusterDirectory(self.user.home / "clusters" / self.plan.name)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    user = Craton(tmp_path / "user")
    (user.directory / "home").mkdir(parents=True)
    user.home.mkdir(mode=0o700)
    (user.home / "local").symlink_to(CACHE)
    machine_image()
    with bridge_mirror(local_plan(masters=1, workers=1)) as (_, plan):
        try:
            yield Stage(user, plan)
        finally:
            user.end_everything()
            user.run("destroy", plan.name, "--yes", expect=None)


def port(name: str) -> int:
    found = machine.find(the_engine(), name)
    assert found is not None
    assert found.port is not None
    return found.port


def test_an_install_comes_as_far_as_the_control_plane_and_faults_are_real_and_destroy_leaves_nothing(
    stage: Stage,
) -> None:
    user, name = stage.user, stage.plan.name
    path = user.directory / "plan.yaml"
    planfile.save(path, stage.plan)
    done = user.run("apply", str(path), "--yes", "--plain", expect=ExitCode.CLUSTER)
    assert "craton-node init: exit status 1" in done.stdout, done.stdout  # no image comes from this mirror
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
    assert traces(stage.plan.name) == []
    assert not stage.directory.path.exists()


def test_engines_that_are_killed_leave_no_twin_and_no_orphan_and_lose_nothing() -> None:
    with story_player() as player:
        found = player.play(partial(crash_story.play, crash_worlds.local, 0.03, 7))
    assert found.points > 0
    assert found.faults == []


def test_pruning_takes_the_cache_away_and_no_image_that_is_in_use(stage: Stage) -> None:
    user = stage.user
    (user.home / "local").unlink()  # the cache that tests share is not this user's
    (user.home / "local").mkdir()
    archive = user.home / "local" / "machine-0123456789ab.tar"
    archive.touch()
    assert user.run("local", "prune").stdout == f"removed {archive}\n"
    assert user.run("local", "prune").stdout == "nothing to remove\n"
