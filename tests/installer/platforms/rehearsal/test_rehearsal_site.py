"""The rehearsal site: a process of its own, whose machines outlive installers and the process itself."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from installer.common.errors import InstallerError
from installer.plan.model import InstallPlan
from installer.plan.sections import Ingress
from installer.plan.topology import topology
from installer.platforms import open_platform
from installer.platforms.rehearsal.client import RefusedError
from tests.doubles.rehearsal import Rehearsal, processes_of
from tests.patience import PATIENCE

UP_TO_CONNECT = ("check/", "network/", "machines/", "connect/")


def _pid(rehearsal: Rehearsal) -> int:
    return int(rehearsal.client.call("hello")["pid"])


def _kill_site(rehearsal: Rehearsal) -> None:
    client = rehearsal.client
    os.kill(_pid(rehearsal), signal.SIGKILL)
    client._await_end()


@pytest.mark.usefixtures("quick_sites")
def test_an_install_through_real_ssh_holds_when_observed_again(rehearsal: Rehearsal) -> None:
    assert rehearsal.run() != []
    rehearsal.open()
    assert rehearsal.run() == []


@pytest.mark.usefixtures("quick_sites")
def test_a_load_balancer_takes_the_place_of_infra_nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path))
    plan = InstallPlan(name="demo", subdomain="example.com", masters=1, ingress=Ingress(kind="load-balancer"))
    balanced = Rehearsal(plan)
    try:
        assert "network/load-balancer" in balanced.run()
        assert [found.name for found in balanced.found() if found.kind == "load balancer"] == ["demo-lb"]
    finally:
        balanced.close()


def test_nothing_is_left_after_an_undo(rehearsal: Rehearsal) -> None:
    rehearsal.run(*UP_TO_CONNECT, "dns/")
    directory = rehearsal.client.directory
    ports = [machine.port for machine in rehearsal.client.machines()]
    assert processes_of(directory)
    rehearsal.undo()
    assert rehearsal.found() == []
    assert processes_of(directory) == []
    assert not directory.exists()
    for port in ports:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=1)
    rehearsal.undo()


@pytest.mark.usefixtures("quick_sites")
def test_everything_that_exists_is_found_by_somebody_who_recorded_nothing(rehearsal: Rehearsal) -> None:
    rehearsal.run(*UP_TO_CONNECT, "dns/")
    found = [(resource.kind, resource.name) for resource in rehearsal.found(open_platform(rehearsal.plan))]
    assert found == [
        ("rehearsal site", "demo"),
        ("machine", "demo-master-1"),
        ("machine", "demo-infra-1"),
        ("machine", "demo-worker-1"),
        ("firewall group", "demo-infra"),
        ("firewall group", "demo-master"),
        ("firewall group", "demo-worker"),
        ("A record", "demo-k8s.example.com"),
        ("A record", "demo.example.com"),
    ]


@pytest.mark.usefixtures("quick_sites")
def test_the_firewall_in_force_is_the_planned_one(rehearsal: Rehearsal) -> None:
    rehearsal.run(*UP_TO_CONNECT)
    planned = {machine.name: machine.firewall for machine in topology(rehearsal.plan).machines}
    assert rehearsal.platform.firewall() == planned


def test_looking_at_a_cluster_that_was_never_made_makes_nothing(rehearsal: Rehearsal) -> None:
    platform = open_platform(rehearsal.plan)
    assert rehearsal.found(platform) == []
    assert platform.firewall() == {}
    with pytest.raises(InstallerError, match="there is no site of demo"):
        platform.endpoint("demo-worker-1")
    assert not rehearsal.client.directory.exists()


@pytest.mark.usefixtures("quick_sites")
def test_a_machine_is_never_created_twice(rehearsal: Rehearsal) -> None:
    rehearsal.run(*UP_TO_CONNECT)
    machine = rehearsal.client.machine("demo-worker-1")
    assert machine is not None
    with pytest.raises(RefusedError, match="there is a machine demo-worker-1 already") as caught:
        rehearsal.client.call(
            "create", name="demo-worker-1", role="worker", address="10.10.9.9", firewall="demo-worker",
            user="craton", authorized_keys=[],
        )  # fmt: skip
    assert caught.value.kind == "already-exists"
    rehearsal.open()
    rehearsal.run(*UP_TO_CONNECT)
    assert [found.creations for found in rehearsal.client.machines()] == [1, 1, 1]


@pytest.mark.usefixtures("quick_sites")
def test_a_machine_created_but_not_reported_is_adopted(rehearsal: Rehearsal) -> None:
    rehearsal.open("worker-1:machines:drop")
    with pytest.raises(InstallerError, match="closed the connection without an answer") as caught:
        rehearsal.run(*UP_TO_CONNECT)
    assert caught.value.retryable
    rehearsal.open()
    rehearsal.run(*UP_TO_CONNECT)
    assert [found.creations for found in rehearsal.client.machines()] == [1, 1, 1]


@pytest.mark.usefixtures("quick_sites")
def test_machines_survive_the_sites_death(rehearsal: Rehearsal) -> None:
    rehearsal.run()
    before = rehearsal.client.machines()
    _kill_site(rehearsal)
    assert not rehearsal.client.alive()
    rehearsal.open()
    assert rehearsal.run() == ["network/site"]
    assert rehearsal.client.machines() == before


@pytest.mark.usefixtures("quick_sites")
def test_a_site_that_died_is_brought_back_by_whoever_looks(rehearsal: Rehearsal) -> None:
    rehearsal.run(*UP_TO_CONNECT)
    endpoint = rehearsal.platform.endpoint("demo-worker-1")
    _kill_site(rehearsal)
    assert open_platform(rehearsal.plan).endpoint("demo-worker-1") == endpoint


@pytest.mark.usefixtures("quick_sites")
def test_a_port_that_was_taken_meanwhile_is_replaced(rehearsal: Rehearsal) -> None:
    rehearsal.run(*UP_TO_CONNECT)
    endpoint = rehearsal.platform.endpoint("demo-worker-1")
    _kill_site(rehearsal)
    with socket.create_server(("127.0.0.1", endpoint.port)):
        again = open_platform(rehearsal.plan).endpoint("demo-worker-1")
    assert again.port != endpoint.port
    assert again.host_key == endpoint.host_key


def test_the_site_survives_the_installer_that_started_it(rehearsal: Rehearsal) -> None:
    script = (
        "import os, signal\n"
        "from installer.platforms.rehearsal.client import SiteClient\n"
        "SiteClient('demo').start()\n"
        "os.killpg(0, signal.SIGKILL)\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], start_new_session=True, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert rehearsal.client.alive()


def test_two_programs_that_start_a_site_at_once_share_it(rehearsal: Rehearsal) -> None:
    script = (
        "from installer.platforms.rehearsal.client import SiteClient\n"
        "client = SiteClient('demo'); client.start(); print(client.call('hello')['pid'])\n"
    )
    programs = [subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) for _ in range(3)]
    said = {program.communicate(timeout=PATIENCE)[0] for program in programs}
    assert len(said) == 1
    assert said == {f"{_pid(rehearsal)}\n".encode()}


def test_a_site_whose_directory_is_gone_ends(rehearsal: Rehearsal) -> None:
    rehearsal.run("check/", "network/site")
    directory = rehearsal.client.directory
    with (directory / "lock").open("w") as lock:
        (directory / "site.json").unlink()
        import fcntl

        fcntl.flock(lock, fcntl.LOCK_EX)


def test_the_token_is_private_and_needed(rehearsal: Rehearsal) -> None:
    rehearsal.run("check/", "network/site")
    path = rehearsal.client.directory / "site.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((rehearsal.client.directory / "state.json").stat().st_mode) == 0o600
    address = json.loads(path.read_text())
    with socket.create_connection(("127.0.0.1", address["port"]), timeout=5) as connection:
        connection.sendall(b'{"token": "guess", "method": "shutdown", "arguments": {}}\n')
        assert b"refused" in connection.recv(200)
    assert rehearsal.client.alive()


def test_a_broken_state_file_is_an_error_with_a_next_action(rehearsal: Rehearsal) -> None:
    rehearsal.client.directory.mkdir(parents=True)
    (rehearsal.client.directory / "state.json").write_text("{")
    with pytest.raises(InstallerError, match=r"state\.json cannot be read") as caught:
        rehearsal.platform.site()
    assert "site.log" in caught.value.hint


@pytest.fixture
def crowd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rehearsal]:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path))
    opened = Rehearsal(InstallPlan(name="crowd", subdomain="example.com", masters=1, workers=100))
    yield opened
    opened.close()


def test_one_process_serves_a_hundred_machines(crowd: Rehearsal) -> None:
    crowd.run("check/", "network/", "machines/")
    assert len({machine.port for machine in crowd.client.machines()}) == 102
    assert len(processes_of(crowd.client.directory)) == 1
    crowd.run("connect/crowd-worker-100")
