"""On which processors the engine runs, and what it starts."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from installer.common import processors

_HERE = "import os; print(sorted(os.sched_getaffinity(0)))"


def of_a_program() -> str:
    """The processors of a program that is started now."""
    return subprocess.run([sys.executable, "-c", _HERE], capture_output=True, text=True, check=True).stdout.strip()


def of_a_thread() -> set[int]:
    """The processors of a thread that is started now."""
    found: list[set[int]] = []
    thread = threading.Thread(target=lambda: found.append(os.sched_getaffinity(0)))
    thread.start()
    thread.join()
    return found[0]


@pytest.fixture
def before() -> Iterator[set[int]]:
    """The processors of this process, which it has afterwards as well."""
    found = os.sched_getaffinity(0)
    yield found
    os.sched_setaffinity(0, found)


def test_threads_keep_to_one_processor_until_it_is_over(before: set[int]) -> None:
    with processors.one():
        (mine,) = os.sched_getaffinity(0)
        assert of_a_thread() == {mine} <= before
    assert of_a_thread() == os.sched_getaffinity(0) == before


def test_a_program_may_have_every_processor(before: set[int]) -> None:
    with processors.one():
        with processors.every():
            assert of_a_program() == str(sorted(before))
        assert len(os.sched_getaffinity(0)) == 1
    with processors.every():
        assert of_a_program() == str(sorted(before))


def test_a_system_that_refuses_only_takes_longer(before: set[int], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_pid: int, _mask: set[int]) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "sched_setaffinity", refuse)
    with processors.one(), processors.every():
        assert of_a_thread() == before
    monkeypatch.undo()


def test_so_does_one_that_has_no_such_call(before: set[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_setaffinity")
    with processors.one(), processors.every():
        assert of_a_thread() == before
    monkeypatch.undo()
