"""What a machine is told at its birth: small, valid, and run here with another root directory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from installer.platforms.aws.user_data import LIMIT, Birth
from installer.platforms.clouds.host_key_proof import MARK, proof, proves

KEY = f"ssh-ed25519 {'A' * 68} craton"
SECRET = "5e" * 32
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIexample"


def rendered(birth: Birth) -> dict[str, Any]:
    head, _, body = birth.render().partition("\n")
    assert head == "#cloud-config"
    found: dict[str, Any] = json.loads(body)
    return found


def birth(base: str = "demo-worker-", first: int = 2, stride: int = 3) -> Birth:
    return Birth(base, first, stride, "craton", (KEY, f"{KEY} of somebody else"), SECRET)


def test_it_is_small_even_with_the_longest_name() -> None:
    longest = birth("abcdefghijklmnopqrst-worker-", 4998, 4).render()
    assert len(longest.encode()) <= LIMIT


def test_who_may_log_in_is_in_it_and_nobody_else() -> None:
    said = rendered(birth())
    assert [user["name"] for user in said["users"]] == ["craton"]
    assert said["users"][0]["ssh_authorized_keys"] == [KEY, f"{KEY} of somebody else"]
    assert said["disable_root"] is True
    assert said["ssh_pwauth"] is False
    assert said["ssh_deletekeys"] is True


def test_no_private_key_is_in_it_and_the_secret_is_in_no_representation() -> None:
    assert "PRIVATE" not in birth().render()
    assert SECRET not in repr(birth())


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A root directory in which cloud-init wrote the files of the user data, and the programs that the script calls."""
    for file in rendered(birth())["write_files"]:
        path = tmp_path / str(file["path"]).lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        # Paths lead into this directory: the script itself has no setting for that.
        path.write_text(_elsewhere(str(file["content"]), tmp_path) if "sbin" in str(path) else str(file["content"]))
    (tmp_path / "run/cloud-init").mkdir(parents=True)
    (tmp_path / "etc/ssh/ssh_host_ed25519_key.pub").write_text(f"{HOST_KEY} root@ip-10-20-0-5\n")
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("hostnamectl", "systemd-run"):
        (programs / name).write_text(f'#!/bin/sh\necho "{name} $*" >>{tmp_path}/called\n')
        (programs / name).chmod(0o755)
    return tmp_path


def _elsewhere(script: str, root: Path) -> str:
    for top in ("/etc/", "/run/"):
        script = script.replace(f'"{top}', f'"{root}{top}')
    return script


@pytest.mark.parametrize(("index", "name"), [("0", "demo-worker-2"), ("4", "demo-worker-14")])
def test_a_machine_takes_its_name_from_its_launch_index_and_proves_its_host_key(
    machine: Path, index: str, name: str
) -> None:
    facts = {"v1": {"instance_id": "i-0123456789abcdef0"}, "ds": {"meta-data": {"ami-launch-index": index}}}
    (machine / "run/cloud-init/instance-data.json").write_text(json.dumps(facts))
    script = machine / "usr/local/sbin" / MARK
    path = f"{machine}/bin:/usr/bin:/bin"
    subprocess.run([sys.executable, str(script)], env={"PATH": path}, check=True)
    called = (machine / "called").read_text().splitlines()
    assert called[0] == f"hostnamectl set-hostname {name}"
    assert called[1].startswith("systemd-run --path-property=PathExists=/var/lib/craton rm -f ")
    assert (machine / "etc/hosts").read_text() == f"127.0.1.1 {name}\n"
    banner = (machine / "run" / MARK).read_text()
    assert banner == f"{proof(SECRET, 'i-0123456789abcdef0', HOST_KEY)}\n"
    assert proves(SECRET, "i-0123456789abcdef0", HOST_KEY, f"Welcome\n{banner}")
    configuration = (machine / f"etc/ssh/sshd_config.d/10-{MARK}.conf").read_text()
    assert configuration == f"Banner /run/{MARK}\n"


@pytest.mark.parametrize(
    ("instance", "host_key", "banner"),
    [
        ("i-1", "ssh-ed25519 BBBB", proof(SECRET, "i-1", HOST_KEY)),
        ("i-2", HOST_KEY, proof(SECRET, "i-1", HOST_KEY)),
        ("i-1", HOST_KEY, proof("00" * 32, "i-1", HOST_KEY)),
        ("i-1", HOST_KEY, ""),
        ("i-1", HOST_KEY, f"{MARK} i-1 "),
        ("i-1", HOST_KEY, f"{MARK} i-1 ünlesbar"),
    ],
)
def test_a_banner_of_another_key_machine_or_secret_proves_nothing(instance: str, host_key: str, banner: str) -> None:
    assert not proves(SECRET, instance, host_key, banner)
