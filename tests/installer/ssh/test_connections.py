"""SSH connections against a real OpenSSH server."""

from __future__ import annotations

import os
import re
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import paramiko
import pytest
from paramiko.common import MSG_CHANNEL_DATA, MSG_CHANNEL_EOF

from installer.common.errors import InstallerError
from installer.common.paths import ClusterDirectory
from installer.ssh.client import SESSIONS, SSHConnection
from installer.ssh.connections import SSHConnections
from installer.ssh.endpoint import Endpoint
from installer.ssh.host_keys import pinned_keys
from installer.ssh.keys.cluster_key import ensure_key
from installer.ssh.transport import command
from installer.ssh.transport.packetizer import OrderlyPacketizer
from tests.craton import alive
from tests.doubles.sshd import SSHD, running_sshd
from tests.patience import FOREVER, PATIENCE, eventually, with_enough_time

MACHINE = "demo-worker-1"


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> ClusterDirectory:
    return ClusterDirectory(tmp_path_factory.mktemp("clusters") / "demo")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, directory: ClusterDirectory) -> Iterator[SSHD]:
    with running_sshd(tmp_path_factory.mktemp("sshd")) as running:
        running.authorize(ensure_key(directory))
        yield running


def _connections(endpoint: Endpoint, directory: ClusterDirectory) -> SSHConnections:
    return SSHConnections(lambda _machine: endpoint, directory)


@pytest.fixture
def connections(server: SSHD, directory: ClusterDirectory) -> Iterator[SSHConnections]:
    pool = _connections(server.endpoint, directory)
    yield pool
    pool.close()


@pytest.fixture
def connection(connections: SSHConnections) -> SSHConnection:
    return connections.get(MACHINE, PATIENCE)


def test_a_command_returns_its_output_errors_and_status(connection: SSHConnection) -> None:
    result = connection.run("echo out; echo err >&2; exit 3", deadline=PATIENCE)
    assert (result.status, result.stdout, result.stderr) == (3, "out\n", "err\n")


def test_a_connection_that_was_closed_to_make_room_is_opened_again_by_the_next_command(
    connections: SSHConnections,
) -> None:
    connection = connections.get(MACHINE, PATIENCE)
    assert connection.retire()
    assert connection.run("echo again", deadline=PATIENCE).stdout == "again\n"
    with connection.start("cat", stdin="once more\n") as running:
        assert running.wait_for(bool, PATIENCE) == "once more"


def test_a_connection_is_not_closed_to_make_room_while_a_command_runs_on_it(connection: SSHConnection) -> None:
    with connection.start("cat"):
        assert not connection.retire()
    assert connection.retire()


def test_an_idle_connection_sleeps_and_its_thread_ends_when_it_is_closed(
    connection: SSHConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    transport, looks = connection._dialled.transport, []
    monkeypatch.setattr(OrderlyPacketizer, "_check_keepalive", lambda _self: looks.append(time.monotonic()))
    looked = time.monotonic()
    time.sleep(1.0)
    assert len(looks) <= 1 + (time.monotonic() - looked) / 2
    connection.close()
    transport.join(PATIENCE)
    assert not transport.is_alive()


def test_more_commands_at_once_than_sshd_has_sessions_wait_for_each_other(connection: SSHConnection) -> None:
    with ThreadPoolExecutor(25) as pool:  # sshd opens 10 by default, and refuses others
        running = [pool.submit(connection.run, f"sleep 1; echo {n}", deadline=PATIENCE) for n in range(25)]
        assert [one.result().stdout for one in running] == [f"{n}\n" for n in range(25)]


def test_a_session_that_is_refused_while_another_ends_is_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "_REFUSED", PATIENCE)
    directory = ClusterDirectory(tmp_path / "demo")
    with running_sshd(tmp_path / "sshd", "MaxSessions 1") as server, ThreadPoolExecutor(2) as pool:
        server.authorize(ensure_key(directory))
        connections = _connections(server.endpoint, directory)
        connection = connections.get(MACHINE, PATIENCE)
        with connection.start("echo begun; cat") as running:
            running.wait_for(lambda line: line == "begun", PATIENCE)
            refused = pool.submit(connection.run, "echo let in", deadline=PATIENCE)
            time.sleep(1.0)
            assert not refused.done()
        assert refused.result().stdout == "let in\n"
        connections.close()


