"""Pinned host keys."""

from __future__ import annotations

import shutil
import stat
import subprocess
import threading
from pathlib import Path

import pytest

from installer.node import known_hosts
from installer.node.key import ensure_key
from installer.state import ClusterDirectory


@pytest.fixture
def directory(tmp_path: Path) -> ClusterDirectory:
    return ClusterDirectory(tmp_path / "demo")


def test_a_pin_is_kept_replaced_and_forgotten(directory: ClusterDirectory) -> None:
    assert known_hosts.pinned(directory, "demo-worker-1") is None
    known_hosts.pin(directory, "demo-worker-1", "ssh-ed25519 AAAA")
    known_hosts.pin(directory, "demo-worker-2", "ssh-ed25519 BBBB")
    known_hosts.pin(directory, "demo-worker-1", "ssh-ed25519 CCCC")
    assert known_hosts.pinned(directory, "demo-worker-1") == "ssh-ed25519 CCCC"
    known_hosts.unpin(directory, "demo-worker-1")
    known_hosts.unpin(directory, "demo-worker-1")
    assert directory.known_hosts.read_text() == "demo-worker-2 ssh-ed25519 BBBB\n"
    assert stat.S_IMODE(directory.known_hosts.stat().st_mode) == 0o600


def test_steps_that_pin_at_once_lose_nothing(directory: ClusterDirectory) -> None:
    names = [f"demo-worker-{number}" for number in range(30)]
    threads = [threading.Thread(target=known_hosts.pin, args=(directory, name, "ssh-ed25519 AAAA")) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(known_hosts.pinned(directory, name) for name in names)


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="OpenSSH's ssh-keygen is not installed")
def test_the_fingerprint_is_the_one_that_openssh_prints(directory: ClusterDirectory) -> None:
    public = ensure_key(directory)
    said = subprocess.run(
        ["ssh-keygen", "-lf", f"{directory.key}.pub"], capture_output=True, text=True, check=True
    ).stdout
    assert known_hosts.fingerprint(public) == said.split()[1]
