"""The control plane begins once, and machines join it: also again, and also the first master."""

from __future__ import annotations

from pathlib import Path
from threading import Thread

import pytest

from installer.cluster import outdated
from installer.cluster.control_plane import Init
from installer.cluster.join import Join
from installer.cluster.kubeadm import read_payload
from installer.common.errors import InstallerError
from installer.node import program
from installer.plan.model import InstallPlan
from installer.plan.rules import Role
from installer.plan.topology import topology
from installer.ssh.connection import Result
from installer.steps.step import Action, Context
from tests.doubles.node_verbs import STATIC_PODS, FakeCluster
from tests.patience import PATIENCE

PLAN = InstallPlan(name="demo", subdomain="example.test", platform="local")
FIRST, SECOND, THIRD = (f"demo-master-{number}" for number in (1, 2, 3))
WORKER = "demo-worker-1"


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path))
    return FakeCluster(PLAN)


def init() -> Init:
    return Init(PLAN, topology(PLAN).first_master)


def join(name: str) -> Join:
    return Join(PLAN, topology(PLAN).machine(name))


def run(action: Action, cluster: FakeCluster) -> list[str]:
    """What bringing the action about changed."""
    before = len(cluster.asked)
    if not action.observe(cluster.context()).holds:
        action.apply(cluster.context())
    assert action.observe(cluster.context()).holds
    return cluster.did()[before:]


def test_the_first_master_founds_the_cluster_once(cluster: FakeCluster) -> None:
    assert run(init(), cluster) == ["master-1 init"]
    assert run(init(), cluster) == []


def test_every_cluster_has_an_encryption_key_of_its_own(cluster: FakeCluster) -> None:
    run(init(), cluster)
    first = read_payload(cluster.sent[f"{FIRST} init"])["encryption.yaml"]
    cluster.machines[FIRST].member = ""
    run(init(), cluster)
    assert read_payload(cluster.sent[f"{FIRST} init"])["encryption.yaml"] != first


def test_the_kubeconfig_of_an_earlier_cluster_goes_when_a_new_one_begins(cluster: FakeCluster) -> None:
    path = cluster.context().world.directory.kubeconfig
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("old")
    run(init(), cluster)
    assert not path.exists()


def test_masters_join_with_the_keys_that_a_master_told(cluster: FakeCluster) -> None:
    cluster.founded(FIRST)
    assert run(join(SECOND), cluster) == [
        "master-1 kubectl delete node demo-master-2 --ignore-not-found",
        "master-2 join",
    ]
    sent = read_payload(cluster.sent[f"{SECOND} join"])
    assert "abcdef.0123456789abcdef" in sent["kubeadm.yaml"]
    assert "Y2M=" in sent["encryption.yaml"]


@pytest.mark.parametrize("name", [SECOND, WORKER])
def test_a_master_that_a_restore_left_behind_is_reset_before_any_machine_joins(name: str, cluster: FakeCluster) -> None:
    cluster.founded(FIRST, THIRD)
    outdated.mark(cluster.context().world.directory, THIRD)
    did = run(join(name), cluster)
    assert did.index("master-3 reset") < did.index(f"{name.removeprefix('demo-')} join")


