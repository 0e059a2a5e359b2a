"""The verbs that look after a master's etcd, with stand-ins for etcd and its tools."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator

import pytest

from tests.doubles.bare_machine import BareMachine
from tests.doubles.node_bench import Bench, Benches
from tests.patience import PATIENCE

MEMBERS = {"members": [{"ID": "1", "name": "demo-master-1"}, {"ID": "2", "name": "demo-master-2"}]}
INIT = "#file kubeadm.yaml\nkind: InitConfiguration\nkind: ClusterConfiguration\n"


def with_etcd(bench: Bench) -> None:
    """Make it a master, and a place for its snapshots."""
    bench.box.add_cluster()
    bench.prepared()
    assert bench.box.node("init", stdin=INIT).returncode == 0
    bench.box.sh("mkdir /run/backup")
    bench.box.sh(f"echo '{json.dumps(MEMBERS, separators=(',', ':'))}' >/run/stand-in/members")


@pytest.fixture
def master(benches: Benches) -> Iterator[BareMachine]:
    with benches.begun(with_etcd) as bench:
        yield bench.box


def etcd(box: BareMachine, *words: str) -> str:
    ended = box.node("etcd", *words)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def refused(box: BareMachine, *words: str) -> tuple[int, str]:
    ended = box.node("etcd", *words)
    return ended.returncode, ended.stderr.splitlines()[-1]


def test_the_members_are_etcds_own_answer(master: BareMachine) -> None:
    assert json.loads(etcd(master, "members")) == MEMBERS


def test_the_health_of_every_member_is_a_line(master: BareMachine) -> None:
    assert etcd(master, "health", "https://10.10.0.11:2379") == "https://10.10.0.11:2379 ok\n"
    master.sh("systemctl stop kubelet.service")
    assert etcd(master, "health", "https://10.10.0.11:2379").startswith("https://10.10.0.11:2379 curl: (7) ")
    assert refused(master, "health", "file:///etc/shadow") == (
        2,
        "craton-node: no client URL of etcd: file:///etc/shadow",
    )


def test_a_member_is_removed_once(master: BareMachine) -> None:
    assert etcd(master, "remove", "2") == "removed member 2\n"
    assert etcd(master, "remove", "3") == "already done\n"
    assert refused(master, "remove", "x") == (2, "craton-node: no ID of a member: x")
    assert refused(master, "remove", "1") == (
        1, "craton-node: etcd's API, cluster/member/remove: {\"error\":\"bad request\",\"code\":3}",
    )  # fmt: skip


def test_an_etcd_that_does_not_answer_is_told(master: BareMachine) -> None:
    master.sh("systemctl stop kubelet.service")
    status, said = refused(master, "members")
    assert status == 1
    assert "etcd's API, cluster/member/list: curl: (7)" in said


def test_a_snapshot_is_checked_and_private(master: BareMachine) -> None:
    said = etcd(master, "snapshot", "/run/backup/craton/etcd.snapshot")
    found = hashlib.sha256(b"snapshot\n").hexdigest()
    assert said == f"/run/backup/craton/etcd.snapshot {found} 42\n"
    assert master.sh("stat -c %a /run/backup/craton/etcd.snapshot") == "600\n"
    assert master.sh("ls -d /var/lib/craton/snapshot* 2>/dev/null || :") == ""
    assert refused(master, "snapshot", "here") == (2, "craton-node: no absolute path: here")


def test_a_snapshot_is_restored_and_what_was_is_kept(master: BareMachine) -> None:
    etcd(master, "snapshot", "/run/backup/etcd.snapshot")
    master.sh("echo old >/var/lib/etcd/member/db")
    said = etcd(master, "restore", "/run/backup/etcd.snapshot").splitlines()
    kept = said[-1].removeprefix("kept ")
    assert kept.startswith("/var/lib/etcd.before-restore-")
    assert master.sh(f"cat {kept}/member/db /var/lib/etcd/member/db") == "old\nsnapshot\n"
    assert master.sh("ls /etc/kubernetes/manifests | wc -l") == "4\n"
    assert master.sh("ls -d /var/lib/craton/restor* /etc/kubernetes/craton-aside 2>/dev/null || :") == ""


@pytest.mark.parametrize("stage", range(1, 6))
def test_a_restore_that_was_killed_goes_on(master: BareMachine, stage: int) -> None:
    etcd(master, "snapshot", "/run/backup/etcd.snapshot")
    master.sh("echo old >/var/lib/etcd/member/db; : >/run/stand-in/api-fails")
    process = master.start("/usr/local/sbin/craton-node", "etcd", "restore", "/run/backup/etcd.snapshot")
    assert process.stdout
    for line in process.stdout:
        if line.startswith(f"stage {stage} 5 "):
            break
    os.killpg(process.pid, 9)
    process.wait(PATIENCE)
    master.sh("rm /run/stand-in/api-fails")
    kept = etcd(master, "restore", "/run/backup/etcd.snapshot").splitlines()[-1].removeprefix("kept ")
    assert master.sh(f"cat {kept}/member/db /var/lib/etcd/member/db") == "old\nsnapshot\n"
    assert master.sh("ls -d /var/lib/etcd.before-restore-* | wc -l") == "1\n"
    assert master.sh("ls /etc/kubernetes/manifests | wc -l") == "4\n"


@pytest.mark.parametrize(
    ("setup", "said"),
    [("echo junk >/run/backup/snapshot", "is no whole snapshot of etcd: Error: invalid database"), (":", "or empty")],
)
def test_what_is_no_snapshot_is_refused_before_anything_stops(master: BareMachine, setup: str, said: str) -> None:
    master.sh(setup)
    status, last = refused(master, "restore", "/run/backup/snapshot")
    assert (status, said in last) == (1, True)
    assert master.sh("ls /etc/kubernetes/manifests | wc -l; cat /var/lib/craton/restoring 2>/dev/null || :") == "4\n"


@pytest.mark.parametrize(
    "words", [("explode",), ("members", "all"), ("health",), ("remove",), ("snapshot",), ("restore",)]
)
def test_unknown_verbs_are_refused(master: BareMachine, words: tuple[str, ...]) -> None:
    assert refused(master, *words)[0] == 2


def test_a_machine_without_etcd_says_so(master: BareMachine) -> None:
    master.node("reset")
    for words in (("members",), ("snapshot", "/run/backup/x"), ("remove", "1")):
        assert "it runs no etcd" in refused(master, *words)[1]
