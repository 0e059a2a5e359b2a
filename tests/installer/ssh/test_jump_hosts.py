"""Machines behind jump hosts, through real OpenSSH servers."""

from __future__ import annotations

import getpass
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from installer.common.errors import InstallerError
from installer.common.paths import ClusterDirectory
from installer.plan.host import Host
from installer.plan.sections import SSH
from installer.ssh import config
from installer.ssh.connections import SSHConnections
from installer.ssh.diagnose import diagnose
from installer.ssh.endpoint import Credentials, Endpoint
from installer.ssh.host_keys import pinned_keys
from installer.ssh.host_keys.verify import UnknownHostKey, host_keys, jump_name
from installer.ssh.keys.identities import keyring
from tests.doubles.sshd import SSHD, running_sshd, user_key
from tests.patience import FOREVER, PATIENCE, eventually

MACHINE = "demo-worker-1"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    directory = tmp_path_factory.mktemp("keys")
    for name in ("machine", "inner", "outer"):
        user_key(directory / name)
    return {name: directory / name for name in ("machine", "inner", "outer")}


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory, keys: dict[str, Path]) -> Iterator[dict[str, SSHD]]:
    directory = tmp_path_factory.mktemp("servers")
    with (
        running_sshd(directory / "machine", "AllowTcpForwarding no") as machine,
        running_sshd(directory / "inner") as inner,
        running_sshd(directory / "outer") as outer,
    ):
        found = {"machine": machine, "inner": inner, "outer": outer}
        for name, server in found.items():
            server.authorize(keys[name].with_name(f"{name}.pub").read_text())
        yield found


@pytest.fixture
def chain(servers: dict[str, SSHD], keys: dict[str, Path]) -> dict[str, Endpoint]:
    """The machine behind `inner` behind `outer`, each with a key of its own."""
    found: dict[str, Endpoint] = {}
    before: Endpoint | None = None
    for name in ("outer", "inner", "machine"):
        credentials = Credentials((keys[name],))
        before = found[name] = replace(servers[name].endpoint, credentials=credentials, jump=before)
    return found


def _pool(endpoint: Endpoint, tmp_path: Path) -> SSHConnections:
    return SSHConnections(lambda _machine: endpoint, ClusterDirectory(tmp_path / "demo"))


def _logins(server: SSHD) -> int:
    return (server.directory / "sshd.log").read_text().count("Accepted publickey")


def test_a_machine_behind_a_chain_of_jump_hosts_is_reached(chain: dict[str, Endpoint], tmp_path: Path) -> None:
    pool = _pool(chain["machine"], tmp_path)
    text = "x" * 99 + "\n"
    assert pool.get(MACHINE, PATIENCE).run("cat", stdin=text * 10_000, deadline=PATIENCE).stdout == text * 10_000
    pool.close()


