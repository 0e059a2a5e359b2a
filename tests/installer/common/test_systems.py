"""Which systems are supported: the same for the connection test, the preflight check and `craton-node`."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from installer.common.systems import Support, support

SYSTEMS = [
    ("debian", "12", "", Support.TESTED),
    ("debian", "13", "", Support.TESTED),
    ("ubuntu", "22.04", "debian", Support.TESTED),
    ("ubuntu", "24.04", "debian", Support.TESTED),
    ("debian", "11", "", Support.UNTESTED),
    ("debian", "", "", Support.UNTESTED),
    ("ubuntu", "26.04", "debian", Support.UNTESTED),
    ("linuxmint", "22", "ubuntu debian", Support.UNTESTED),
    ("raspbian", "12", "debian", Support.UNTESTED),
    ("pop", "22.04", "ubuntu debian", Support.UNTESTED),
    ("kali", "2026.1", "debian", Support.UNTESTED),
    ("rhel", "9.4", "fedora", Support.UNTESTED),
    ("rocky", "9.4", "rhel centos fedora", Support.UNTESTED),
    ("almalinux", "10", "rhel centos fedora", Support.UNTESTED),
    ("ol", "9", "fedora", Support.UNTESTED),
    ("fedora", "44", "", Support.UNTESTED),
    ("eurolinux", "9", "rhel fedora centos", Support.UNTESTED),
    ("alpine", "3.20", "", Support.NONE),
    ("opensuse-leap", "15.6", "suse opensuse", Support.NONE),
    ("arch", "", "", Support.NONE),
    ("notdebian", "12", "debianish", Support.NONE),
    ("", "", "", Support.NONE),
]


@pytest.mark.parametrize(("id", "version", "like", "expected"), SYSTEMS)
def test_the_computer_and_the_machine_agree_on_what_is_supported(
    tmp_path: Path, id: str, version: str, like: str, expected: Support
) -> None:
    assert support(id, version, like.split()) is expected
    (tmp_path / "os-release").write_text(f"ID='{id}'\nVERSION_ID='{version}'\nID_LIKE='{like}'\n")
    program = Path("assets/node/lib/system.sh").read_text()
    program = program.replace("/etc/os-release", f"{tmp_path}/os-release").replace("/usr/lib/os-release", "/none")
    program = program.replace("/run/systemd/system", str(tmp_path))
    helpers = 'say() { echo "$*"; }\nfail() { echo "$*"; exit 1; }\narchitecture() { echo amd64; }\n'
    done = subprocess.run(["sh", "-c", f"{helpers}{program}\ncheck_system"], capture_output=True, text=True, timeout=60)
    said = {
        (0, False): Support.TESTED,
        (0, True): Support.UNTESTED,
        (1, False): Support.NONE,
    }[done.returncode, "not tested" in done.stdout]
    assert said is expected, done.stdout + done.stderr
