"""Waiting for SSH: what may pass is a reason to wait, all else ends it, and so does the deadline with the last one."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest

from installer.common.errors import InstallerError
from installer.node.waiting import greeted, wait_for_ssh

T = TypeVar("T")
NO_ADDRESS = InstallerError("find the machine", "it has no address", retryable=True)
REFUSED = InstallerError("connect", "connection refused", hint="look at its console", retryable=True)
WRONG_KEY = InstallerError("verify the host key", "it is another key")


@dataclass
class Clock:
    """Work of which each look takes a second."""

    seconds: float
    reasons: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def remaining(self) -> float:
        return max(0.0, self.seconds)

    def wait_until(self, what: str, probe: Callable[[], tuple[T | None, str]], every: float = 0.5) -> T:
        while True:
            value, seen = probe()
            if value is not None:
                return value
            self.reasons.append(f"{what}: {seen}")
            self.seconds -= 1

    def log(self, line: str) -> None:
        self.lines.append(f"{self.seconds:g}: {line}")

    def check_stop(self) -> None:
        raise NotImplementedError


def attempts(*results: Any) -> Callable[[float], Any]:
    left = list(results)

    def attempt(_seconds: float) -> Any:
        result = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(result, InstallerError):
            raise result
        return result

    return attempt


def test_reasons_are_shown_until_the_server_answers_however_many_they_are() -> None:
    work = Clock(100)
    assert wait_for_ssh(work, "a", attempts(*[NO_ADDRESS] * 9, REFUSED, "hello")) == "hello"
    assert work.reasons == ["the SSH server of a: it has no address"] * 9 + ["the SSH server of a: connection refused"]


def test_what_does_not_pass_ends_the_wait_at_once() -> None:
    work = Clock(100)
    with pytest.raises(InstallerError) as caught:
        wait_for_ssh(work, "a", attempts(REFUSED, WRONG_KEY))
    assert caught.value is WRONG_KEY
    assert len(work.reasons) == 1


def test_at_the_deadline_the_last_reason_is_the_error_with_its_hint() -> None:
    work = Clock(3)
    with pytest.raises(InstallerError) as caught:
        wait_for_ssh(work, "a", attempts(NO_ADDRESS, REFUSED))
    assert caught.value is REFUSED
    assert len(work.reasons) == 3


@pytest.mark.parametrize(("seconds", "left"), [(600, 20), (8, 2)])
def test_before_the_wait_ends_the_last_lines_of_the_console_are_logged_once(seconds: int, left: int) -> None:
    work = Clock(seconds)
    printed = "\n".join([*(f"line {number}" for number in range(30)), "", "cloud-init: failed  ", ""])
    with pytest.raises(InstallerError) as caught:
        wait_for_ssh(work, "a", attempts(REFUSED), console=lambda: printed)
    assert caught.value is REFUSED
    shown = [
        "the last lines of its console:",
        *(f"  line {number}" for number in range(11, 30)),
        "  cloud-init: failed",
    ]
    assert work.lines == [f"{left}: {line}" for line in shown]


def test_an_attempt_leaves_time_to_read_the_console() -> None:
    work, taken = Clock(25), list[float]()

    def hang(seconds: float) -> None:
        taken.append(seconds)
        work.seconds -= seconds
        raise REFUSED

    with pytest.raises(InstallerError):
        wait_for_ssh(work, "a", hang, console=lambda: "panic")
    assert work.lines[-1].endswith("  panic")
    assert sum(taken) < 25


def test_a_console_that_cannot_be_read_or_shows_nothing_is_said_and_one_that_nobody_keeps_is_not() -> None:
    def refused() -> str:
        raise InstallerError("ask AWS for ec2:GetConsoleOutput", "not allowed")

    told = []
    for console in (refused, lambda: " \n", lambda: None):
        work = Clock(4)
        with pytest.raises(InstallerError):
            wait_for_ssh(work, "a", attempts(REFUSED), console=console)
        told.append(work.lines)
    assert told == [["1: its console can't be read: not allowed"], ["1: its console shows nothing yet"], []]


def test_nothing_that_is_false_is_taken_for_no_answer() -> None:
    assert wait_for_ssh(Clock(1), "a", attempts(False)) is False


def test_one_attempt_may_not_take_the_whole_deadline() -> None:
    assert wait_for_ssh(Clock(1000), "a", lambda seconds: seconds) == 30.0


def test_a_greeting_is_what_an_ssh_server_says_first() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    answers, seen = greeted("127.0.0.1", port)
    assert not answers
    assert seen == f"127.0.0.1:{port}: Connection refused"


def test_a_machine_that_is_busy_has_seconds_for_its_greeting() -> None:
    def greet() -> None:
        connection, _ = listener.accept()
        with connection:
            time.sleep(2.5)
            connection.sendall(b"SSH-2.0-OpenSSH_10.0\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=greet)
        thread.start()
        answers, _ = greeted("127.0.0.1", listener.getsockname()[1])
        thread.join()
    assert answers
