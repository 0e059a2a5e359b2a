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

SUDOERS = "%google-sudoers ALL=(ALL:ALL) NOPASSWD:ALL\n"
_URL = "http://metadata.google.internal/computeMetadata/v1/instance/?recursive=true"


def users(attributes: Mapping[str, str]) -> list[tuple[str, str]]:
    """User and public key of each line of `ssh-keys`; none where OS Login is on, which counts instead."""
    if attributes.get("enable-oslogin", "").upper() == "TRUE":
        return []
    lines = (line.partition(":") for line in attributes.get("ssh-keys", "").splitlines() if ":" in line)
    return [(user, key) for user, _, key in lines]


def agent(attributes: Mapping[str, str]) -> None:
    """Host keys, then accounts."""
    _run("ssh-keygen", "-A")
    subprocess.run(["groupadd", "--force", "google-sudoers"], check=True)
    Path("/etc/sudoers.d/google_sudoers").write_text(SUDOERS)
    found: dict[str, list[str]] = {}
    for user, key in users(attributes):
        found.setdefault(user, []).append(key)
    for user, keys in found.items():
        _run("useradd", "-m", "-s", "/bin/bash", "-p", "*", "-G", "google-sudoers", user)
        account = pwd.getpwnam(user)
        directory = Path(account.pw_dir, ".ssh")
        directory.mkdir(mode=0o700)
        (directory / "authorized_keys").write_text("".join(f"# Added by Google\n{key}\n" for key in keys))
        for path in (directory, directory / "authorized_keys"):
            os.chown(path, account.pw_uid, account.pw_gid)


def startup(attributes: Mapping[str, str]) -> None:
    """The startup script, as root, from a file of its own."""
    script = attributes.get("startup-script")
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


def _metadata() -> dict[str, str]:
    request = urllib.request.Request(_URL, headers={"Metadata-Flavor": "Google"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        found: dict[str, str] = json.load(answer)["attributes"]
    return found


if __name__ == "__main__":
    {"agent": agent, "startup": startup}[sys.argv[1]](_metadata())
