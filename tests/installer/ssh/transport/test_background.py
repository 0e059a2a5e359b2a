"""Commands that go on while others run, and input that comes from files, over a real OpenSSH server."""

from __future__ import annotations

import io
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from installer.common.errors import InstallerError
from installer.common.paths import ClusterDirectory
from installer.ssh.client import SSHConnection
from installer.ssh.connections import SSHConnections
from installer.ssh.keys.cluster_key import ensure_key
from tests.doubles.sshd import SSHD, running_sshd
from tests.patience import PATIENCE, eventually, with_enough_time


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SSHD]:
    with running_sshd(tmp_path_factory.mktemp("sshd")) as running:
        yield running


@pytest.fixture
def connection(server: SSHD, tmp_path: Path) -> Iterator[SSHConnection]:
    directory = ClusterDirectory(tmp_path / "demo")
    server.authorize(ensure_key(directory))
    pool = SSHConnections(lambda _machine: server.endpoint, directory)
    yield pool.get("demo-worker-1", PATIENCE)
    pool.close()


def _await_end(pid: int) -> None:
    """Wait until a process is gone; it is not ours to wait for."""
    eventually(lambda: not Path(f"/proc/{pid}").exists(), f"the end of {pid}")


def test_a_command_goes_on_while_others_run(connection: SSHConnection) -> None:
    with connection.start("sh -s", stdin="echo ready $$; cat >&2\n") as running:
        pid = int(running.wait_for(lambda line: line.startswith("ready"), PATIENCE).split()[1])
        assert connection.run(f"kill -0 {pid}", deadline=PATIENCE).status == 0
    _await_end(pid)


def test_lines_are_each_seen_once_and_in_order(connection: SSHConnection) -> None:
    with connection.start("seq 1 1000; exec cat") as running:
        assert running.wait_for(lambda line: line.endswith("5"), PATIENCE) == "5"
        assert running.wait_for(lambda line: line.endswith("5"), PATIENCE) == "15"
        assert running.wait_for(lambda line: line == "1000", PATIENCE) == "1000"


def test_its_input_ends_with_the_context(connection: SSHConnection, tmp_path: Path) -> None:
    with connection.start(f"echo ready; cat > {tmp_path}/in; echo done > {tmp_path}/out", stdin="text\n") as running:
        running.wait_for(lambda line: line == "ready", PATIENCE)
        assert not (tmp_path / "out").exists()
    assert (tmp_path / "in").read_text() == "text\n"
    assert (tmp_path / "out").read_text() == "done\n"


def test_a_command_that_heeds_nothing_is_killed_with_its_children(connection: SSHConnection) -> None:
    command = "trap '' HUP TERM INT PIPE; sleep 600 & echo $$ $!; while :; do sleep 600; done"
    with connection.start(command) as running:
        pids = [int(pid) for pid in running.wait_for(lambda line: " " in line, PATIENCE).split()]
    for pid in pids:
        _await_end(pid)


def test_a_command_that_ends_early_is_told_with_its_last_words(connection: SSHConnection) -> None:
    with (
        connection.start("echo started; echo 'bind: address in use' >&2; exit 98") as running,
        pytest.raises(InstallerError) as caught,
    ):
        running.wait_for(lambda line: line == "listening", PATIENCE)
    assert caught.value.observed == "the command ended with exit status 98; last seen: bind: address in use"


def test_what_does_not_come_is_not_waited_for(connection: SSHConnection) -> None:
    def waited(seconds: float) -> str:
        with connection.start("echo begun; exec cat") as running, pytest.raises(InstallerError) as caught:
            running.wait_for(lambda line: line == "never", seconds)
        return caught.value.observed

    observed = with_enough_time(waited, lambda observed: "begun" in observed)
    assert re.fullmatch(r"did not say what was waited for within \d+ s; last seen: begun", observed)


def test_a_connection_that_drops_is_told(server: SSHD, connection: SSHConnection) -> None:
    with connection.start("echo begun; exec cat") as running:
        running.wait_for(lambda line: line == "begun", PATIENCE)
        server.kill_sessions()
        with pytest.raises(InstallerError, match="the connection dropped") as caught:
            running.wait_for(lambda line: line == "never", PATIENCE)
    assert caught.value.retryable


def test_a_file_is_carried_without_being_held_in_memory(connection: SSHConnection, tmp_path: Path) -> None:
    class Endless(io.RawIOBase):
        """Ten megabytes that exist a piece at a time; it notes the largest piece that was asked for."""

        left, largest = 10_000_000, 0

        def read(self, size: int = -1) -> bytes:
            assert size > 0
            self.largest = max(self.largest, size)
            count = min(size, self.left)
            self.left -= count
            return b"x" * count

    source = Endless()
    assert connection.run("wc -c", stdin=source, deadline=PATIENCE).stdout.split() == ["10000000"]  # type: ignore[arg-type]
    assert source.largest <= 64 * 1024


def test_bytes_arrive_as_they_are(connection: SSHConnection, tmp_path: Path) -> None:
    (tmp_path / "image").write_bytes(os.urandom(300_000))
    with (tmp_path / "image").open("rb") as file:
        assert connection.run(f"cat > {tmp_path}/copy", stdin=file, deadline=PATIENCE).status == 0
    assert (tmp_path / "copy").read_bytes() == (tmp_path / "image").read_bytes()


def test_a_file_that_cannot_be_read_is_not_blamed_on_the_connection(connection: SSHConnection) -> None:
    class Broken(io.RawIOBase):
        name = "/artifacts/image.tar"
        first = True

        def read(self, size: int = -1) -> bytes:
            if not self.first:
                raise OSError(5, "Input/output error")
            self.first = False
            return b"x"

    with pytest.raises(InstallerError, match=r"/artifacts/image.tar cannot be read: Input/output error"):
        connection.run("cat", stdin=Broken(), deadline=PATIENCE)  # type: ignore[arg-type]
    assert not connection.broken


def test_a_connection_that_drops_during_an_upload_is_told(server: SSHD, connection: SSHConnection) -> None:
    class Slow(io.RawIOBase):
        sent = 0

        def read(self, size: int = -1) -> bytes:
            self.sent += 1
            if self.sent == 20:
                server.kill_sessions()
            return b"x" * size

    with pytest.raises(InstallerError, match="the connection dropped") as caught:
        connection.run("cat > /dev/null", stdin=Slow(), deadline=PATIENCE)  # type: ignore[arg-type]
    assert caught.value.retryable


def test_many_commands_start_no_thread_each(connection: SSHConnection) -> None:
    connection.run("true", deadline=PATIENCE)
    before = threading.active_count()
    threads: list[int] = []
    for _ in range(3):
        connection.run("echo x", deadline=PATIENCE, on_line=lambda _line: threads.append(threading.active_count()))
    assert threads == [before] * 3
