"""The network namespaces that tests use as machines keep to themselves, and go."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.doubles.netns import PRIVATE, running_namespaces

ADDRESSES = {"one": "10.99.0.11", "two": "10.99.0.12"}
_CRASH = """
import os, signal, sys
from pathlib import Path
from tests.doubles.netns import running_namespaces

with running_namespaces(Path(sys.argv[1]), {"one": "10.99.0.11"}) as machines:
    print(machines.machines["one"].namespace, machines.machines["one"].sshd.pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def _namespaces() -> set[str]:
    return {path.name for path in Path("/run/netns").iterdir()}


def test_machines_reach_each_other_and_have_names_and_files_of_their_own(tmp_path: Path) -> None:
    with running_namespaces(tmp_path, ADDRESSES) as machines:
        machines.run("one", "ping", "-c", "1", "-W", "2", "10.99.0.12")
        assert machines.run("one", "uname", "-n").stdout == "one\n"
        for path in PRIVATE:
            machines.run("one", "touch", f"{path}/written-by-one")
            assert not Path(path, "written-by-one").exists()
            assert machines.run("two", "test", "-e", f"{path}/written-by-one", check=False).returncode == 1
        assert machines.run("one", "sudo", "-n", "id", "-u").stdout == "0\n"


def test_nothing_is_left_of_machines(tmp_path: Path) -> None:
    with running_namespaces(tmp_path, ADDRESSES) as machines:
        names = {machine.namespace for machine in machines.machines.values()} | {machines.bridge}
        pids = [machine.sshd.pid for machine in machines.machines.values()]
        assert names <= _namespaces()
    assert not names & _namespaces()
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


@pytest.mark.needs("network namespaces", "sshd", "ssh-keygen")
def test_what_a_killed_test_left_goes_when_the_next_one_starts(tmp_path: Path) -> None:
    crashed = subprocess.run(
        [sys.executable, "-c", _CRASH, str(tmp_path / "crashed")],
        text=True,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[1],
    )
    namespace, pid = crashed.stdout.split()
    with running_namespaces(tmp_path / "next", ADDRESSES):
        assert namespace not in _namespaces()
        assert "sshd" not in _command(pid)


def _command(pid: str) -> str:
    path = Path(f"/proc/{pid}/cmdline")
    return path.read_text() if path.exists() else ""
