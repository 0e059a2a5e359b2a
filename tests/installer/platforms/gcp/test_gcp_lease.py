"""The lease in a firewall policy: only one of two computers gets it, and the other one notices."""

from __future__ import annotations

from installer.accounts.gcp.account import Account
from installer.platforms.gcp.lease import GcpLease
from installer.steps.lease import Holder
from tests.doubles.gcp.project import PROJECT, Project

ADA, BOB = Holder("1-ada", "ada@laptop"), Holder("2-bob", "bob@desk")


def lease() -> GcpLease:
    return GcpLease(Account(PROJECT, "europe-west3"), "demo")


def test_it_is_taken_renewed_taken_over_and_given_back(gcp: Project) -> None:
    first = lease().take(ADA)
    assert first is not None
    assert first.holder == ADA
    other = lease().take(BOB)
    assert other is not None
    assert (other.holder, other.since) == (ADA, first.since)
    again = lease().take(ADA)
    assert again is not None
    assert again.since == first.since
    assert again.renewed >= first.renewed
    taken = lease().take(BOB, seize=True)
    assert taken is not None
    assert taken.holder == BOB
    lost = lease().take(ADA)
    assert lost is not None
    assert lost.holder == BOB
    lease().drop(ADA)
    assert lease().held() == taken
    lease().drop(BOB)
    assert lease().held() is None
    assert gcp.remains() == []


def test_of_two_that_saw_it_free_the_project_lets_one_create_it(gcp: Project) -> None:
    one, other = lease(), lease()
    look, seen = other._read, [None]
    other._read = lambda: seen.pop() if seen else look()  # type: ignore[method-assign]
    one.take(ADA)
    held = other.take(BOB)
    assert held is not None
    assert held.holder == ADA


def test_of_two_that_take_it_over_the_fingerprint_lets_one(gcp: Project) -> None:
    lease().take(Holder("0", "gone@old"))
    one, other = lease(), lease()
    look, seen = other._read, [other._read()]
    other._read = lambda: seen.pop() if seen else look()  # type: ignore[method-assign]
    one.take(ADA, seize=True)
    held = other.take(BOB, seize=True)
    assert held is not None
    assert held.holder == ADA
