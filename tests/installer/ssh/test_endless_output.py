"""A machine that prints without end costs neither memory nor minutes, whatever was asked; against a real sshd."""

from __future__ import annotations

import resource
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from installer.common.errors import InstallerError
from installer.common.paths import ClusterDirectory
from installer.operations import machine_logs
from installer.plan.model import InstallPlan
from installer.plan.sections import Ingress
from installer.plan.topology import topology
from installer.ssh.client import SSHConnection
from installer.ssh.connections import SSHConnections
from installer.ssh.keys.cluster_key import ensure_key
from installer.steps.world import World
from tests.doubles.planned_platform import PLANNED
from tests.doubles.sshd import running_sshd
from tests.patience import FOREVER, PATIENCE

PLAN = InstallPlan(name="demo", subdomain="example.test", masters=1, workers=1, ingress=Ingress(kind="load-balancer"))
WITHOUT_END = {
    "short lines": "yes",
    "empty lines": "yes ''",
    "long lines": "yes $(printf %04000d 7)",
    "no lines": "cat /dev/zero",
    "noise": "cat /dev/urandom",
    "one word": "tr '\\0' x </dev/zero",
    "errors": "yes >&2",
    "both": "yes & yes >&2",
    "stages": "yes 'stage 1 2 three'",
    "sections": 'i=0; while :; do i=$((i+1)); echo "#file s$i"; echo $i; done & yes "$(seq -f \'#file %g\' 1000)"',
    "secrets": "yes 'password: hunter2 token: x://a:b@c --token -----BEGIN RSA PRIVATE KEY-----'",
}
MUCH = 400 * 1024
"""KiB of memory more than before: what is kept of four streams and of a machine's sections is far less."""


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SSHConnection]:
    directory = ClusterDirectory(tmp_path_factory.mktemp("clusters") / "demo")
    with running_sshd(tmp_path_factory.mktemp("sshd")) as server:
        server.authorize(ensure_key(directory))
        pool = SSHConnections(lambda _machine: server.endpoint, directory)
        yield pool.get("demo-worker-1", 30)
        pool.close()


def ends(work: Any) -> list[Any]:
    """What `work` returns or raises, which it does long before the deadline that its command has."""
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append(work())
        except InstallerError as error:
            outcome.append(error)

    thread = threading.Thread(target=run, daemon=True)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    thread.start()
    thread.join(PATIENCE)
    assert outcome, "it goes on and on"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MUCH
    return outcome


def test_a_command_without_end_is_ended(connection: SSHConnection) -> None:
    [error] = ends(lambda: connection.run("cat /dev/urandom", deadline=FOREVER))
    assert isinstance(error, InstallerError)
    assert "printed more than 32 MiB and was stopped" in error.observed


@pytest.mark.parametrize("command", WITHOUT_END.values(), ids=WITHOUT_END)
def test_whatever_a_command_prints_without_end_it_is_ended_and_the_connection_goes_on(
    connection: SSHConnection, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("installer.ssh.transport.command.ALLOWED", 1024**2)
    [error] = ends(lambda: connection.run(command, deadline=FOREVER))
    assert "printed more than 1 MiB and was stopped" in error.observed
    assert connection.run("echo still here", deadline=30).stdout == "still here\n"


@pytest.mark.parametrize("command", WITHOUT_END.values(), ids=WITHOUT_END)
def test_gathering_from_a_machine_without_end_keeps_what_came_first(connection: SSHConnection, command: str) -> None:
    script = f"echo '#file kubelet.log'; echo started; {command}"
    world = _World(connection, script)
    [files] = ends(lambda: dict(machine_logs.gathered(cast(World, world))))
    assert files["machines/demo-master-1/kubelet.log"].startswith("started\n")
    assert "MiB and was " in files["machines/demo-master-1/not-all.txt"]
    assert sum(map(len, files.values())) < 14 * 1024**2


def test_a_command_in_the_background_without_end_is_ended(
    connection: SSHConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("installer.ssh.transport.command.ALLOWED", 1024**2)
    with connection.start("exec yes") as running:
        [error] = ends(lambda: running.wait_for(lambda line: line == "never", deadline=FOREVER))
    assert "printed more than 1 MiB" in error.observed


class _World(SimpleNamespace):
    """Machines on which `craton-node gather` is another program."""

    def __init__(self, connection: SSHConnection, script: str) -> None:
        super().__init__(topology=topology(PLAN), platform=PLANNED)
        self._connection, self._script = connection, script

    def connect(self, machine: str, deadline: float) -> Any:
        def run(_command: str, **options: Any) -> Any:
            return self._connection.run(self._script, **options)

        return SimpleNamespace(user="root", run=run)
