"""A real OpenSSH sshd on a loopback port, without root's files: its own keys, configuration and process."""

from __future__ import annotations

import getpass
import os
import secrets
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from installer.ssh.endpoint import Endpoint
from tests.needs import require, tool
from tests.patience import PATIENCE


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

    def stop(self) -> None:
        """End the server with every session."""
        self.kill_sessions()
        self.process.terminate()
        self.process.wait(PATIENCE)

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
def running_sshd(
    directory: Path, *settings: str, host_key_types: tuple[str, ...] = ("ed25519",), port: int = 0
) -> Iterator[SSHD]:
    """Start sshd with lines of sshd_config that go before all others; stop it, with every session, at the end.

    It listens on a free port, unless one is given.
    """
    program = tool("sshd")
    require("ssh-keygen")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    directory.mkdir(parents=True, exist_ok=True)
    keys = [_host_key(directory, kind) for kind in host_key_types]
    (directory / "authorized_keys").touch()
    port = port or free_port()
    lines = [
        *settings,
        f"ListenAddress 127.0.0.1:{port}",
        *(f"HostKey {key}" for key in keys),
        "PidFile none",
        f"AuthorizedKeysFile {directory}/authorized_keys",
        "StrictModes no",
        "UsePAM no",
        "PasswordAuthentication no",
        "KbdInteractiveAuthentication no",
        "PermitRootLogin prohibit-password",
        "PermitUserRC no",
        "MaxStartups 100",
        f"SetEnv HOME={directory}",  # a home without start files, which are the developer's own
    ]
    (directory / "sshd_config").write_text("\n".join(lines) + "\n")
    log = (directory / "sshd.log").open("wb")
    process = subprocess.Popen(
        [program, "-D", "-e", "-f", str(directory / "sshd_config")], stdin=subprocess.DEVNULL, stderr=log
    )
    log.close()
    host_key = keys[0].with_name(keys[0].name + ".pub").read_text()
    server = SSHD(directory, port, process, " ".join(host_key.split()[:2]))
    try:
        _await_listener(server)
        yield server
    finally:
        server.stop()


def login_shell(directory: Path, script: str) -> str:
    """A setting by which every user's login shell is this script; `$SSH_ORIGINAL_COMMAND` is what it is to run."""
    return f"ForceCommand {program(directory, 'login-shell', script)}"


def programs(directory: Path, **scripts: str) -> str:
    """A setting that puts these shell scripts, by their names, before all other programs."""
    for name, script in scripts.items():
        program(directory, name, script)
    return f"SetEnv HOME={directory} PATH={directory}:/usr/bin:/bin"


def program(directory: Path, name: str, script: str) -> Path:
    """An executable shell script. It meets no double, and so never itself, when it calls a program by its name."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / name
    path.write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\n{script}\n")
    path.chmod(0o755)
    return path


def user_key(path: Path, *options: str, kind: str = "ed25519", passphrase: str = "") -> str:
    """Make a user's key pair at `path`; return the public half as a line of authorized_keys."""
    require("ssh-keygen")
    path.parent.mkdir(parents=True, exist_ok=True)
    argv = ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", f"{path.name}@here", *options, "-f", str(path)]
    subprocess.run(argv, check=True)
    return path.with_name(f"{path.name}.pub").read_text().strip()


def _host_key(directory: Path, kind: str) -> Path:
    path = directory / f"host_{kind}"
    subprocess.run(["ssh-keygen", "-q", "-N", "", "-t", kind, "-f", str(path)], check=True)
    return path


def free_port() -> int:
    """Below the ports that the kernel hands out by itself, so that no connection takes it before the server does."""
    while True:
        port = secrets.choice(range(10_000, 32_000))
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def _await_listener(server: SSHD) -> None:
    log = server.directory / "sshd.log"
    while b"Server listening" not in log.read_bytes():
        try:
            server.process.wait(0.02)
        except subprocess.TimeoutExpired:
            continue
        raise AssertionError(f"sshd ended at once: {log.read_text()}")
