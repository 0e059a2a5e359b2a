"""A boot's own program, run for real: in a directory that stands in for the machine's root, as cloud-init would run it.

What it would do to this computer's host name and services is only written down.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.doubles.cloud.cloud_init import Boot
from tests.doubles.cloud.machines import Launch

_ROOTED = re.compile(r'(?<=")/(?=(?:run|etc|var)/)')
_TIMEOUT = 60.0


@contextmanager
def _metadata(document: bytes) -> Iterator[str]:
    """The address of Google's metadata service, for those who say that they mean it (`Metadata-Flavor`)."""
    if not document:
        yield "http://127.0.0.1:9"
        return

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            return

        def do_GET(self) -> None:
            fine = self.headers.get("Metadata-Flavor") == "Google"
            self.send_response(200 if fine else 403)
            self.end_headers()
            self.wfile.write(document if fine else b"")

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def run(boot: Boot, launch: Launch, root: Path, host_key: str) -> dict[str, str]:
    """The files in /run, /etc and /var after `boot`'s commands, by path; `hostname` is what they made it."""
    seed = {
        "/run/cloud-init/instance-data.json": json.dumps(
            {"v1": {"instance_id": launch.id, "region": launch.region, "availability_zone": launch.zone},
             "ds": {"meta_data": {"ami-launch-index": str(launch.index), "instance-id": launch.id,
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
    with _metadata(boot.metadata) as service:
        for command in boot.commands:
            program = root / command[0].lstrip("/")
            if not program.exists():
                raise FileNotFoundError(f"runcmd: {command[0]} is no file of the user data")
            script = root / "program"
            text = _ROOTED.sub(f"{root}/", program.read_text()).replace("Banner /run/", f"Banner {root}/run/")
            script.write_text(text.replace("http://metadata.google.internal", service))
            environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"}
            interpreter = [sys.executable] if "python" in text.splitlines()[0] else ["sh"]
            subprocess.run([*interpreter, str(script), *command[1:]], check=True, env=environment, timeout=_TIMEOUT)
    done = (root / "commands").read_text().splitlines() if (root / "commands").exists() else []
    found = {f"/{file.relative_to(root)}": file.read_text() for file in root.glob("run/*") if file.is_file()}
    named = [line.split()[-1] for line in done if line.startswith("hostnamectl set-hostname")]
    return {**found, "hostname": named[-1] if named else boot.hostname}
