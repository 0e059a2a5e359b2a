"""`craton upgrade` of a cluster with a worker pool: its machines are replaced, drained, a few at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from installer.cli.nodes import _upgrade_lines
from installer.common.errors import ExitCode
from installer.common.paths import ClusterDirectory
from installer.engine.events import RunKind
from installer.operations import pipeline
from installer.plan import planfile
from installer.plan.model import InstallPlan
from installer.plan.topology import topology
from tests.aws.clusters import Cluster, plan
from tests.aws.user import User
from tests.doubles.aws.account import Account
from tests.doubles.aws.remains import keep
from tests.doubles.cloud.clusters import UNHURRIED, machines
from tests.doubles.cloud.pools import pooled, releases
from tests.doubles.cloud.stand_ins import StandIns

OLD, NEW = "v1.35.6", "v1.36.2"


def _old(workers: int) -> InstallPlan:
    return plan(workers=workers, worker_pool=True).model_copy(update={"kubernetes": OLD})


@pytest.mark.parametrize(("workers", "away"), [(1, 1), (9, 1), (20, 2), (99, 9), (200, 10)])
def test_a_tenth_of_a_pool_may_be_away_but_no_more_than_ten_machines(workers: int, away: int) -> None:
    shape = topology(plan(workers=workers, worker_pool=True))
    assert shape.pool
    assert shape.pool.away == away


def test_the_command_says_what_becomes_of_the_pool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path))
    first, second, *_ = _upgrade_lines(_old(20), NEW)
    assert first.endswith(": masters then infra nodes")
    assert second == "  then the pool's machines are drained and replaced, at most 2 at a time"


@pytest.mark.needs("low ports")
def test_an_upgrade_replaces_every_machine_of_a_pool_and_never_takes_two_at_once(
    aws: Account, user: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path / "home"))
    user.client("route53").create_hosted_zone(Name="example.test", CallerReference="1")
    keep(aws)
    aws.machines = stand_ins = StandIns()
    cluster = Cluster(aws, stand_ins, tempo=UNHURRIED)
    old = _old(3)
    assert cluster.install(old) is ExitCode.DONE, cluster.failures
    before = pooled(cluster, old)
    assert releases(cluster) == dict.fromkeys([*machines(old), *before], OLD)

    left: list[tuple[set[str], set[str]]] = []
    end = stand_ins.stop

    def stop(id: str) -> None:
        left.append((stand_ins.schedulable(), set(stand_ins.nodes())))
        end(id)

    monkeypatch.setattr(stand_ins, "stop", stop)
    new = old.model_copy(update={"kubernetes": NEW})
    planfile.save(ClusterDirectory.of("demo").plan, old)
    ended = cluster.run(new, pipeline.upgrade_steps(new, OLD), RunKind.UPGRADE)
    assert ended is ExitCode.DONE, cluster.failures
    after = pooled(cluster, new)
    assert releases(cluster) == dict.fromkeys([*machines(new), *after], NEW)
    assert len(after) == 3
    assert not set(before) & set(after)
    assert planfile.load(ClusterDirectory.of("demo").plan) == new

    assert len(left) == 3
    for usable, nodes in left:
        assert len(nodes - set(machines(old))) == 3, "all joined before another leaves"
        (drained,) = nodes - usable - {"demo-master-1"}
        assert drained in before
    assert cluster.install(new) is ExitCode.DONE, cluster.failures
    assert cluster.account.changed == []
