"""What tests need of the computer they run on: programs, and rights. Imports nothing that has to be installed first.

A test says what it calls itself with `@pytest.mark.needs("ssh-keygen", "root")`; a double says it with `require(...)`,
so that whoever uses the double needn't know. What is missing skips the test and gives the reason; in CI it fails.
`make test` installs the packages of TOOLS (`tests/set_up.py`): there is no other list.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

TOOLS = {
    "ensurepip": "python3-venv",
    "git": "git",
    "sshd": "openssh-server",
    "ssh": "openssh-client",
    "ssh-add": "openssh-client",
    "ssh-agent": "openssh-client",
    "ssh-keygen": "openssh-client",
    "tmux": "tmux",
    # own machines: network namespaces with firewalls, other login shells, the node's scripts
    "bridge": "iproute2",
    "ip": "iproute2",
    "ss": "iproute2",
    "tc": "iproute2",
    "nft": "nftables",
    "ping": "iputils-ping",
    "nc": "netcat-openbsd",
    "curl": "curl",
    "perl": "perl-base",
    "nsenter": "util-linux",
    "unshare": "util-linux",
    "shellcheck": "shellcheck",
    "bash": "bash",
    "busybox": "busybox",
    "csh": "tcsh",
    "dash": "dash",
    "fish": "fish",
    "sh": "dash",
    "tcsh": "tcsh",
    "zsh": "zsh",
    "kubectl": "kubernetes-client",
    # a name server that takes updates
    "named": "bind9",
    "haproxy": "haproxy",
    "keepalived": "keepalived",
    # an ACME server
    "pebble": "pebble",
    # machines on this computer
    "podman": "podman",
    "runc": "runc",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
    "iptables": "iptables",
    "mmdebstrap": "mmdebstrap",
    "/usr/share/keyrings/debian-archive-keyring.gpg": "debian-archive-keyring",
    # bundles: a registry of images, and who imports them
    "docker-registry": "docker-registry",
    "containerd": "containerd",
    "ctr": "containerd",
}
"""Debian's package of every program, Python module (`ensurepip`) or file that a test calls or reads."""

PATH = f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin"
"""Where programs are looked for: users other than root often lack the last three."""


@dataclass(frozen=True)
class Right:
    """Something that a computer lets its user do, or not. `probe` tries it, and returns why it failed, or nothing."""

    needs: tuple[str, ...]
    probe: Callable[[], str]


def require(*needs: str) -> None:
    """End the running test unless this computer has all of `needs`: it is skipped, or fails in CI."""
    import pytest

    reasons = dict.fromkeys(filter(None, map(lacking, needs)))
    if reasons and in_ci():
        pytest.fail(f"CI has to have this: {'; '.join(reasons)}", pytrace=False)
    if reasons:
        pytest.skip("; ".join(reasons))


def tool(name: str) -> str:
    """Where this computer has a program; without it the test ends as `require` says."""
    require(name)
    return find(name) or name


def in_ci() -> bool:
    return os.environ.get("CI", "").lower() not in ("", "0", "false", "no")


@cache
def lacking(need: str) -> str:
    """Why this computer does not have `need`, a key of TOOLS or RIGHTS; an empty string if it has it."""
    if need in TOOLS:
        return "" if find(need) else f"{need} is not installed (Debian: {TOOLS[need]})"
    right = RIGHTS[need]
    return next(filter(None, map(lacking, right.needs)), "") or right.probe()


def find(tool: str) -> str | None:
    """Where this computer has a key of TOOLS, if it does."""
    if tool == "ensurepip":
        spec = find_spec(tool)
        return spec.origin if spec else None
    return shutil.which(tool, path=PATH) or (tool if Path(tool).is_file() else None)


def _root() -> str:
    return "" if os.geteuid() == 0 else "only root may do this: run the tests as root"


def _private_files() -> str:
    """Overlays in a mount namespace: a chroot and an unprivileged container refuse them."""
    with tempfile.TemporaryDirectory() as directory:
        layers = f"lowerdir=/etc,upperdir={directory}/up,workdir={directory}/work"
        script = (
            f"mount -t tmpfs tmpfs {directory} && mkdir {directory}/up {directory}/work && "
            f"mount -t overlay overlay -o {layers} /etc"
        )
        tried = _try("unshare", "--mount", "--propagation", "private", "sh", "-c", script)
    return f"no private mounts here ({tried})" if tried else ""


def _network_namespaces() -> str:
    name = f"craton-probe-{os.getpid()}"
    script = "ip link add probe type bridge && echo add table inet probe | nft -f -"
    tried = _try("ip", "netns", "add", name) or _try("ip", "netns", "exec", name, "sh", "-c", script)
    _try("ip", "netns", "delete", name)
    return f"no network namespaces here ({tried})" if tried else ""


def _own_network() -> str:
    tried = _try(*empty_network(), "nft", "list", "ruleset")
    return f"no network namespaces here ({tried})" if tried else ""


def _mounted_root() -> str:
    mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    return "" if "/" in mounts else "no file system is mounted at / here (a chroot)"


def _containers() -> str:
    from tests.doubles.machines import why_no_containers

    tried = why_no_containers()
    return f"no containers here ({tried})" if tried else ""


def _low_ports() -> str:
    """Port 22 of a loopback address: that of a server on all addresses is in the way, and so are limits of users."""
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(("127.255.254.253", 22))
        except OSError as error:
            return f"port 22 of loopback addresses can't be had ({error.strerror})"
    return ""


RIGHTS = {
    "low ports": Right((), _low_ports),
    "root": Right((), _root),
    "private files": Right(("root", "unshare", "nsenter"), _private_files),
    "network namespaces": Right(("private files", "ip", "nft", "tc"), _network_namespaces),
    "own network": Right(("unshare", "nft"), _own_network),
    "mounted root": Right((), _mounted_root),
    "containers": Right((), _containers),
}


def empty_network() -> list[str]:
    """What goes before a command so that it runs in an empty network. The kernel may let any user have one."""
    return ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--net"]


def _try(*command: str) -> str:
    """Run a command; nothing if it succeeds, else the last line that it says."""
    environment = {**os.environ, "PATH": PATH}
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment, timeout=120
        )
    except subprocess.TimeoutExpired:
        return f"{command[0]} did not end within two minutes"
    lines = (done.stderr or done.stdout).strip().splitlines()
    return "" if done.returncode == 0 else (lines or [f"{command[0]} ended with {done.returncode}"])[-1]
