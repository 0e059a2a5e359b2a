"""Downloads side by side: lines about how far they are, and one error for all that failed."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from installer.artifacts import http as web
from installer.artifacts import parallel
from installer.artifacts.parallel import Task, amount, run_all
from installer.common.deadline import Deadline
from installer.common.errors import InstallerError
from tests.patience import PATIENCE


def work() -> web.Work:
    return web.Work(Deadline(PATIENCE))


def failing(title: str, *, retryable: bool = False) -> Callable[[], None]:
    def run() -> None:
        raise InstallerError(f"get {title}", "HTTP status 404", hint="look there", retryable=retryable)

    return run


def test_all_are_run_and_told_by_their_titles() -> None:
    told: list[str] = []
    ran: list[int] = []
    tasks = [Task(f"file {n}", lambda n=n: ran.append(n), quiet=n == 3) for n in range(10)]  # type: ignore[misc]
    run_all(tasks, work(), told.append)
    assert sorted(ran) == list(range(10))
    assert len(told) == 9
    assert "file 3" not in "".join(told)
    assert told[-1].startswith("  [10/10] file ") or told[-1].startswith("  [9/10] file ")


def test_several_go_on_side_by_side() -> None:
    together = threading.Barrier(3, timeout=PATIENCE)

    def meet() -> None:
        together.wait()

    run_all([Task("", meet)] * 3, work(), lambda _line: None)


def test_one_line_says_how_far_all_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "_EVERY", 0.01)
    told: list[str] = []
    spoken = threading.Event()
    wanted = work()

    def slow() -> None:
        wanted.received(58_000_000)
        spoken.wait(PATIENCE)

    def notify(line: str) -> None:
        told.append(line)
        if "58 MB" in line:
            spoken.set()

    run_all([Task("kubelet", slow)], wanted, notify)
    assert "  0 of 1, 58 MB so far; now kubelet" in told


def test_one_failure_is_said_as_it_is_and_the_others_go_on() -> None:
    ran: list[str] = []
    with pytest.raises(InstallerError, match=r"^get a: HTTP status 404$"):
        run_all([Task("a", failing("a")), Task("b", lambda: ran.append("b"))], work(), lambda _line: None)
    assert ran == ["b"]


def test_all_failures_are_said_together() -> None:
    tasks = [Task(name, failing(name)) for name in "abcdefgh"]
    with pytest.raises(InstallerError, match=r"8 failed: get .*; and 3 more") as caught:
        run_all(tasks, work(), lambda _line: None)
    assert caught.value.hint == "look there"


def test_where_nobody_answers_nobody_else_is_asked() -> None:
    wanted = work()

    def wait() -> None:
        assert wanted.stop.wait(PATIENCE)
        wanted.check()

    tasks = [Task("a", failing("a", retryable=True)), *[Task("b", wait)] * 9]
    with pytest.raises(InstallerError, match="get a"):
        run_all(tasks, wanted, lambda _line: None)
    assert wanted.stop.is_set()


def test_an_error_that_nobody_foresaw_ends_all() -> None:
    def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_all([Task("a", fail)], work(), lambda _line: None)


@pytest.mark.parametrize(
    ("size", "words"), [(0, "0 kB"), (1, "1 kB"), (999_999, "1000 kB"), (1_400_000, "1.4 MB"), (58_300_000, "58 MB")]
)
def test_amounts_are_said_as_people_say_them(size: int, words: str) -> None:
    assert amount(size) == words
