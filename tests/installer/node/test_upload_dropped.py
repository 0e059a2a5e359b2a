"""Uploads over a real OpenSSH server that goes away in the middle: taken up where they stopped, or told as lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from installer.common.errors import InstallerError
from installer.common.paths import ClusterDirectory
from installer.node.upload import upload
from installer.plan.topology import topology
from installer.ssh.connections import SSHConnections
from installer.ssh.keys.cluster_key import ensure_key
from installer.steps.world import World
from tests.doubles.node_bench import PLAN
from tests.doubles.planned_platform import PLANNED
from tests.doubles.rehearsal import StepContext
from tests.doubles.sshd import SSHD, running_sshd
from tests.patience import PATIENCE

pytestmark = pytest.mark.needs("root")
MACHINE = "demo-worker-1"
DATA = bytes(range(256)) * 100_000
FIRST = "image.tar: 8 of 25 MB sent"


class _Context(StepContext):
    """Acts when something is said for the first time."""

    def __init__(self, world: World, said: str, act: Callable[[], None]) -> None:
        super().__init__(world, PATIENCE)
        self._said, self._act = said, act

    def log(self, line: str) -> None:
        if line == self._said and line not in self.lines:
            self._act()
        super().log(line)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SSHD]:
    with running_sshd(tmp_path / "sshd") as server:
        yield server


@pytest.fixture
def world(server: SSHD, tmp_path: Path) -> Iterator[World]:
    directory = ClusterDirectory(tmp_path / "demo")
    server.authorize(ensure_key(directory))
    with closing(SSHConnections(lambda _machine: server.endpoint, directory)) as connections:
        yield World(PLAN, topology(PLAN), directory, PLANNED, connections)


def test_a_connection_that_drops_in_the_middle_costs_nothing_that_had_arrived(
    server: SSHD, world: World, tmp_path: Path
) -> None:
    ctx = _Context(world, FIRST, server.kill_sessions)
    upload(ctx, MACHINE, DATA, str(tmp_path / "there" / "image.tar"))
    assert (tmp_path / "there" / "image.tar").read_bytes() == DATA
    assert [path.name for path in (tmp_path / "there").iterdir()] == ["image.tar"]
    dropped = [line for line in ctx.lines if "the connection dropped" in line]
    assert len(dropped) == 1
    assert dropped[0].endswith("going on where it stopped")
    assert FIRST not in ctx.lines[ctx.lines.index(dropped[0]) :]


def test_a_machine_that_does_not_come_back_is_told_and_leaves_nothing_half_in_place(
    server: SSHD, world: World, tmp_path: Path
) -> None:
    ctx = _Context(world, FIRST, server.stop)
    with pytest.raises(InstallerError, match=f"connection refused by 127.0.0.1:{server.port}") as caught:
        upload(ctx, MACHINE, DATA, str(tmp_path / "there" / "image.tar"))
    assert caught.value.machine == MACHINE
    assert caught.value.hint
    assert not (tmp_path / "there" / "image.tar").exists()