def test_a_command_that_waits_for_others_is_late_at_its_deadline_and_ended_with_them(connection: SSHConnection) -> None:
    with ThreadPoolExecutor(SESSIONS + 1) as pool:
        running = [pool.submit(connection.run, f"sleep {FOREVER}", deadline=FOREVER) for _ in range(SESSIONS)]
        eventually(lambda: len(connection._running) == SESSIONS, "all places to be taken")
        with pytest.raises(InstallerError, match="did not end within 1 s; nothing was seen yet"):
            connection.run("echo late", deadline=1.0)
        waiting = pool.submit(connection.run, "echo ended", deadline=FOREVER)
        eventually(lambda: len(connection._running) == SESSIONS + 1, "a command to wait")
        connection.end_commands(PATIENCE)
        with pytest.raises(InstallerError, match="the command was ended, as the run stops"):
            waiting.result(PATIENCE)
        assert all(one.exception(PATIENCE) for one in running)


def test_stdin_reaches_the_command_whole(connection: SSHConnection) -> None:
    text = "".join(f"line {number}\n" for number in range(100_000))
    assert connection.run("wc -c; ", stdin=text, deadline=PATIENCE).stdout.split() == [str(len(text))]


def test_a_command_that_echoes_more_than_the_windows_hold_does_not_block(connection: SSHConnection) -> None:
    text = "x" * 99 + "\n"
    assert connection.run("cat", stdin=text * 35_000, deadline=PATIENCE).stdout == text * 35_000


def test_a_command_that_reads_no_stdin_is_no_error(connection: SSHConnection) -> None:
    assert connection.run("exit 4", stdin="y\n" * 2_000_000, deadline=PATIENCE).status == 4


def test_a_command_without_stdin_sees_its_end(connection: SSHConnection) -> None:
    assert connection.run("cat; echo done", deadline=PATIENCE).stdout == "done\n"


def test_lines_are_passed_on_as_they_come(connection: SSHConnection, tmp_path: Path) -> None:
    first = threading.Event()
    lines: list[str] = []

    def on_line(line: str) -> None:
        lines.append(line)
        first.set()

    command = f"echo one; until test -e {tmp_path}/seen; do sleep 0.05; done; echo two"
    runner = threading.Thread(target=lambda: connection.run(command, deadline=PATIENCE, on_line=on_line))
    runner.start()
    assert first.wait(PATIENCE)
    assert lines == ["one"]
    (tmp_path / "seen").touch()
    runner.join()
    assert lines == ["one", "two"]


def test_escape_sequences_never_arrive(connection: SSHConnection) -> None:
    result = connection.run(r"printf '\033]0;title\007\033[2Jred \033[31mtext\033[0m\b\n'", deadline=PATIENCE)
    assert result.stdout == "red text\n"


def test_output_that_is_not_utf8_is_replaced(connection: SSHConnection) -> None:
    assert connection.run(r"printf 'caf\351 \303\251\n'", deadline=PATIENCE).stdout == "caf� é\n"


def test_a_command_that_outlives_its_deadline_is_left(connection: SSHConnection) -> None:
    def left(seconds: float) -> InstallerError:
        with pytest.raises(InstallerError) as caught:
            connection.run(f"echo begun; exec sleep {FOREVER}", deadline=seconds)
        return caught.value

    error = with_enough_time(left, lambda error: "begun" in error.observed)
    assert re.search(r"did not end within \d+ s; last seen: begun", error.observed)
    assert not error.retryable
    assert connection.run("echo still here", deadline=PATIENCE).stdout == "still here\n"


@pytest.mark.parametrize("command", ["echo opaque-0; exec sleep 60", "echo opaque-0 >&2; exec sleep 60"])
def test_nothing_that_a_secret_command_printed_is_in_an_error(connection: SSHConnection, command: str) -> None:
    with pytest.raises(InstallerError) as late:
        connection.run(command, deadline=2, secret=True)
    assert "opaque" not in str(late.value) + late.value.hint
    assert "its output is secret and not shown" in late.value.observed
    with pytest.raises(InstallerError) as killed:
        connection.run("echo opaque-0; kill -KILL $$", deadline=30, secret=True)
    assert "opaque" not in str(killed.value)


def test_a_flood_is_bounded_in_time_and_memory(connection: SSHConnection) -> None:
    with pytest.raises(InstallerError, match="did not end within 2 s"):
        connection.run("while echo y; do :; done", deadline=2)  # `yes` may be ended for its size before that


def test_of_much_output_the_newest_is_kept(connection: SSHConnection) -> None:
    kept = connection.run("seq 1 1000000", deadline=PATIENCE).stdout
    assert len(kept) < 4_300_000
    assert kept.startswith("[")
    assert kept.endswith("\n1000000\n")


