"""The lock: one holder at a time, freed however it ends, and asking about it disturbs nobody."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from installer.common.errors import ExitCode, InstallerError
from installer.common.paths import ClusterDirectory
from installer.engine.holder import Holder
from installer.engine.journal import JournalError
from installer.engine.lock import hold_lock, request_stop, running_pid

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
        left = Holder.read(directory.lock)
        assert left is not None
        assert left.pid == process.pid
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


def test_a_lock_file_that_is_deleted_lets_no_second_engine_in(directory: ClusterDirectory) -> None:
    with hold_lock(directory) as lock:
        directory.lock.unlink()
        with pytest.raises(InstallerError, match="at work on demo") as raised, hold_lock(directory):
            pass
        assert raised.value.exit_code is ExitCode.LOCKED
        assert running_pid(directory) is not None, "it is known that somebody works, if not who"
        lock.check()


def test_a_directory_that_is_replaced_ends_the_old_engine_s_right_to_go_on(directory: ClusterDirectory) -> None:
    with hold_lock(directory) as lock:
        lock.check()
        directory.path.rename(directory.path.with_name("aside"))
        with pytest.raises(JournalError, match="removed or replaced"):
            lock.check()
        with hold_lock(directory) as new:
            assert running_pid(directory) == os.getpid()
            new.check()


def test_where_directories_can_not_be_locked_the_file_alone_is(
    directory: ClusterDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = fcntl.flock

    def of_a_network(descriptor: int, mode: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EBADF, "Bad file descriptor")
        real(descriptor, mode)

    monkeypatch.setattr(fcntl, "flock", of_a_network)
    with hold_lock(directory) as lock:
        assert running_pid(directory) == os.getpid()
        lock.check()
        with pytest.raises(InstallerError, match="at work on demo"), hold_lock(directory):
            pass
        directory.lock.unlink()
        with pytest.raises(JournalError, match="removed or replaced"):
            lock.check()


@pytest.fixture
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    """A process that has nothing to do with any engine."""
    with subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE) as process:
        yield process
        process.communicate()


@pytest.mark.parametrize("other", [{"boot": "another"}, {"namespace": "pid:[1]"}, {"started": "1"}, {"started": ""}])
def test_a_stop_never_signals_a_process_that_merely_has_the_pid(
    directory: ClusterDirectory, bystander: subprocess.Popen[bytes], other: dict[str, str]
) -> None:
    """As an engine on another computer, or in a container that shares the directory, whose pid is somebody's here."""
    with holder(directory):
        written = Holder.read(directory.lock)
        assert written is not None
        stranger = replace(written, pid=bystander.pid, host="elsewhere", **other)
        directory.lock.write_text(stranger.to_json())
        with pytest.raises(InstallerError, match=f"it is process {bystander.pid} on elsewhere") as raised:
            request_stop(directory)
        assert f"kill {bystander.pid}" in raised.value.hint
    assert bystander.poll() is None


@pytest.mark.parametrize("text", ["", "rubbish", "[]", "{}", '{"pid": "4"}', "99999999"])
def test_a_lock_that_says_nothing_of_use_is_still_held_and_no_error(directory: ClusterDirectory, text: str) -> None:
    with holder(directory):
        directory.lock.write_text(text)
        assert running_pid(directory) in (0, 99999999)
        with pytest.raises(InstallerError, match="stop the engine"):
            request_stop(directory)


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
