"""In which order masters leave etcd, and when they must not."""

from __future__ import annotations

import pytest

from installer.cluster.etcd import Member
from installer.cluster.leaving import way_out


@pytest.mark.parametrize(
    ("members", "healthy", "leaving", "order", "reason"),
    [
        ("abc", "abc", "cb", "cb", ""),
        ("abcde", "abcde", "ed", "ed", ""),
        ("abcde", "abcde", "edcb", "edcb", ""),
        ("abc", "ab", "cb", "cb", ""),
        ("abc", "ac", "cb", "bc", ""),  # b is lost: it counts for the majority, and so goes first
        ("ab", "ab", "cb", "b", ""),  # c has left already
        ("abc", "abc", "", "", ""),
        ("abc", "a", "cb", "", "1 of the 3 members are healthy, and it takes 2"),
        ("abcde", "abc", "ba", "", "etcd can't lose b"),
        ("a", "a", "a", "", "only voting member"),
    ],
)
def test_members_that_are_not_healthy_go_first_and_never_below_a_majority(
    members: str, healthy: str, leaving: str, order: str, reason: str
) -> None:
    found, why = way_out([Member(name, name) for name in members], set(healthy), leaving)
    assert "".join(member.name for member in found) == order
    assert reason in why
    assert bool(reason) == bool(why)