@pytest.mark.parametrize(
    ("command", "length"),
    [("printf %09000d 7", 9000), ("head -c 6000000 /dev/zero | tr '\\0' x", 6_000_000)],
    ids=["one line", "more than people are shown"],
)
def test_what_a_program_reads_is_whole(command: str, length: int, connection: SSHConnection) -> None:
    assert len(connection.run(command, deadline=30, secret=True).stdout) == length
    assert len(connection.run(command, deadline=30).stdout.splitlines()[0]) <= 4000


def test_a_line_without_an_end_is_cut(connection: SSHConnection) -> None:
    kept = connection.run("head -c 3000000 /dev/zero | tr '\\0' x", deadline=PATIENCE).stdout
    assert max(len(line) for line in kept.splitlines()) <= 4000


def test_a_connection_that_drops_tells_what_was_seen_and_is_opened_again(
    server: SSHD, connections: SSHConnections
) -> None:
    connection = connections.get(MACHINE, PATIENCE)
    with pytest.raises(InstallerError, match=r"the connection dropped; last seen: begun") as caught:
        connection.run(
            f"echo begun; exec sleep {FOREVER}", deadline=PATIENCE, on_line=lambda _line: server.kill_sessions()
        )
    assert caught.value.retryable
    assert caught.value.machine == MACHINE
    assert connections.get(MACHINE, PATIENCE).run("echo again", deadline=PATIENCE).stdout == "again\n"


def test_a_command_that_is_killed_is_no_success(connection: SSHConnection) -> None:
    with pytest.raises(InstallerError, match="was killed on the machine"):
        connection.run("kill -9 $$", deadline=PATIENCE)


def test_steps_share_one_connection_and_run_side_by_side(connections: SSHConnections) -> None:
    opened: set[int] = set()
    outputs: list[str] = []

    def run(number: int) -> None:
        connection = connections.get(MACHINE, PATIENCE)
        opened.add(id(connection))
        outputs.append(connection.run(f"echo {number}", deadline=PATIENCE).stdout.strip())

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 1
    assert sorted(outputs) == [str(number) for number in range(8)]


def test_the_key_that_the_server_showed_is_evidence(server: SSHD, connection: SSHConnection) -> None:
    assert connection.host_key == server.host_key


def test_another_host_key_than_the_pinned_one_is_refused(server: SSHD, tmp_path: Path) -> None:
    directory = ClusterDirectory(tmp_path / "demo")
    other = " ".join(ensure_key(directory).split()[:2])
    pinned_keys.pin(directory, MACHINE, other)
    with pytest.raises(InstallerError, match="host key changed") as caught:
        _connections(server.endpoint, directory).get(MACHINE, PATIENCE)
    assert pinned_keys.fingerprint(other) in caught.value.observed
    assert pinned_keys.fingerprint(server.host_key) in caught.value.observed
    assert caught.value.hint
    assert not caught.value.retryable


def test_a_host_key_that_nobody_vouches_for_is_refused(server: SSHD, directory: ClusterDirectory) -> None:
    with pytest.raises(InstallerError, match=r"the host key SHA256:.* is not known"):
        _connections(replace(server.endpoint, host_key=None), directory).get(MACHINE, PATIENCE)


def test_the_pinned_type_of_host_key_is_asked_for(tmp_path: Path, directory: ClusterDirectory) -> None:
    with running_sshd(tmp_path / "sshd", host_key_types=("rsa", "ecdsa", "ed25519")) as server:
        server.authorize(ensure_key(directory))
        pool = _connections(server.endpoint, directory)
        assert pool.get(MACHINE, PATIENCE).host_key == server.host_key
        pool.close()


def test_a_key_that_is_not_accepted_is_named(server: SSHD, tmp_path: Path) -> None:
    directory = ClusterDirectory(tmp_path / "demo")
    offered = ensure_key(directory)
    with pytest.raises(InstallerError, match="didn't accept the key") as caught:
        _connections(server.endpoint, directory).get(MACHINE, PATIENCE)
    assert pinned_keys.fingerprint(offered) in caught.value.observed


def test_a_missing_key_is_an_error_with_a_next_action(server: SSHD, tmp_path: Path) -> None:
    with pytest.raises(InstallerError, match="does not exist") as caught:
        _connections(server.endpoint, ClusterDirectory(tmp_path / "demo")).get(MACHINE, PATIENCE)
    assert caught.value.hint


