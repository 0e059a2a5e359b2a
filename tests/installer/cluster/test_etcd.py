"""etcd's members: what is lost with them, who may go, and who may come."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from installer.cluster import etcd
from installer.cluster.etcd import Member
from installer.common.errors import InstallerError
from installer.plan.model import InstallPlan
from installer.plan.topology import topology
from installer.ssh.connection import Result
from tests.doubles.node_verbs import FakeCluster

PLAN = InstallPlan(name="demo", subdomain="example.test", platform="local")
FIRST, SECOND, THIRD = (f"demo-master-{number}" for number in (1, 2, 3))


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path))
    return FakeCluster(PLAN)


def voters(*names: str) -> tuple[Member, ...]:
    return tuple(Member(str(number), name, (), (f"https://{name}:2379",)) for number, name in enumerate(names))


@pytest.mark.parametrize(
    ("masters", "majority", "words"),
    [
        (1, 1, "nothing: it has only one master"),
        (3, 2, "the loss of 1 of 3 masters"),
        (5, 3, "the loss of 2 of 5 masters"),
    ],
)
def test_a_majority_says_how_many_losses_are_survived(masters: int, majority: int, words: str) -> None:
    assert etcd.quorum(masters) == majority
    assert etcd.survives(masters) == words


@pytest.mark.parametrize(
    ("members", "healthy", "reason"),
    [
        ("abc", "ab", None),
        ("abc", "abc", None),
        ("abc", "a", "1 of the 3 members are healthy, and it takes 2"),
        ("abcde", "abd", None),
        ("abcde", "ab", "2 of the 5 members are healthy, and it takes 3"),
        ("ac", "a", "1 of the 2 members are healthy, and it takes 2"),
        ("ac", "ac", None),
        ("abc", "bc", "1 of the 2 members that stay are healthy, and it takes 2"),
        ("c", "c", "it is etcd's only voting member"),
    ],
)
def test_a_member_goes_only_if_a_majority_stays(members: str, healthy: str, reason: str | None) -> None:
    assert etcd.may_remove(voters(*members), set(healthy), "c") == reason


def test_a_learner_goes_whenever_there_is_a_majority() -> None:
    learner = Member("9", "c", learner=True)
    assert etcd.may_remove((*voters("a"), learner), {"a"}, "c") is None
    assert etcd.may_remove((*voters("a", "b"), learner), {"a"}, "c") == "1 of the 2 members are healthy, and it takes 2"


@pytest.mark.parametrize(
    ("members", "healthy", "reason"),
    [
        ("a", "a", None),
        ("ab", "ab", None),
        ("abc", "ab", None),
        ("ab", "a", "1 of etcd's 2 members are healthy; not so b"),
        ("a", "", "0 of etcd's 1 members are healthy; not so a"),
    ],
)
def test_a_member_comes_only_if_there_is_a_majority(members: str, healthy: str, reason: str | None) -> None:
    assert etcd.why_not_join(voters(*members), set(healthy)) == reason


@pytest.mark.parametrize(
    ("own", "healthy", "reason"),
    [
        (None, "a", "it isn't a member of etcd"),
        (Member("9", "c"), "a", "its etcd has not started"),
        (Member("9", "c", (), ("https://c:2379",), learner=True), "ac", "its etcd is catching up"),
        (Member("9", "c", (), ("https://c:2379",)), "a", "its etcd does not answer"),
        (Member("9", "c", (), ("https://c:2379",)), "ac", None),
    ],
)
def test_a_member_has_come_when_it_votes_and_answers(own: Member | None, healthy: str, reason: str | None) -> None:
    members = (*voters("a"), own) if own else voters("a")
    assert etcd.why_not_joined(members, set(healthy), "c") == reason


def test_a_member_that_has_not_started_is_named_after_the_machine_at_its_address() -> None:
    text = json.dumps(
        {"members": [{"ID": "7", "peerURLs": ["https://10.10.0.12:2380"], "isLearner": True}, {"ID": "8", "name": "x"}]}
    )
    first, second = etcd.named(etcd.parse_members(text), topology(PLAN))
    assert (first.id, first.name, first.clients, first.learner) == ("7", SECOND, (), True)
    assert (second.id, second.name) == ("8", "x")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"members": 3}', '{"members": ["a"]}', "<html>"])
def test_what_is_no_member_list_is_refused(text: str, cluster: FakeCluster) -> None:
    with pytest.raises(ValueError, match=r"members|JSON|Expecting|document"):
        etcd.parse_members(text)
    cluster.founded(FIRST).fails[f"{FIRST} etcd members"] = Result(0, text, "")
    with pytest.raises(InstallerError, match="member list cannot be read") as caught:
        etcd.members_of(cluster.context(), FIRST)
    assert caught.value.machine == FIRST


def test_a_stale_member_is_taken_out_by_its_name(cluster: FakeCluster) -> None:
    cluster.founded(FIRST, SECOND, THIRD).sick = {THIRD}
    etcd.remove_stale(cluster.context(), FIRST, THIRD)
    assert cluster.did() == ["master-1 etcd remove 1002"]
    etcd.remove_stale(cluster.context(), FIRST, THIRD)
    assert cluster.did() == ["master-1 etcd remove 1002"], "there is none any more"


def test_a_stale_member_that_never_started_is_taken_out_by_its_address(cluster: FakeCluster) -> None:
    cluster.founded(FIRST).add_member(SECOND, started=False, learner=True)
    etcd.remove_stale(cluster.context(), FIRST, SECOND)
    assert cluster.did() == ["master-1 etcd remove 1001"]


def test_a_stale_member_stays_if_there_is_no_majority_without_it_and_both_facts_are_told(cluster: FakeCluster) -> None:
    cluster.founded(FIRST, SECOND, THIRD).sick = {SECOND, THIRD}
    with pytest.raises(InstallerError) as caught:
        etcd.remove_stale(cluster.context(), FIRST, THIRD)
    assert f"etcd still lists {THIRD}" in caught.value.observed
    assert "1 of the 3 members are healthy, and it takes 2" in caught.value.observed
    assert cluster.did() == []


def test_waiting_for_etcd_names_the_member_that_is_not_well(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(etcd, "SETTLING", 0.0)
    cluster.founded(FIRST, SECOND).sick = {SECOND}
    with pytest.raises(InstallerError, match=r"1 of etcd's 2 members are healthy; not so demo-master-2") as caught:
        etcd.wait_for_quorum(cluster.context(), FIRST)
    assert caught.value.machine == SECOND
    context = cluster.context()
    with pytest.raises(InstallerError, match="its etcd does not answer"):
        etcd.wait_for_member(context, FIRST, SECOND)
    assert "etcd of demo-master-2: context deadline exceeded" in context.lines
    cluster.sick = set()
    etcd.wait_for_quorum(cluster.context(), FIRST)
    etcd.wait_for_member(cluster.context(), FIRST, SECOND)
