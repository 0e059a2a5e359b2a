"""A restore rebuilds one master's etcd and lets no old majority go on, and completes what was interrupted."""

from __future__ import annotations

from pathlib import Path

import pytest

from installer.cluster import masters as cluster_masters
from installer.cluster import outdated
from installer.common.errors import ExitCode, InstallerError
from installer.common.paths import write_private
from installer.engine.lock import hold_lock
from installer.operations import backup
from installer.operations import restore as module
from installer.operations.context import DirectContext
from installer.operations.restore import intend, restore
from installer.plan.model import InstallPlan
from tests.doubles.kubeconfigs import given_by_master
from tests.doubles.masters import Masters
from tests.patience import PATIENCE

PLAN = InstallPlan(name="demo", subdomain="example.test", masters=3, workers=1)


@pytest.fixture
def masters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Masters:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path / "home"))
    return Masters(PLAN)


@pytest.fixture
def archive(masters: Masters, tmp_path: Path) -> Path:
    """A backup, since which something was written."""
    path = tmp_path / "demo.tar"
    backup.take(masters.world, path)
    masters.said.clear()
    etcd = masters.master(1).etcd
    assert etcd
    etcd.data = b"written since"
    return path


def data(masters: Masters, number: int) -> bytes | None:
    etcd = masters.master(number).etcd
    return etcd.data if etcd else None


def verbs(masters: Masters) -> list[str]:
    """Without the name of the file, which is that of its sum."""
    return [line.partition(" /")[0] for line in masters.said]


def test_after_the_loss_of_two_masters_the_third_goes_on_alone(masters: Masters, archive: Path) -> None:
    masters.master(1).up = masters.master(2).up = False
    intent = intend(masters.world, archive)
    assert (intent.master, intent.reset, sorted(intent.lost)) == (
        "demo-master-3", (), ["demo-master-1", "demo-master-2"],
    )  # fmt: skip
    restore(masters.world, intent)
    assert data(masters, 3) == b"all objects"
    assert masters.master(3).api == "ok"
    assert masters.nodes == {"demo-master-3"}
    assert verbs(masters) == [
        "demo-master-3 etcd restore",
        "demo-master-3 kubectl delete node demo-master-1 --ignore-not-found",
        "demo-master-3 kubectl delete node demo-master-2 --ignore-not-found",
    ]
    assert masters.master(3).files == {}


def test_to_go_back_in_time_all_other_masters_leave_before_the_snapshot_is_in_place(
    masters: Masters, archive: Path
) -> None:
    restore(masters.world, intend(masters.world, archive))
    assert verbs(masters)[:3] == ["demo-master-2 reset", "demo-master-3 reset", "demo-master-1 etcd restore"]
    assert [data(masters, number) for number in (1, 2, 3)] == [b"all objects", None, None]
    assert masters.nodes == {"demo-master-1"}


@pytest.mark.parametrize(
    "breaks",
    [
        "demo-master-2 reset",
        "demo-master-3 reset",
        "demo-master-1 etcd restore",
        "demo-master-1 kubectl delete node demo-master-3",
    ],
)
def test_what_was_interrupted_is_completed(masters: Masters, archive: Path, breaks: str) -> None:
    masters.breaks = breaks
    said: list[str] = []
    with pytest.raises(InstallerError, match="the connection dropped"):
        restore(masters.world, intend(masters.world, archive), said.append)
    assert "Run the same command again" in said[-1]
    restore(masters.world, intend(masters.world, archive))
    assert [data(masters, number) for number in (1, 2, 3)] == [b"all objects", None, None]
    assert masters.nodes == {"demo-master-1"}
    assert len([line for line in masters.said if line.endswith(" reset")]) == 2, "no master is reset twice"


def test_a_lost_master_that_comes_back_counts_as_none_until_it_is_reset(masters: Masters, archive: Path) -> None:
    masters.master(1).up = masters.master(2).up = False
    world = masters.world
    restore(world, intend(world, archive))
    masters.master(1).up = masters.master(2).up = True
    assert masters.master(1).api == "ok", "two old members are a majority among themselves"
    ctx = DirectContext(world, PATIENCE)
    assert cluster_masters.reachable_master(ctx) == "demo-master-3"
    seen = cluster_masters.condition(ctx, "demo-master-1")
    assert (seen.member, seen.begun) == ("", "restore")
    masters.master(1).run("/usr/local/sbin/craton-node reset", deadline=1)
    assert cluster_masters.condition(ctx, "demo-master-1") == cluster_masters.Condition(kubelet="ok")
    masters.master(1).member, masters.master(1).etcd = "demo", masters.master(3).etcd
    assert cluster_masters.condition(ctx, "demo-master-1").member == "demo"


