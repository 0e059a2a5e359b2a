"""A boot's own program, run for real: in a directory that stands in for the machine's root, as cloud-init would run it.

What it would do to this computer's host name and services is only written down.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from tests.doubles.cloud.cloud_init import Boot
from tests.doubles.cloud.google_metadata import GoogleMetadata
from tests.doubles.cloud.machines import Launch

_ROOTED = re.compile(r'(?<=")/(?=(?:run|etc|var)/)')
_TIMEOUT = 60.0


def run(boot: Boot, launch: Launch, root: Path, host_key: str) -> dict[str, str]:
    """The files in /run, /etc and /var after `boot`'s commands, by path; `hostname` is what they made it."""
    seed = {
        "/run/cloud-init/instance-data.json": json.dumps(
            {"v1": {"instance_id": launch.id, "region": launch.region, "availability_zone": launch.zone},
             "ds": {"meta-data": {"ami-launch-index": str(launch.index), "instance-id": launch.id,
                                  "local-ipv4": launch.private}}}
        ),
        "/etc/ssh/ssh_host_ed25519_key.pub": f"{host_key} root@{launch.id}\n",
        "/etc/hosts": "127.0.0.1 localhost\n",
    }  # fmt: skip
    for path, content in {**seed, **boot.files}.items():
        file = root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    (root / "etc/ssh/sshd_config.d").mkdir(parents=True, exist_ok=True)
    tools = root / "tools"
    tools.mkdir(exist_ok=True)
    for name in ("hostnamectl", "systemctl", "systemd-run"):
        (tools / name).write_text(f'#!/bin/sh\necho "{name} $*" >> {root}/commands\n')
        (tools / name).chmod(0o755)
    with GoogleMetadata(lambda _address: launch) as metadata:
        for command in boot.commands:
            program = root / command[0].lstrip("/")
            if not program.exists():
                raise FileNotFoundError(f"runcmd: {command[0]} is no file of the user data")
            script = root / "program"
            text = _ROOTED.sub(f"{root}/", program.read_text()).replace("Banner /run/", f"Banner {root}/run/")
            script.write_text(text.replace("http://metadata.google.internal", metadata.url))
            environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"}
            interpreter = [sys.executable] if "python" in text.splitlines()[0] else ["sh"]
            subprocess.run([*interpreter, str(script), *command[1:]], check=True, env=environment, timeout=_TIMEOUT)
    done = (root / "commands").read_text().splitlines() if (root / "commands").exists() else []
    found = {f"/{file.relative_to(root)}": file.read_text() for file in root.glob("run/*") if file.is_file()}
    named = [line.split()[-1] for line in done if line.startswith("hostnamectl set-hostname")]
    return {**found, "hostname": named[-1] if named else boot.hostname}
