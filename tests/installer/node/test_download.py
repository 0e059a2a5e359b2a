"""Downloads over a real OpenSSH server: resumed when it goes away, checked, put in place in one step or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from installer.common.errors import InstallerError
from installer.common.paths import ClusterDirectory
from installer.node import download as module
from installer.node.download import download
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
MACHINE = "demo-master-1"
DATA = bytes(range(256)) * 1000
SUM = hashlib.sha256(DATA).hexdigest()


class _Context(StepContext):
    """Acts each time before a connection is asked for, with the number of those asked for before."""

    def __init__(self, world: World, act: Callable[[int], None] = lambda _count: None) -> None:
        super().__init__(world, PATIENCE)
        self._act, self._count = act, 0

    def check_stop(self) -> None:
        self._act(self._count)
        self._count += 1


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SSHD]:
    with running_sshd(tmp_path / "sshd") as server:
        yield server


@pytest.fixture
def world(server: SSHD, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(module, "CHUNK", 100_000)
    monkeypatch.setattr(module, "_STEP", 100_000)
    directory = ClusterDirectory(tmp_path / "demo")
    server.authorize(ensure_key(directory))
    with closing(SSHConnections(lambda _machine: server.endpoint, directory)) as connections:
        yield World(PLAN, topology(PLAN), directory, PLANNED, connections)


@pytest.fixture
def source(tmp_path: Path) -> str:
    path = tmp_path / "there" / "a file's name"
    path.parent.mkdir()
    path.write_bytes(DATA)
    return str(path)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "here" / "snapshot.db"


def left(target: Path) -> list[str]:
    return [path.name for path in target.parent.iterdir()]


@pytest.mark.parametrize("size", [0, 1, 99_999, 100_000, 256_000])
def test_a_file_comes_whole_and_private(world: World, source: str, target: Path, size: int) -> None:
    Path(source).write_bytes(DATA[:size])
    assert download(_Context(world), MACHINE, source, target, sha256=hashlib.sha256(DATA[:size]).hexdigest()) == size
    assert target.read_bytes() == DATA[:size]
    assert target.stat().st_mode & 0o777 == 0o600
    assert left(target) == ["snapshot.db"]


def test_how_far_it_is_goes_to_the_log_and_nothing_of_the_file_does(world: World, source: str, target: Path) -> None:
    ctx = _Context(world)
    download(ctx, MACHINE, source, target, sha256=SUM)
    assert ctx.lines == ["a file's name: 0 MB so far", "a file's name: 0 MB so far"]


def test_a_connection_that_drops_costs_nothing_that_had_arrived(
    server: SSHD, world: World, source: str, target: Path
) -> None:
    ctx = _Context(world, lambda count: server.kill_sessions() if count == 1 else None)
    download(ctx, MACHINE, source, target, sha256=SUM)
    assert target.read_bytes() == DATA
    assert ctx._count <= 4, "three parts, and one that broke off"


def test_a_machine_that_does_not_come_back_is_told_and_what_was_there_before_stays(
    server: SSHD, world: World, source: str, target: Path
) -> None:
    target.parent.mkdir()
    target.write_text("an older one")
    with pytest.raises(InstallerError, match="connection refused"):
        download(
            _Context(world, lambda count: server.stop() if count == 1 else None), MACHINE, source, target, sha256=SUM
        )
    assert target.read_text() == "an older one"
    assert left(target) == ["snapshot.db"]


def test_what_is_damaged_is_fetched_once_more_and_then_given_up(world: World, source: str, target: Path) -> None:
    def mend(count: int) -> None:
        if count == 3:
            Path(source).write_bytes(DATA)

    Path(source).write_bytes(DATA[::-1])
    ctx = _Context(world, mend)
    assert download(ctx, MACHINE, source, target, sha256=SUM) == len(DATA)
    assert "a file's name: the transfer was damaged; starting it again" in ctx.lines
    with pytest.raises(InstallerError, match="damaged twice: its SHA-256 sum is wrong"):
        download(_Context(world), MACHINE, source, target.with_name("other"), sha256="0" * 64)
    assert left(target) == ["snapshot.db"]


def test_a_file_that_is_not_there_is_told(world: World, target: Path) -> None:
    with pytest.raises(InstallerError, match="No such file") as caught:
        download(_Context(world), MACHINE, "/no/such/file", target, sha256=SUM)
    assert caught.value.machine == MACHINE


def test_a_place_that_takes_no_file_is_told(world: World, source: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InstallerError, match="Not a directory") as caught:
        download(_Context(world), MACHINE, source, tmp_path / "file" / "below" / "x", sha256=SUM)
    assert "--output" in caught.value.hint