def test_broken_algorithms_are_never_agreed_on(tmp_path: Path, directory: ClusterDirectory) -> None:
    with running_sshd(tmp_path / "sshd", "Ciphers aes256-cbc,aes128-cbc") as server:
        server.authorize(ensure_key(directory))
        with pytest.raises(InstallerError, match="no algorithm that both sides accept") as caught:
            _connections(server.endpoint, directory).get(MACHINE, PATIENCE)
    assert not caught.value.retryable


def test_the_clusters_key_is_private_and_made_once(tmp_path: Path) -> None:
    directory = ClusterDirectory(tmp_path / "demo")
    public = ensure_key(directory)
    assert ensure_key(directory) == public
    assert stat.S_IMODE(directory.key.stat().st_mode) == 0o600
    assert directory.key.with_name("id_ed25519.pub").read_text() == f"{public}\n"
    assert public.startswith("ssh-ed25519 ")
    assert public.endswith(" craton-demo")


@pytest.mark.parametrize(
    ("command", "stdin", "late"),
    [("true", "", MSG_CHANNEL_EOF), ("sleep 0.1", "y" * 3_000_000, MSG_CHANNEL_DATA)],
    ids=["the end of its stdin", "more stdin"],
)
def test_a_command_that_ends_while_stdin_is_on_its_way_leaves_the_others_their_connection(
    connection: SSHConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, stdin: str, late: int
) -> None:
    send = paramiko.Transport._send_user_message  # type: ignore[attr-defined]

    def after_it_ended(transport: paramiko.Transport, message: paramiko.Message) -> None:
        """The thread pauses where a switch of threads is worst: with the message made, and not yet sent."""
        if message.asbytes()[0] == late and threading.current_thread() is not transport:
            until = time.monotonic() + PATIENCE
            while len(transport._channels) > 1 and time.monotonic() < until:  # type: ignore[attr-defined]
                time.sleep(0.01)
        send(transport, message)

    with connection.start(f"until test -e {tmp_path}/asked; do sleep 0.05; done; echo here; cat") as other:
        monkeypatch.setattr(paramiko.Transport, "_send_user_message", after_it_ended)
        assert connection.run(command, stdin=stdin, deadline=PATIENCE).status == 0
        (tmp_path / "asked").touch()
        assert other.wait_for(lambda line: line == "here", PATIENCE)


@pytest.mark.parametrize("trap", ["", "trap '' TERM; "], ids=["asked", "killed"])
def test_commands_are_ended_on_the_machine_with_all_that_they_started(
    server: SSHD, directory: ClusterDirectory, tmp_path: Path, trap: str
) -> None:
    pool = _connections(replace(server.endpoint), directory)
    connection = pool.get(MACHINE, PATIENCE)
    other = pool.fresh(MACHINE, PATIENCE)
    errors: list[InstallerError] = []
    marks = [tmp_path / "outer", tmp_path / "inner", tmp_path / "bystander"]

    def run(on: SSHConnection, command: str) -> None:
        try:
            on.run(command, deadline=PATIENCE)
        except InstallerError as error:
            errors.append(error)

    lasting = f'echo $$ >{marks[0]}; sh -c "echo \\$\\$ >{marks[1]}; while :; do sleep 0.1; done"; true'
    asked = threading.Thread(target=run, args=(connection, f"{trap}{lasting}"))
    bystander = threading.Thread(target=run, args=(other, f"echo $$ >{marks[2]}; exec sleep {FOREVER}"))
    for thread in (asked, bystander):
        thread.start()
    eventually(lambda: all(mark.exists() and mark.read_text().strip() for mark in marks), "the commands")
    pids = [int(mark.read_text()) for mark in marks]
    connection.end_commands(PATIENCE)
    eventually(lambda: not any(alive(pid) for pid in pids[:2]), "the end of the commands")
    asked.join(PATIENCE)
    [error] = errors
    assert error.retryable
    assert alive(pids[2]), "another connection's command goes on"
    assert connection.run("echo again", deadline=PATIENCE).stdout == "again\n"
    os.kill(pids[2], signal.SIGKILL)
    bystander.join(PATIENCE)
    other.close()
    pool.close()


def test_connections_load_nothing_that_paramiko_can_do_without() -> None:
    """invoke brings a YAML reader and unittest.mock along."""
    code = "import sys, installer.ssh.client; sys.exit(bool({'invoke.context', 'unittest.mock'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", code], check=True)
