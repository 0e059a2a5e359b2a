"""The engine's process: launched, heard of once it has begun, alone at work, stopped when asked, deaf to a hangup."""

from __future__ import annotations

import json
import os
import signal
import stat
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from installer.common.errors import ExitCode, InstallerError
from installer.common.paths import ClusterDirectory
from installer.engine import ending
from installer.engine.ending import how_it_ended
from installer.engine.events import Outcome
from installer.engine.journal import Reader
from installer.engine.process import HANDSHAKE, handed_secrets, launch, request_stop, running_pid, serve
from tests.patience import PATIENCE


def until(condition: Callable[[], bool]) -> bool:
    """Whether `condition` comes true within PATIENCE."""
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


def argv(directory: ClusterDirectory, *order: str) -> list[str]:
    return [sys.executable, "-m", "tests.doubles.file_engine", str(directory.path), *order]


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[ClusterDirectory]:
    directory = ClusterDirectory(tmp_path / "demo")
    yield directory
    request_stop(directory)
    assert until(lambda: running_pid(directory) is None)


@pytest.fixture
def pid(directory: ClusterDirectory) -> int:
    """A launched engine that works until it is stopped or released."""
    return launch(argv(directory, "hold"), directory)


def outcome(directory: ClusterDirectory) -> Outcome | None:
    with Reader(directory.journal) as reader:
        return reader.runs()[-1].outcome


def test_a_launched_engine_has_begun_and_runs_in_a_session_of_its_own(directory: ClusterDirectory, pid: int) -> None:
    assert running_pid(directory) == pid
    assert os.getsid(pid) == pid
    with Reader(directory.journal) as reader:
        assert reader.runs()[0].pid == pid


def test_an_engine_ends_by_itself_when_all_is_done(directory: ClusterDirectory, pid: int) -> None:
    (directory.path / "release").touch()
    assert until(lambda: running_pid(directory) is None)
    assert outcome(directory) is Outcome.DONE


def test_a_second_engine_is_refused_with_the_pid_of_the_first(directory: ClusterDirectory, pid: int) -> None:
    with pytest.raises(InstallerError, match=f"process {pid} is at work on demo") as raised:
        launch(argv(directory), directory)
    assert raised.value.exit_code is ExitCode.LOCKED
    assert "craton watch demo" in raised.value.hint
    assert running_pid(directory) == pid


@pytest.mark.parametrize("times", [1, 3])
def test_an_engine_that_is_asked_to_stop_leaves_a_resumable_journal(
    directory: ClusterDirectory, pid: int, times: int
) -> None:
    for _ in range(times):
        assert request_stop(directory) in (pid, None)
    assert until(lambda: running_pid(directory) is None)
    assert outcome(directory) is Outcome.STOPPED
    assert request_stop(directory) is None


def test_sigint_stops_and_sighup_does_not(directory: ClusterDirectory, pid: int) -> None:
    os.kill(pid, signal.SIGHUP)
    (directory.path / "release").touch()
    assert until(lambda: running_pid(directory) is None)
    assert outcome(directory) is Outcome.DONE
    (directory.path / "release").unlink()
    (directory.path / "file-7").unlink()
    os.kill(launch(argv(directory, "hold"), directory), signal.SIGINT)
    assert until(lambda: running_pid(directory) is None)
    assert outcome(directory) is Outcome.STOPPED


def test_an_error_before_the_run_begins_comes_back_to_whoever_launched(directory: ClusterDirectory) -> None:
    with pytest.raises(InstallerError) as raised:
        launch(argv(directory, "refuse"), directory)
    error = raised.value
    assert (error.operation, error.hint, error.exit_code) == ("open the world", "Get one.", ExitCode.PLAN)
    assert error.observed == "no world ***"


def test_an_unexpected_exception_before_the_run_begins_comes_back_without_a_traceback(
    directory: ClusterDirectory,
) -> None:
    with pytest.raises(InstallerError, match="internal error: ValueError") as raised:
        launch(argv(directory, "crash"), directory)
    assert str(directory.engine_log) in raised.value.hint
    assert until(lambda: "no such thing" in directory.engine_log.read_text())


def test_a_program_that_ends_without_a_word_is_reported_with_its_status(directory: ClusterDirectory) -> None:
    with pytest.raises(InstallerError, match="ended before it started, with status 3"):
        launch([sys.executable, "-c", "raise SystemExit(3)"], directory)


