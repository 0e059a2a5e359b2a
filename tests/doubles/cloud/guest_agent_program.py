"""What Google's guest agent and its startup scripts do on a boot, for machines that are containers.

It runs in the machine, which has nothing but Python: `agent` before the SSH server starts, `startup` after it.
https://github.com/GoogleCloudPlatform/guest-agent: README.md ("Account Management", "Instance Setup")
"""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SUDOERS = "%google-sudoers ALL=(ALL:ALL) NOPASSWD:ALL\n"
_URL = "http://metadata.google.internal/computeMetadata/v1/instance/?recursive=true"


def users(instance: Mapping[str, Any]) -> list[tuple[str, str]]:
    """User and public key of each line of `ssh-keys`; where OS Login is on, those of its profiles instead."""
    if "oslogin" in instance:
        return [(user, key) for user, keys in instance["oslogin"].items() for key in keys]
    lines = (line.partition(":") for line in instance["attributes"].get("ssh-keys", "").splitlines() if ":" in line)
    return [(user, key) for user, _, key in lines]


def agent(instance: Mapping[str, Any]) -> None:
    """Host keys, then accounts."""
    _run("ssh-keygen", "-A")
    subprocess.run(["groupadd", "--force", "google-sudoers"], check=True)
    Path("/etc/sudoers.d/google_sudoers").write_text(SUDOERS)
    found: dict[str, list[str]] = {}
    for user, key in users(instance):
        found.setdefault(user, []).append(key)
    for user, keys in found.items():
        _run("useradd", "-m", "-s", "/bin/bash", "-p", "*", "-G", "google-sudoers", user)
        account = pwd.getpwnam(user)
        directory = Path(account.pw_dir, ".ssh")
        directory.mkdir(mode=0o700)
        (directory / "authorized_keys").write_text("".join(f"# Added by Google\n{key}\n" for key in keys))
        for path in (directory, directory / "authorized_keys"):
            os.chown(path, account.pw_uid, account.pw_gid)


def startup(instance: Mapping[str, Any]) -> None:
    """The startup script, as root, from a file of its own."""
    script = instance["attributes"].get("startup-script")
    if not script:
        return
    with tempfile.TemporaryDirectory(prefix="metadata-scripts") as directory:
        file = Path(directory, "startup-script")
        file.write_text(script)
        file.chmod(0o755)
        _run(str(file))


def _run(*command: str) -> None:
    print("google_guest_agent:", *command[:1], flush=True)
    subprocess.run(command, check=True)


def _metadata() -> dict[str, Any]:
    request = urllib.request.Request(_URL, headers={"Metadata-Flavor": "Google"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


if __name__ == "__main__":
    {"agent": agent, "startup": startup}[sys.argv[1]](_metadata())
