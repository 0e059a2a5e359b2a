"""Listeners and probes leave nothing behind, however Craton or its connection ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import pytest

from installer.health.reach import scripts
from installer.health.reach.flows import Flow
from installer.health.reach.scripts import Secret
from installer.ssh.connection import Running
from tests.installer.health.reach.proving import INFRA, MASTER, WORKER, Site, eventually, site
from tests.patience import PATIENCE

_ENGINE = """
import json, sys
from pathlib import Path
from installer.health.reach.prove import prove
from installer.ssh.connections import SSHConnections
from installer.ssh.endpoint import Endpoint
from installer.common.paths import ClusterDirectory
from tests.installer.health.reach.proving import TOPOLOGY

endpoints = {name: Endpoint(**values) for name, values in json.loads(sys.argv[2]).items()}
connections = SSHConnections(endpoints.__getitem__, ClusterDirectory(Path(sys.argv[1])))
prove(connections.get, TOPOLOGY, 60, lambda line: print(line, flush=True))
"""


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Site]:
    with site(tmp_path) as running:
        yield running


@contextmanager
def _listening(machines: Site, seconds: int = 60) -> Iterator[Running]:
    """A listener of the worker that said that it is ready."""
    secret = Secret.new()
    flow = Flow(MASTER, WORKER, "tcp", "10.99.0.101", 6443, ("N1",))
    script = scripts.listen_script(secret, WORKER, [flow])
    connection = machines.connections.get(WORKER, PATIENCE)
    with connection.start(scripts.command(seconds, root=True), stdin=script) as running:
        running.wait_for(lambda line: line.startswith(f"{secret.ask} ready"), PATIENCE)
        assert "6443" in machines.network.run(WORKER, "ss", "-Hltn").stdout
        yield running


def _gone(machines: Site, *names: str) -> bool:
    return eventually(lambda: not any(machines.programs(name) for name in names or (WORKER,)))


def test_a_listener_ends_with_its_stdin(machines: Site) -> None:
    with _listening(machines):
        assert machines.programs(WORKER)
    assert _gone(machines)


def test_a_listener_ends_when_the_connection_closes(machines: Site) -> None:
    with _listening(machines):
        machines.network.disconnect(WORKER)
        assert _gone(machines)


def test_a_listener_ends_at_sighup(machines: Site) -> None:
    with _listening(machines):
        for pid in machines.programs(WORKER):
            os.kill(pid, signal.SIGHUP)
        assert _gone(machines)


def test_a_listener_ends_at_its_alarm_where_nobody_tells_it_that_the_network_is_gone(machines: Site) -> None:
    with _listening(machines, seconds=2):
        machines.network.set_link(WORKER, up=False)
        assert _gone(machines)
        machines.network.set_link(WORKER, up=True)


def test_a_program_that_never_arrives_whole_ends_at_its_alarm(machines: Site) -> None:
    connection = machines.connections.get(WORKER, PATIENCE)
    with connection.start(scripts.command(1, root=True), stdin="use strict;\n"):
        assert eventually(lambda: bool(machines.programs(WORKER)))
        assert _gone(machines)


def test_nothing_is_left_when_craton_is_killed_while_it_proves(machines: Site) -> None:
    machines.network.nft(WORKER, "tcp dport 9100 drop")  # takes the probes seconds
    endpoints = {name: asdict(machines.network.endpoint(name)) for name in machines.network.machines}
    craton = subprocess.Popen(
        [sys.executable, "-c", _ENGINE, str(machines.directory.path), json.dumps(endpoints)],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[4],
    )
    with craton:
        assert craton.stdout
        assert b"3 machines listen" in craton.stdout.readline()
        assert eventually(lambda: len(machines.programs(MASTER)) == 2)
        os.kill(craton.pid, signal.SIGKILL)
    assert _gone(machines, MASTER, INFRA, WORKER)
