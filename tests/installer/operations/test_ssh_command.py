"""`craton ssh`: the command line of OpenSSH, for the user's own machines and for those that Craton made."""

from __future__ import annotations

import getpass
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from installer.common.paths import ClusterDirectory, write_private
from installer.operations import shell
from installer.plan.model import InstallPlan
from installer.ssh.endpoint import Endpoint
from tests.doubles.sshd import SSHD, running_sshd, user_key

pytestmark = pytest.mark.needs("ssh")
PLAN = """\
craton: 1
name: demo
subdomain: k8s.example.com
platform: machines
masters: 1
workers: 1
machines:
  inventory:
    - address: 10.0.0.11
    - address: 10.0.0.12
      user: ops
    - address: web
      internal: 10.0.0.13
"""


def test_own_machines_are_reached_as_the_user_reaches_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path / "craton"))
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "config").write_text("Host web\n HostName 10.0.0.13\n ProxyJump bastion\n")
    directory = ClusterDirectory.of("demo")
    write_private(directory.plan, PLAN)
    argv = shell.ssh_command("demo", "worker-1")
    assert argv[-1] == "web"
    said = subprocess.run([argv[0], "-T", "-G", *argv[1:]], capture_output=True, text=True, check=True).stdout
    assert "hostname 10.0.0.13\n" in said
    assert "proxyjump bastion\n" in said
    assert "user craton\n" in said
    assert str(directory.key) not in said


def test_keys_and_known_hosts_come_from_the_home_that_has_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenSSH itself would take them from the account's home."""
    monkeypatch.setenv("CRATON_HOME", str(tmp_path / "craton"))
    monkeypatch.setenv("HOME", str(tmp_path / "ho me"))
    (tmp_path / "ho me" / ".ssh").mkdir(parents=True)
    (tmp_path / "ho me" / ".ssh" / "config").write_text("Host web\n IdentityFile ~/work\n")
    write_private(ClusterDirectory.of("demo").plan, PLAN)
    for machine, key in (("worker-1", "work"), ("master-1", ".ssh/id_ed25519")):
        argv = shell.ssh_command("demo", machine)
        said = subprocess.run([argv[0], "-T", "-G", *argv[1:]], capture_output=True, text=True, check=True).stdout
        assert f"identityfile {tmp_path}/ho me/{key}\n" in said
        assert f"userknownhostsfile {tmp_path}/ho me/.ssh/known_hosts {tmp_path}/ho me/.ssh/known_hosts2\n" in said


NAMES = [
    "Application Support", " lead", "trail ", "two  blanks", 'quo"te', "it's", "back\\slash", "\\", '\\"', "%d", "50%",
    "%%h", "$HOME", "${HOME}", "$", "${", "#hash", "a=b", "a,b", "~", "~root", "*", "?", "[ab]", "!x", "none", "-o",
    "`id`", "$(id)", "é日本", "caf\udce9", "(a);b&c|d", "\u3000",
]  # fmt: skip


@pytest.mark.needs("sshd", "ssh-keygen")
def test_state_may_be_in_a_directory_of_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a Mac, state is in `~/Library/Application Support`."""
    key = user_key(tmp_path / "id")
    with running_sshd(tmp_path / "server") as server:
        server.authorize(key)
        monkeypatch.setattr(shell, "open_world", _world_of(server))
        for name in NAMES:
            home = tmp_path / name
            monkeypatch.setenv("CRATON_HOME", str(home))
            directory = ClusterDirectory.of("demo")
            write_private(directory.plan, PLAN.split("platform")[0] + "platform: local\n")
            write_private(directory.key, (tmp_path / "id").read_bytes())
            write_private(directory.known_hosts, f"demo-master-1 {server.host_key}\n")
            argv = shell.ssh_command("demo", "master-1")
            environment = {**os.environ, "SSH_AUTH_SOCK": ""}
            done = subprocess.run(
                [*argv, "echo reached"], capture_output=True, env=environment, stdin=subprocess.DEVNULL, check=False
            )
            assert done.stdout == b"reached\n", (name, done.stderr)
        write_private(directory.known_hosts, "")  # no other file has the key, so each name led to its own
        done = subprocess.run([*argv, "echo reached"], capture_output=True, stdin=subprocess.DEVNULL, check=False)
        assert b"Host key verification failed" in done.stderr


def _world_of(server: SSHD) -> Any:
    @contextmanager
    def open_world(plan: InstallPlan, _directory: ClusterDirectory) -> Iterator[Any]:
        endpoint = Endpoint("127.0.0.1", server.port, getpass.getuser(), None)
        yield SimpleNamespace(plan=plan, platform=SimpleNamespace(endpoint=lambda _machine: endpoint))

    return open_world
