"""The lease in Parameter Store: only one of two computers gets it, and the other one notices."""

from __future__ import annotations

from installer.accounts.aws.account import Account as Requests
from installer.platforms.aws.lease import AwsLease
from installer.steps.lease import Holder
from tests.doubles.aws.account import Account
from tests.doubles.aws.remains import remains

ADA, BOB = Holder("1-ada", "ada@laptop"), Holder("2-bob", "bob@desk")


def lease() -> AwsLease:
    return AwsLease(Requests("eu-central-1"), "demo")


def test_the_second_computer_is_told_who_has_it(aws: Account) -> None:
    held = lease().take(ADA)
    assert held is not None
    assert held.holder == ADA
    other = lease().take(BOB)
    assert other is not None
    assert other.holder == ADA
    assert other.since == held.since


def test_renewing_keeps_when_it_began(aws: Account) -> None:
    first = lease().take(ADA)
    again = lease().take(ADA)
    assert first is not None
    assert again is not None
    assert again.since == first.since
    assert again.renewed >= first.renewed


def test_who_takes_over_has_it_and_the_first_one_learns_it(aws: Account) -> None:
    lease().take(ADA)
    taken = lease().take(BOB, seize=True)
    assert taken is not None
    assert taken.holder == BOB
    lost = lease().take(ADA)
    assert lost is not None
    assert lost.holder == BOB
    lease().drop(ADA)
    assert lease().held() == taken


def test_given_back_it_leaves_nothing(aws: Account) -> None:
    before = remains(aws)
    lease().take(ADA)
    lease().drop(BOB)
    assert lease().held() is not None
    lease().drop(ADA)
    assert lease().held() is None
    assert remains(aws) == before
    taken = lease().take(BOB)
    assert taken is not None
    assert taken.holder == BOB


def test_of_two_that_saw_it_free_the_account_lets_one_create_it(aws: Account) -> None:
    """Both looked before either wrote: Parameter Store refuses the second write, and its reader sees the first."""
    one, other = lease(), lease()
    look = other._last
    seen = [None]
    other._last = lambda: seen.pop() if seen else look()  # type: ignore[method-assign]
    one.take(ADA)
    held = other.take(BOB)
    assert held is not None
    assert held.holder == ADA