def test_a_program_that_is_not_there_is_reported(directory: ClusterDirectory) -> None:
    with pytest.raises(InstallerError, match="No such file"):
        launch([str(directory.path / "missing")], directory)


def test_an_engine_that_does_not_begin_in_time_is_ended(directory: ClusterDirectory) -> None:
    with pytest.raises(InstallerError, match="hasn't started"):
        launch(argv(directory, "mute"), directory, deadline=0.5)
    assert until(lambda: running_pid(directory) is None)


WITNESS = """\
import json, os, pathlib
from installer.engine.process import HANDSHAKE, handed_secrets
found, again = handed_secrets(), handed_secrets()
secret = found["/home/ada/key"]
seen = [name for name in ("environ", "cmdline") if secret in pathlib.Path("/proc/self", name).read_text()]
print(json.dumps([secret[::-1], again, seen, os.read(0, 10).decode()]), flush=True)
os.write(int(os.environ[HANDSHAKE]), b'{"pid": 1}\\n')
"""


def test_secrets_reach_the_engine_and_nothing_else(directory: ClusterDirectory) -> None:
    launch([sys.executable, "-c", WITNESS], directory, secrets={"/home/ada/key": "hunter2 \u2603"})
    assert json.loads(directory.engine_log.read_text()) == ["\u2603 2retnuh", {}, [], ""]
    assert [path for path in directory.path.rglob("*") if path.is_file() and b"hunter2" in path.read_bytes()] == []


def test_an_engine_that_was_not_launched_reads_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(HANDSHAKE, raising=False)
    assert handed_secrets() == {}


def test_an_engine_that_ends_before_it_takes_its_secrets_is_reported(directory: ClusterDirectory) -> None:
    with pytest.raises(InstallerError, match="ended before it started"):
        launch(["true"], directory, secrets={"/home/ada/key": "x" * 1_000_000})


def test_the_engine_log_is_private_and_appended_to(directory: ClusterDirectory) -> None:
    for word in ("first", "second"):
        with pytest.raises(InstallerError):
            launch([sys.executable, "-c", f"print({word!r})"], directory)
    assert directory.engine_log.read_text() == "first\nsecond\n"
    assert stat.S_IMODE(directory.engine_log.stat().st_mode) == 0o600


def test_an_engine_inherits_nothing_that_is_open_here(directory: ClusterDirectory) -> None:
    readable, writable = os.pipe()
    os.set_inheritable(writable, True)
    launch(argv(directory, "hold"), directory)
    os.close(writable)
    assert os.read(readable, 1) == b""
    os.close(readable)


def test_an_engine_in_the_foreground_needs_nobody_to_listen(
    directory: ClusterDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(HANDSHAKE, raising=False)
    before = signal.getsignal(signal.SIGTERM)
    pids: list[int | None] = []

    def work(_stop: object, begun: Callable[[], None], _guard: object) -> ExitCode:
        begun()
        pids.append(running_pid(directory))
        return ExitCode.DONE

    assert serve(directory, work) is ExitCode.DONE
    assert pids == [os.getpid()]
    assert signal.getsignal(signal.SIGTERM) is before


def test_an_engine_goes_on_when_whoever_launched_it_is_gone(
    directory: ClusterDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    readable, writable = os.pipe()
    monkeypatch.setenv(HANDSHAKE, str(writable))
    os.close(readable)

    def work(_stop: object, begun: Callable[[], None], _guard: object) -> ExitCode:
        begun()
        return ExitCode.DONE

    assert serve(directory, work) is ExitCode.DONE
    assert HANDSHAKE not in os.environ


def test_how_an_engine_ended_is_known_from_its_signal_its_last_words_or_the_lack_of_both(
    directory: ClusterDirectory, pid: int
) -> None:
    os.kill(pid, signal.SIGKILL)
    assert how_it_ended(directory, pid) == "was killed by signal 9 (SIGKILL)"
    del ending.launched[pid]
    assert how_it_ended(directory, pid).startswith("was killed, most likely by signal 9 (SIGKILL)")
    with directory.engine_log.open("a") as log:
        log.write("write the journal: no \x1b[31mspace left\n\n")
    assert how_it_ended(directory, pid) == "ended: write the journal: no space left"
    with directory.engine_log.open("a") as log:
        log.write("engine 1 began\n")
    assert how_it_ended(directory, 1).startswith("was killed, most likely")
    directory.engine_log.unlink()
    assert how_it_ended(directory, pid).startswith("was killed, most likely")
