"""The reach probe's shell, run here against real listeners on loopback."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from installer.health.probing import asset
from tests.patience import PATIENCE

TOOLS = [
    pytest.param("bash", marks=pytest.mark.needs("bash")),
    pytest.param("nc", marks=pytest.mark.needs("nc")),
    "python3",
]
_NEEDED = ("sh", "timeout", "sleep", "awk", "head", "cat", "env")


def reached(*targets: str, path: str | None = None) -> dict[str, str]:
    """The result by target (`tcp 127.0.0.1 80`), with only the commands under `path` if given."""
    script = asset("reach.sh") + "reach <<'targets'\n" + "".join(f"# target {one}\n" for one in targets)
    environment = {"PATH": path or "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
    done = subprocess.run(
        ["/bin/sh", "-c", script + "targets\n"], capture_output=True, text=True, timeout=PATIENCE, env=environment
    )
    return dict(line.rsplit(" ", 1) for line in done.stdout.splitlines())


def programs(directory: Path, *tools: str) -> Path:
    """A directory of links to the commands that the script needs and to `tools`."""
    directory.mkdir()
    for tool in (*_NEEDED, *tools):
        found = shutil.which(tool, path="/usr/bin:/bin:/usr/sbin:/sbin")
        if found or tool == "python3":
            (directory / tool).symlink_to(found or Path(sys.executable).resolve())
    return directory


@pytest.fixture
def open_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def refused_port() -> Iterator[int]:
    """Bound, so that nobody else listens there, but not listening."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A listener whose queue is full: the kernel drops what more comes, as a filter does."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]
        for one in waiting:
            one.close()


@pytest.mark.parametrize("tool", TOOLS)
def test_open_refused_and_filtered_ports_are_told_apart(
    tool: str, tmp_path: Path, open_port: int, refused_port: int, silent_port: int
) -> None:
    path = str(programs(tmp_path / "bin", tool))
    found = reached(*(f"tcp 127.0.0.1 {port}" for port in (open_port, refused_port, silent_port)), path=path)
    assert found == {
        f"tcp 127.0.0.1 {open_port}": "open",
        f"tcp 127.0.0.1 {refused_port}": "refused",
        f"tcp 127.0.0.1 {silent_port}": "filtered",
    }


def test_without_any_tool_nothing_is_known(tmp_path: Path, open_port: int) -> None:
    path = str(programs(tmp_path / "bin"))
    assert reached(f"tcp 127.0.0.1 {open_port}", path=path) == {f"tcp 127.0.0.1 {open_port}": "unknown"}


def test_many_targets_are_all_tried(open_port: int) -> None:
    targets = [f"tcp 127.0.1.{last} {open_port}" for last in range(1, 90)]
    assert set(reached(*targets)) == set(targets)


@pytest.mark.parametrize(
    ("fdb", "neighbours", "ping", "result"),
    [
        (
            "aa:bb:cc:00:00:01 dst 10.10.0.12 self permanent",
            "127.0.0.1 lladdr aa:bb:cc:00:00:01 PERMANENT",
            "0",
            "open",
        ),
        # Nothing listens on 10250 here: the peer's refusal comes through the overlay all the same.
        (
            "aa:bb:cc:00:00:01 dst 10.10.0.12 self permanent",
            "127.9.9.9 lladdr aa:bb:cc:00:00:01 PERMANENT",
            "1",
            "open",
        ),
        (
            "aa:bb:cc:00:00:01 dst 10.10.0.99 self permanent",
            "127.0.0.1 lladdr aa:bb:cc:00:00:01 PERMANENT",
            "0",
            "unknown",
        ),
        ("aa:bb:cc:00:00:01 dst 10.10.0.12 self permanent", "", "0", "unknown"),
        ("", "", "0", "unknown"),
    ],
)
def test_the_overlay_is_proved_through_flannels_own_tunnel(
    tmp_path: Path, fdb: str, neighbours: str, ping: str, result: str
) -> None:
    directory = programs(tmp_path / "bin", "bash")
    for name, body in {"bridge": f"echo '{fdb}'", "ip": f"echo '{neighbours}'", "ping": f"exit {ping}"}.items():
        (directory / name).write_text(f"#!/bin/sh\n{body}\n")
        (directory / name).chmod(0o755)
    assert reached("udp 10.10.0.12 4789", path=str(directory)) == {"udp 10.10.0.12 4789": result}
