"""The lock: one holder at a time, freed however it ends, and asking about it disturbs nobody."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from installer.common.errors import ExitCode, InstallerError
from installer.common.paths import ClusterDirectory
from installer.engine.lock import hold_lock, running_pid

HOLDER = """
import sys
from pathlib import Path
from installer.engine.lock import hold_lock
from installer.common.paths import ClusterDirectory
with hold_lock(ClusterDirectory(Path(sys.argv[1]))):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def directory(tmp_path: Path) -> ClusterDirectory:
    return ClusterDirectory(tmp_path / "demo")


@contextmanager
def holder(directory: ClusterDirectory) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lock until its standard input is closed."""
    command = [sys.executable, "-c", HOLDER, str(directory.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        yield process
        if process.poll() is None:
            process.communicate()


def test_nobody_runs_where_there_is_no_lock_file(directory: ClusterDirectory) -> None:
    assert running_pid(directory) is None
    assert not directory.path.exists()


def test_the_holder_is_known_by_its_pid_and_only_while_it_holds(directory: ClusterDirectory) -> None:
    with holder(directory) as process:
        assert running_pid(directory) == process.pid
    assert running_pid(directory) is None
    assert stat.S_IMODE(directory.lock.stat().st_mode) == 0o600


def test_a_second_holder_is_refused_with_the_first_ones_pid(directory: ClusterDirectory) -> None:
    with holder(directory) as process:
        with pytest.raises(InstallerError, match=f"process {process.pid} ") as raised, hold_lock(directory):
            pass
        assert raised.value.exit_code is ExitCode.LOCKED
        assert f"kill {process.pid}" in raised.value.hint
        assert running_pid(directory) == process.pid


def test_a_killed_holder_leaves_a_lock_that_is_free(directory: ClusterDirectory) -> None:
    with holder(directory) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert directory.lock.read_text() == str(process.pid)
        assert running_pid(directory) is None
        with hold_lock(directory):
            assert running_pid(directory) == os.getpid()


def test_a_stale_pid_that_is_another_process_by_now_is_not_taken_for_the_engine(directory: ClusterDirectory) -> None:
    directory.path.mkdir()
    directory.lock.write_text(str(os.getppid()))
    assert running_pid(directory) is None


def test_the_lock_is_free_after_an_error(directory: ClusterDirectory) -> None:
    with pytest.raises(ValueError, match="odd"), hold_lock(directory):
        raise ValueError("odd")
    with hold_lock(directory):
        pass


def test_a_lock_file_that_is_removed_while_held_does_not_lock_the_next_cluster_of_that_name(
    directory: ClusterDirectory,
) -> None:
    with hold_lock(directory):
        directory.lock.unlink()
        with hold_lock(directory):
            assert running_pid(directory) == os.getpid()


def test_asking_who_runs_never_keeps_anybody_from_the_lock(directory: ClusterDirectory) -> None:
    finished = threading.Event()

    def ask() -> None:
        while not finished.is_set():
            running_pid(directory)

    askers = [threading.Thread(target=ask) for _ in range(2)]
    for asker in askers:
        asker.start()
    try:
        for _ in range(50):
            with hold_lock(directory):
                pass
    finally:
        finished.set()
        for asker in askers:
            asker.join()
