"""What several threads want at the same moment is done at once, and each hears of its own alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from installer.steps import together
from installer.steps.together import Together
from tests.doubles.together import wait_for
from tests.patience import PATIENCE, eventually


class Work:
    """Answers with each name in capitals, or fails for some; the first call goes on until `go_on` is set."""

    def __init__(self, *fails_for: str) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.go_on = threading.Event()
        self._fails_for = frozenset(fails_for)

    def __call__(self, names: Sequence[str]) -> Mapping[str, str]:
        self.asked.append(tuple(names))
        if len(self.asked) == 1:
            assert self.go_on.wait(PATIENCE)
        if refused := self._fails_for & set(names):
            raise ValueError(min(refused))
        return {name: name.upper() for name in names}


def all_at_once(shared: Together, work: Work, *names: str) -> list[Future[str]]:
    """The first of `names` is at work, and all others have come, when the first goes on."""
    with ThreadPoolExecutor(len(names)) as threads:
        found = []
        for number, name in enumerate(names):
            found.append(threads.submit(shared.do, "look", name, work, PATIENCE))
            eventually(lambda: work.asked, "the first call")
            wait_for(shared, "look", number)
        work.go_on.set()
    return found


def test_those_who_come_while_one_works_are_done_at_once() -> None:
    work = Work()
    found = all_at_once(Together(), work, "a", "b", "c", "b")
    assert [each.result() for each in found] == ["A", "B", "C", "B"]
    assert work.asked == [("a",), ("b", "c")]


def test_what_fails_for_several_is_done_again_for_each_who_hears_of_its_own_error() -> None:
    work = Work("c")
    first, second, third = all_at_once(Together(), work, "a", "b", "c")
    assert (first.result(), second.result()) == ("A", "B")
    with pytest.raises(ValueError, match="c"):
        third.result()
    assert work.asked[:2] == [("a",), ("b", "c")]
    assert sorted(work.asked[2:]) == [("b",), ("c",)]


def test_what_fails_for_one_is_not_done_again() -> None:
    shared, work = Together(), Work("a")
    work.go_on.set()
    with pytest.raises(ValueError, match="a"):
        shared.do("look", "a", work, PATIENCE)
    assert work.asked == [("a",)]
    assert shared.do("look", "b", work, PATIENCE) == "B"


def test_nobody_waits_for_others_longer_than_asked() -> None:
    shared, work = Together(), Work()
    with ThreadPoolExecutor(1) as threads:
        hangs = threads.submit(shared.do, "look", "a", work, PATIENCE)
        eventually(lambda: work.asked, "the first call")
        assert shared.do("look", "b", work, 0.01) == "B"
        assert shared._waiting["look"] == []
        work.go_on.set()
    assert hangs.result() == "A"


def test_work_of_another_kind_does_not_wait() -> None:
    shared, work = Together(), Work()
    with ThreadPoolExecutor(1) as threads:
        threads.submit(shared.do, "look", "a", work, PATIENCE)
        eventually(lambda: work.asked, "the first call")
        assert shared.do("change", "b", work, PATIENCE) == "B"
        work.go_on.set()


def test_many_in_a_row_are_spread_out_so_that_more_come_together(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    shared, work = Together(), Work()
    work.go_on.set()
    for name in "ab":
        shared.do("look", name, work, PATIENCE)
    assert slept[0] == 0.0
    assert 0.0 <= slept[1] <= together._EVERY
