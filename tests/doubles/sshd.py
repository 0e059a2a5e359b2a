"""A real OpenSSH sshd on a loopback port, without root's files: its own keys, configuration and process."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from installer.platforms.base import Endpoint

PROGRAM = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
MISSING = "OpenSSH's sshd is not installed (Debian: openssh-server)"


@dataclass
class SSHD:
    """A running server. `host_key` and `authorized` are as in OpenSSH's files."""

    directory: Path
    port: int
    process: subprocess.Popen[bytes]
    host_key: str

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint("127.0.0.1", self.port, getpass.getuser(), self.host_key)

    def authorize(self, *public_keys: str) -> None:
        (self.directory / "authorized_keys").write_text("".join(f"{key}\n" for key in public_keys))

    def kill_sessions(self) -> None:
        """End the processes that serve open connections; the listener stays."""
        for pid in _descendants(self.process.pid):
            try:
                name = Path(f"/proc/{pid}/comm").read_text().strip()
                if name.startswith("sshd"):
                    os.kill(pid, signal.SIGKILL)
            except (ProcessLookupError, FileNotFoundError):
                continue


def _descendants(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except FileNotFoundError:
        return []
    return [found for child in children for found in (int(child), *_descendants(int(child)))]


@contextmanager
def running_sshd(directory: Path, *settings: str, host_key_types: tuple[str, ...] = ("ed25519",)) -> Iterator[SSHD]:
    """Start sshd with extra lines of sshd_config; stop it, with every session, at the end."""
    assert PROGRAM, MISSING
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    directory.mkdir(parents=True, exist_ok=True)
    keys = [_host_key(directory, kind) for kind in host_key_types]
    (directory / "authorized_keys").touch()
    port = _free_port()
    lines = [
        f"ListenAddress 127.0.0.1:{port}",
        *(f"HostKey {key}" for key in keys),
        "PidFile none",
        f"AuthorizedKeysFile {directory}/authorized_keys",
        "StrictModes no",
        "UsePAM no",
        "PasswordAuthentication no",
        "PermitRootLogin prohibit-password",
        "PermitUserRC no",
        "MaxStartups 100",
        *settings,
    ]
    (directory / "sshd_config").write_text("\n".join(lines) + "\n")
    log = (directory / "sshd.log").open("wb")
    process = subprocess.Popen(
        [PROGRAM, "-D", "-e", "-f", str(directory / "sshd_config")], stdin=subprocess.DEVNULL, stderr=log
    )
    log.close()
    host_key = keys[0].with_name(keys[0].name + ".pub").read_text()
    server = SSHD(directory, port, process, " ".join(host_key.split()[:2]))
    try:
        _await_listener(server)
        yield server
    finally:
        server.kill_sessions()
        process.terminate()
        process.wait(10)


def _host_key(directory: Path, kind: str) -> Path:
    path = directory / f"host_{kind}"
    subprocess.run(["ssh-keygen", "-q", "-N", "", "-t", kind, "-f", str(path)], check=True)
    return path


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await_listener(server: SSHD) -> None:
    log = server.directory / "sshd.log"
    while b"Server listening" not in log.read_bytes():
        try:
            server.process.wait(0.02)
        except subprocess.TimeoutExpired:
            continue
        raise AssertionError(f"sshd ended at once: {log.read_text()}")
