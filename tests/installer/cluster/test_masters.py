"""Which master speaks for the cluster, and whether there is a cluster already."""

from __future__ import annotations

from pathlib import Path

import pytest

from installer.cluster import masters
from installer.common.errors import InstallerError
from installer.plan.model import InstallPlan
from installer.plan.rules import Role
from installer.plan.topology import topology
from installer.ssh.connection import Result
from tests.doubles.node_verbs import STATIC_PODS, FakeCluster

PLAN = InstallPlan(name="demo", subdomain="example.test", platform="local")
FIRST, SECOND, THIRD = (f"demo-master-{number}" for number in (1, 2, 3))
WORKER = "demo-worker-1"


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path))
    return FakeCluster(PLAN)


def test_a_condition_is_read_from_what_the_machine_says(cluster: FakeCluster) -> None:
    cluster.founded(FIRST)
    seen = masters.condition(cluster.context(), FIRST)
    assert (seen.member, seen.begun, seen.api) == ("demo", "", "ok")
    assert seen.running == masters.STATIC_PODS == frozenset(STATIC_PODS.split(","))
    assert seen.is_up(Role.MASTER)
    assert seen.trouble(Role.MASTER) == ""


def test_a_machine_without_the_program_is_nothing_yet(cluster: FakeCluster) -> None:
    cluster.machines[FIRST].program = False
    assert masters.condition(cluster.context(), FIRST) == masters.Condition()


def test_what_a_master_lacks_is_said_piece_by_piece() -> None:
    said = {"kubelet": "ok", "manifests": "etcd,kube-apiserver", "running": "etcd", "api": "connection refused"}
    assert masters.Condition.of(said).trouble(Role.MASTER) == (
        "no manifest of kube-controller-manager; no manifest of kube-scheduler; kube-apiserver does not run; "
        "API server: connection refused"
    )
    assert masters.Condition.of(said).trouble(Role.WORKER) == ""
    assert masters.Condition().trouble(Role.WORKER) == "kubelet: no answer"


@pytest.mark.parametrize(
    ("member", "whose"),
    [("another", "a cluster that Craton did not make"), ("other", "the cluster other")],
)
def test_a_node_of_another_cluster_is_not_taken_over(cluster: FakeCluster, member: str, whose: str) -> None:
    cluster.machines[WORKER].member = member
    with pytest.raises(InstallerError, match=whose) as caught:
        masters.own_condition(cluster.context(), WORKER)
    assert caught.value.machine == WORKER


def test_the_first_master_that_works_speaks_for_the_cluster(cluster: FakeCluster) -> None:
    assert masters.established(cluster.context()) is None
    cluster.founded(FIRST, SECOND, THIRD)
    assert masters.established(cluster.context()) == FIRST
    assert masters.established(cluster.context(), besides=FIRST) == SECOND
    cluster.machines[FIRST].unreachable = "connection refused"
    cluster.machines[SECOND].api = "connection refused"
    assert masters.established(cluster.context()) == masters.reachable_master(cluster.context()) == THIRD


def test_without_any_that_works_the_master_to_mend_is_named(cluster: FakeCluster) -> None:
    with pytest.raises(InstallerError, match="it is no member of demo") as caught:
        masters.reachable_master(cluster.context())
    assert caught.value.machine == FIRST
    cluster.founded(SECOND).machines[SECOND].api = "connection refused"
    with pytest.raises(InstallerError, match="its API server does not work: API server: connection refused") as caught:
        masters.reachable_master(cluster.context())
    assert (caught.value.machine, caught.value.retryable) == (SECOND, True)


def test_a_cluster_may_be_begun_only_where_there_is_none(cluster: FakeCluster) -> None:
    assert masters.elsewhere(cluster.context(), FIRST) is None
    cluster.founded(THIRD)
    assert masters.elsewhere(cluster.context(), FIRST) == THIRD


@pytest.mark.parametrize("trouble", ["unreachable", "api"])
def test_no_second_cluster_is_begun_while_a_master_may_have_the_first(cluster: FakeCluster, trouble: str) -> None:
    setattr(cluster.founded(THIRD).machines[THIRD], trouble, "no route to host")
    with pytest.raises(InstallerError, match=r"demo-master-3 may be a master of demo already: .*no route") as caught:
        masters.elsewhere(cluster.context(), FIRST)
    assert caught.value.machine == THIRD
    assert "demo-master-1 doesn't start a second cluster" in caught.value.hint


def test_a_member_that_restarts_is_waited_for(cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = topology(PLAN).first_master
    cluster.founded(FIRST)
    assert masters.wait_until_up(cluster.context(), machine).api == "ok"
    cluster.machines[FIRST].running = "etcd"
    monkeypatch.setattr(masters, "STARTING", 0.0)
    with pytest.raises(InstallerError, match=r"does not work: .*kube-scheduler") as caught:
        masters.wait_until_up(cluster.context(), machine)
    assert caught.value.machine == FIRST


def test_the_master_that_answered_last_is_asked_again_as_long_as_it_answers(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.founded(FIRST, SECOND)
    ctx = cluster.context()
    said: list[str] = []
    answer = cluster.answer

    def listen(name: str, words: list[str], stdin: str) -> Result:
        said.append(f"{name} {words[0]}")
        return answer(name, words, stdin)

    monkeypatch.setattr(cluster, "answer", listen)
    for _ in range(2):
        masters.kubectl(ctx, "get", "nodes")
    assert said == [f"{FIRST} condition", f"{FIRST} kubectl", f"{FIRST} kubectl"]
    cluster.machines[FIRST].unreachable = "no route to host"
    assert FIRST in masters.kubectl(ctx, "get", "nodes")
    assert said[3:] == [f"{SECOND} condition", f"{SECOND} kubectl"]


def test_what_kubectl_refuses_is_not_asked_of_another_master(cluster: FakeCluster) -> None:
    cluster.founded(FIRST, SECOND)
    ctx = cluster.context()
    masters.kubectl(ctx, "get", "nodes")
    cluster.fails[f"{FIRST} kubectl delete node x"] = Result(1, "", "Error from server (Forbidden)")
    with pytest.raises(InstallerError, match="Forbidden") as caught:
        masters.kubectl(ctx, "delete", "node", "x")
    assert caught.value.machine == FIRST