def test_two_machines_that_join_at_once_reset_each_master_once_after_a_restore(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.founded(FIRST, SECOND, THIRD)
    for name in (SECOND, THIRD):
        outdated.mark(cluster.context().world.directory, name)
    other = Thread(target=lambda: outdated.reset_all(cluster.context()))

    def reset(ctx: Context, machine: str, verb: str) -> str:
        if other.ident is None:  # the other one begins in the middle of this one
            other.start()
            other.join(0.5)
        return program.run_program(ctx, machine, verb)

    monkeypatch.setattr(outdated, "run_program", reset)
    outdated.reset_all(cluster.context())
    other.join(PATIENCE)
    assert cluster.did() == ["master-2 reset", "master-3 reset"]


def test_workers_join_through_the_first_master_that_works(cluster: FakeCluster) -> None:
    cluster.founded(FIRST, SECOND).machines[FIRST].api = "connection refused"
    assert run(join(WORKER), cluster) == ["worker-1 join"]


def test_what_the_cluster_remembers_of_an_earlier_worker_is_taken_out_before_it_joins(cluster: FakeCluster) -> None:
    cluster.founded(FIRST, WORKER).machines[WORKER].member = ""
    assert run(join(WORKER), cluster) == [
        "master-1 kubectl delete node demo-worker-1 --ignore-not-found",
        "worker-1 join",
    ]
    cluster.machines[WORKER].member, cluster.machines[WORKER].begun = "", "join"
    assert run(join(WORKER), cluster) == [
        "worker-1 reset",
        "master-1 kubectl delete node demo-worker-1 --ignore-not-found",
        "worker-1 join",
    ]


def test_machines_that_join_at_once_share_one_list_of_nodes_and_one_invitation(cluster: FakeCluster) -> None:
    workers = [machine.name for machine in topology(PLAN).of_role(Role.WORKER)]
    assert len(workers) > 1
    context = cluster.founded(FIRST).context()
    for name in workers:
        join(name).apply(context)
    assert cluster.did() == [f"{name.removeprefix('demo-')} join" for name in workers]
    assert (cluster.listed, cluster.invited) == (1, 1)
    for name in (SECOND, THIRD):
        join(name).apply(context)
    assert cluster.invited == 1


def test_a_master_made_again_leaves_etcd_before_it_joins_again(cluster: FakeCluster) -> None:
    cluster.founded(FIRST, SECOND, THIRD).sick = {THIRD}
    machine = cluster.machines[THIRD]
    machine.member = machine.running = ""
    cluster.fails[f"{THIRD} join"] = Result(1, "", "craton-node: not now")
    with pytest.raises(InstallerError, match="not now"):
        join(THIRD).apply(cluster.context())
    assert cluster.did() == [
        "master-1 etcd remove 1002",
        "master-1 kubectl delete node demo-master-3 --ignore-not-found",
    ]
    cluster.sick = set()
    run(join(THIRD), cluster)


def test_a_master_made_again_does_not_join_an_etcd_without_a_majority(cluster: FakeCluster) -> None:
    cluster.founded(FIRST, SECOND, THIRD).sick = {SECOND, THIRD}
    cluster.machines[THIRD].member = ""
    with pytest.raises(InstallerError, match="etcd still lists demo-master-3"):
        join(THIRD).apply(cluster.context())
    assert cluster.did() == []


def test_a_first_master_made_again_joins_the_others(cluster: FakeCluster) -> None:
    cluster.founded(FIRST, SECOND, THIRD)
    cluster.machines[FIRST].member = ""
    cluster.sick = {FIRST}
    assert init().observe(cluster.context()).seen == "member of no cluster"
    cluster.sick = set()  # etcd is healthy again once the new one runs
    assert run(init(), cluster) == [
        "master-2 etcd remove 1000",
        "master-2 kubectl delete node demo-master-1 --ignore-not-found",
        "master-1 join",
    ]


def test_no_second_cluster_is_begun_beside_a_master_that_cannot_be_asked(cluster: FakeCluster) -> None:
    cluster.machines[SECOND].unreachable = "no route to host"
    with pytest.raises(InstallerError, match="demo-master-2 may be a master of demo already"):
        init().apply(cluster.context())
    assert cluster.did() == []


def test_a_join_that_was_cut_off_is_reset_and_made_again(cluster: FakeCluster) -> None:
    cluster.founded(FIRST).machines[SECOND].begun = "join"
    cluster.add_member(SECOND, started=False, learner=True)
    assert join(SECOND).observe(cluster.context()).seen == "member of no cluster; its join didn't finish"
    assert run(join(SECOND), cluster) == [
        "master-2 reset",
        "master-1 etcd remove 1001",
        "master-1 kubectl delete node demo-master-2 --ignore-not-found",
        "master-2 join",
    ]


def test_a_join_that_was_cut_off_when_all_of_it_stood_is_only_marked_as_done(cluster: FakeCluster) -> None:
    cluster.founded(FIRST, SECOND)
    machine = cluster.machines[SECOND]
    machine.member, machine.begun = "", "join"
    assert machine.running == STATIC_PODS
    assert run(join(SECOND), cluster) == ["master-2 join"]


def test_a_machine_that_another_engine_had_join_is_waited_for(cluster: FakeCluster) -> None:
    cluster.founded(FIRST)
    busy = "member=\nbegun=join\nbusy=yes\n"
    cluster.fails[f"{WORKER} condition"] = Result(0, busy, "")
    cluster.machines[WORKER].become("demo")
    join(WORKER).apply(cluster.context())
    assert cluster.did() == []


def test_an_error_names_the_master_that_does_not_answer(cluster: FakeCluster) -> None:
    cluster.founded(FIRST).machines[FIRST].unreachable = "connection refused"
    with pytest.raises(InstallerError) as caught:
        join(WORKER).apply(cluster.context())
    assert caught.value.machine == FIRST


def test_an_invitation_that_lacks_something_names_the_master(cluster: FakeCluster) -> None:
    cluster.founded(FIRST).fails[f"{FIRST} invite"] = Result(0, "token=a.b\n", "")
    with pytest.raises(InstallerError, match="said no 'ca_hash'") as caught:
        join(WORKER).apply(cluster.context())
    assert caught.value.machine == FIRST


def test_a_member_whose_control_plane_starts_again_is_waited_for_and_not_started_over(cluster: FakeCluster) -> None:
    cluster.founded(FIRST)
    starting = "member=demo\nkubelet=ok\nmanifests=\nrunning=\napi=connection refused\n"
    cluster.fails[f"{FIRST} condition"] = Result(0, starting, "")
    assert run(init(), cluster) == []