def test_a_jump_host_is_logged_in_to_once_for_all_machines(
    servers: dict[str, SSHD], chain: dict[str, Endpoint], tmp_path: Path
) -> None:
    before = {name: _logins(server) for name, server in servers.items()}
    pool = _pool(chain["machine"], tmp_path)
    threads = [threading.Thread(target=pool.get, args=(f"demo-worker-{number}", 20)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {name: _logins(server) - before[name] for name, server in servers.items()} == {
        "machine": 4,
        "inner": 1,
        "outer": 1,
    }
    pool.close()


def test_a_jump_host_that_dropped_is_dialled_again(
    servers: dict[str, SSHD], chain: dict[str, Endpoint], tmp_path: Path
) -> None:
    pool = _pool(chain["machine"], tmp_path)
    connection = pool.get(MACHINE, PATIENCE)
    with pytest.raises(InstallerError, match="the connection dropped"):
        connection.run(
            f"echo up; exec sleep {FOREVER}", deadline=PATIENCE, on_line=lambda _line: servers["outer"].kill_sessions()
        )
    assert pool.get(MACHINE, PATIENCE).run("echo again", deadline=PATIENCE).stdout == "again\n"
    pool.close()


def test_the_diagnosis_says_which_way_it_went_and_leaves_nothing_open(
    servers: dict[str, SSHD], chain: dict[str, Endpoint]
) -> None:
    endpoint = chain["machine"]
    before = threading.active_count()
    diagnosis = diagnose(MACHINE, endpoint, host_keys(endpoint, None), keyring(endpoint), PATIENCE)
    inner = servers["inner"].port
    assert diagnosis.stages[0].seen == f"left to the jump host 127.0.0.1:{inner}"
    assert diagnosis.stages[1].seen == f"127.0.0.1:{endpoint.port} through 127.0.0.1:{inner}"
    assert diagnosis.stages[5].verdict == "passed"
    eventually(lambda: threading.active_count() <= before + 1, "the end of every thread but the watchdog")


def test_a_jump_host_that_refuses_the_key_is_named(chain: dict[str, Endpoint], tmp_path: Path) -> None:
    user_key(tmp_path / "wrong")
    outer = replace(chain["outer"], credentials=Credentials((tmp_path / "wrong",)))
    endpoint = replace(chain["machine"], jump=replace(chain["inner"], jump=outer))
    diagnosis = diagnose(MACHINE, endpoint, host_keys(endpoint, None), keyring(endpoint), PATIENCE)
    assert diagnosis.failed is not None
    assert diagnosis.failed.id == "connect"
    inner, there = endpoint.jump, outer
    assert inner is not None
    assert diagnosis.failed.seen.startswith(
        f"jump host 127.0.0.1:{inner.port}: jump host 127.0.0.1:{there.port}: the server refused SHA256:"
    )


def test_a_machine_that_the_jump_host_does_not_reach_is_said(chain: dict[str, Endpoint], tmp_path: Path) -> None:
    with socket.socket() as held:  # bound and not listening: nobody else can answer there meanwhile
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        endpoint = replace(chain["machine"], port=port, jump=chain["outer"])
        with pytest.raises(InstallerError) as caught:
            _pool(endpoint, tmp_path).get(MACHINE, PATIENCE)
    assert f"jump host 127.0.0.1:{chain['outer'].port} cannot connect to 127.0.0.1:{port}: " in caught.value.observed
    assert caught.value.retryable


def test_a_jump_host_that_forwards_nothing_is_said(chain: dict[str, Endpoint], tmp_path: Path) -> None:
    endpoint = replace(chain["inner"], jump=replace(chain["machine"], jump=None))
    with pytest.raises(InstallerError, match="may not connect to") as caught:
        _pool(endpoint, tmp_path).get(MACHINE, PATIENCE)
    assert "AllowTcpForwarding" in caught.value.hint
    assert not caught.value.retryable


def test_the_key_of_a_jump_host_is_judged_like_any_other(chain: dict[str, Endpoint], tmp_path: Path) -> None:
    unknown = replace(chain["outer"], host_key=None)
    pool = _pool(replace(chain["machine"], jump=replace(chain["inner"], jump=unknown)), tmp_path)
    with pytest.raises(UnknownHostKey) as caught:
        pool.get(MACHINE, PATIENCE)
    assert caught.value.name == jump_name(unknown)
    assert caught.value.machine == MACHINE
    pinned_keys.pin(ClusterDirectory(tmp_path / "demo"), caught.value.name, caught.value.shown)
    assert pool.get(MACHINE, PATIENCE).run("whoami", deadline=PATIENCE).stdout == f"{getpass.getuser()}\n"
    pool.close()


def test_openssh_itself_goes_the_same_way_by_the_keys_that_were_pinned(
    servers: dict[str, SSHD], keys: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".ssh").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    lines = [f"Host web\n HostName 127.0.0.1\n Port {servers['machine'].port}\n IdentityFile {keys['machine']}"]
    lines += [f"Host bastion\n HostName 127.0.0.1\n Port {servers['outer'].port}\n IdentityFile {keys['outer']}"]
    (tmp_path / ".ssh" / "config").write_text("\n".join(lines) + "\n")
    directory = ClusterDirectory(tmp_path / "demo")
    host, ssh = Host(address="web"), SSH(user=getpass.getuser(), jump=f"{getpass.getuser()}@bastion")
    endpoint = config.endpoint(host, ssh)
    assert endpoint.jump is not None
    pinned_keys.pin(directory, MACHINE, servers["machine"].host_key)
    pinned_keys.pin(directory, jump_name(endpoint.jump), servers["outer"].host_key)
    pool = _pool(endpoint, tmp_path)
    assert pool.get(MACHINE, PATIENCE).run("echo in", deadline=PATIENCE).stdout == "in\n"
    pool.close()
    argv = config.command(host, ssh, MACHINE, directory)
    done = subprocess.run(
        [*argv, "echo in"], capture_output=True, text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL
    )
    assert (done.returncode, done.stdout) == (0, "in\n"), done.stderr