def test_before_any_master_joins_all_that_came_back_are_reset(masters: Masters, archive: Path) -> None:
    masters.master(1).up = masters.master(2).up = False
    world = masters.world
    restore(world, intend(world, archive))
    masters.said.clear()
    masters.master(2).up = True
    outdated.reset_all(DirectContext(world, PATIENCE))
    assert masters.said == ["demo-master-2 reset"]
    masters.master(1).up = True
    outdated.reset_all(DirectContext(world, PATIENCE))
    outdated.reset_all(DirectContext(world, PATIENCE))
    assert masters.said == ["demo-master-2 reset", "demo-master-1 reset"]


def test_whoever_has_to_agree_is_told_what_happens_to_each_master(masters: Masters, archive: Path) -> None:
    masters.master(3).up = False
    text = "\n".join(intend(masters.world, archive).sentences)
    for said in (
        "(revision 7): what was written since then is lost",
        "demo-master-1: its etcd is rebuilt from the snapshot",
        "demo-master-2: is reset, and can join again",
        "demo-master-3: counts as lost (connect: no answer)",
        "has the old data until `craton resume demo` resets it",
    ):
        assert said in text


def test_a_backup_of_another_release_is_told(masters: Masters, archive: Path) -> None:
    masters.plan = PLAN.model_copy(update={"kubernetes": "v1.99.0"})
    assert f"ran Kubernetes {PLAN.kubernetes}; now it runs v1.99.0" in "\n".join(
        intend(masters.world, archive).sentences
    )


def test_a_master_can_be_named(masters: Masters, archive: Path) -> None:
    intent = intend(masters.world, archive, "demo-master-2")
    assert (intent.master, intent.reset) == ("demo-master-2", ("demo-master-1", "demo-master-3"))


@pytest.mark.parametrize(
    ("machine", "said"),
    [
        (None, "demo-master-1: connect: no answer; demo-master-2: it is no member of demo"),
        ("demo-master-2", "demo-master-2: it is no member of demo"),
        ("demo-worker-1", "demo-worker-1: it is no master"),
    ],
)
def test_without_a_master_that_has_its_certificates_nothing_is_done(
    masters: Masters, archive: Path, machine: str | None, said: str
) -> None:
    masters.master(1).up = masters.master(3).up = False
    masters.master(2).member = ""
    with pytest.raises(InstallerError) as caught:
        intend(masters.world, archive, machine)
    assert caught.value.observed.startswith(said)
    assert masters.said == []


def test_a_backup_of_another_cluster_is_refused(masters: Masters, archive: Path) -> None:
    world = masters.world
    write_private(world.directory.kubeconfig, given_by_master(PLAN))
    backup.take(world, archive)
    assert intend(world, archive).master == "demo-master-1"
    write_private(world.directory.kubeconfig, given_by_master(PLAN, 2))
    with pytest.raises(InstallerError, match="a backup of an earlier cluster of the name demo"):
        intend(world, archive)
    other = Masters(PLAN.model_copy(update={"name": "other"}))
    with pytest.raises(InstallerError, match="a backup of demo, not of other"):
        intend(other.world, archive)


def test_a_restore_and_an_engine_exclude_each_other(masters: Masters, archive: Path) -> None:
    world = masters.world
    intent = intend(world, archive)
    with hold_lock(world.directory), pytest.raises(InstallerError) as caught:
        restore(world, intent)
    assert caught.value.exit_code is ExitCode.LOCKED
    assert masters.said == []


def test_an_api_server_that_does_not_come_up_is_waited_for_and_told(
    masters: Masters, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_START", 0.3)
    monkeypatch.setattr("tests.doubles.masters.Master.api", "etcd failed")
    said: list[str] = []
    with pytest.raises(InstallerError, match="wait for the API server of demo-master-1") as caught:
        restore(masters.world, intend(masters.world, archive), said.append)
    assert "its API server: etcd failed" in caught.value.observed
    assert any(line.startswith("  waiting for the API server of demo-master-1 until ") for line in said)
