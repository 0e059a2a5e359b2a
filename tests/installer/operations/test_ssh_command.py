"""`craton ssh`: the command line of OpenSSH for the user's own machines."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from installer.common.paths import ClusterDirectory, write_private
from installer.operations import shell

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
