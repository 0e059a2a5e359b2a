"""Machines in network namespaces of their own, joined by a bridge, each with a real sshd. Needs root.

    with running_namespaces(tmp_path, {"demo-master-1": "10.99.0.11", "demo-worker-1": "10.99.0.101"}) as machines:
        machines.authorize(public_key)
        machines.nft("demo-worker-1", "tcp dport 9100 drop")
        connect(machines.endpoint("demo-worker-1"))

SSH comes from this process by a loopback port, enters the network as the workstation (10.99.0.1) and passes each
machine's own firewall. A machine has its own hostname and machine-id, what it writes below PRIVATE goes to its own
directory, and its `sudo` lets everything pass. Namespaces carry the pid of their process: those of a process that
crashed go when the next test starts.
"""

from __future__ import annotations

import itertools
import os
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import md5
from ipaddress import IPv4Interface
from pathlib import Path
from typing import TypeVar

from installer.ssh.endpoint import Endpoint
from tests.doubles.forward import Forward
from tests.doubles.namespace import PREFIX, command_line, kill, new_namespace, pids, remove_stale, run_tool, within
from tests.needs import PATH, require, tool
from tests.patience import PATIENCE

T = TypeVar("T")

WORKSTATION = IPv4Interface("10.99.0.1/24")
"""The address from which SSH reaches the machines."""

PRIVATE = ("/etc", "/usr/local", "/var/lib")
"""What a machine has for itself: it sees this computer's files there, and what it writes stays its own."""

_ENVIRONMENT = {**os.environ, "PATH": PATH}
_NAME = re.compile(r"craton-(\d+)-\d+-.+")
_SUDO = '#!/bin/sh\nwhile [ "${1#-}" != "$1" ]; do shift; done\nexec "$@"\n'
_numbers = itertools.count()


@dataclass
class NetMachine:
    """One machine: `namespace` as `ip netns` lists it, `link` its end of the cable at the bridge."""

    name: str
    address: str
    namespace: str
    link: str
    directory: Path
    host_key: str
    sshd: subprocess.Popen[bytes]
    forward: Forward


@dataclass
class Namespaces:
    """Running machines by name, in the order given; `bridge` is the namespace of the network between them."""

    bridge: str
    machines: dict[str, NetMachine] = field(default_factory=dict)

    def endpoint(self, name: str) -> Endpoint:
        """Where this process reaches the machine's sshd; the cluster's own key logs in, once authorised."""
        machine = self.machines[name]
        return Endpoint("127.0.0.1", machine.forward.port, "root", machine.host_key)

    def authorize(self, *public_keys: str) -> None:
        """Let these keys, and no others, log in on every machine."""
        for machine in self.machines.values():
            (machine.directory / "authorized_keys").write_text("".join(f"{key}\n" for key in public_keys))

    def run(self, name: str, *command: str, stdin: str = "", check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command on the machine: its network, its files."""
        pid = self.machines[name].sshd.pid
        return subprocess.run(
            ["nsenter", "-t", str(pid), "-n", "-m", "-u", *command],
            input=stdin, text=True, capture_output=True, timeout=PATIENCE, check=check, env=_ENVIRONMENT,
        )  # fmt: skip

    def within(self, name: str, act: Callable[[], T]) -> T:
        """What `act` returns in the machine's network: a socket that it opens there stays there."""
        return within(self.machines[name].namespace, act)

    def processes(self, name: str) -> list[str]:
        """The command lines of what runs on the machine."""
        return [command_line(pid) for pid in pids(self.machines[name].namespace)]

    def pids(self, name: str, program: str) -> list[int]:
        """The processes of `program` (a command line's first word) on the machine."""
        return [pid for pid in pids(self.machines[name].namespace) if command_line(pid).split()[:1] == [program]]

    def nft(self, name: str, *rules: str, chain: str = "input") -> None:
        """Add rules for what comes in (or goes out: `output`) to a table `test` of the machine."""
        hook = f"type filter hook {chain} priority 10; policy accept;"
        body = "\n".join(f"add rule inet test {chain} {rule}" for rule in rules)
        self.run(
            name, "nft", "-f", "-", stdin=f"add table inet test\nadd chain inet test {chain} {{ {hook} }}\n{body}\n"
        )

    def clear(self, name: str) -> None:
        """Take back what `nft` added to the machine."""
        self.run(name, "nft", "-f", "-", stdin="add table inet test\ndelete table inet test\n")

    def nft_between(self, *rules: str) -> None:
        """Add rules for what passes from machine to machine, as a firewall of the network does."""
        body = "\n".join(f"add rule bridge test forward {rule}" for rule in rules)
        chain = "{ type filter hook forward priority 0; policy accept; }"
        script = f"add table bridge test\nadd chain bridge test forward {chain}\n{body}\n"
        run_tool("ip", "netns", "exec", self.bridge, "nft", "-f", "-", stdin=script)

    def set_mtu(self, name: str, mtu: int, *, interface: bool = False) -> None:
        """Lower the MTU of the machine's way to the others, which then drops silently what is larger (by more than
        the 4 bytes of a VLAN tag); or that of the machine's own `interface`."""
        machine = self.machines[name]
        where = (machine.namespace, "eth0") if interface else (self.bridge, machine.link)
        run_tool("ip", "-n", where[0], "link", "set", where[1], "mtu", str(mtu))

    def set_rate(self, name: str, kbit: int) -> None:
        """Make the machine's link slow towards the machine."""
        shape = ("tbf", "rate", f"{kbit}kbit", "burst", "16kb", "latency", "400ms")
        run_tool("tc", "-n", self.bridge, "qdisc", "replace", "dev", self.machines[name].link, "root", *shape)

    def set_loss(self, name: str, *, every: int) -> None:
        """Lose one packet in so many of what the machine sends."""
        chain = f'{{ type filter hook ingress device "{self.machines[name].link}" priority 0; }}'
        rule = f"numgen inc mod {every} == 0 drop"
        table = f"loss-{self.machines[name].link}"
        script = f"add table netdev {table}\nadd chain netdev {table} in {chain}\nadd rule netdev {table} in {rule}\n"
        run_tool("ip", "netns", "exec", self.bridge, "nft", "-f", "-", stdin=script)

    def set_link(self, name: str, *, up: bool) -> None:
        """Pull the machine's cable, or plug it in: connections hang, nobody is told."""
        run_tool("ip", "-n", self.bridge, "link", "set", self.machines[name].link, "up" if up else "down")

    def disconnect(self, name: str) -> None:
        """End every SSH connection to the machine; the machine sees them close."""
        self.machines[name].forward.disconnect()


@contextmanager
def running_namespaces(directory: Path, addresses: Mapping[str, str]) -> Iterator[Namespaces]:
    """Machines with these names and addresses of 10.99.0.0/24; gone at the end with all that runs on them.

    They need root, and a kernel that lets it have namespaces.
    """
    require("network namespaces", "sshd", "ssh-keygen")
    remove_stale()
    prefix = f"{PREFIX}{next(_numbers)}"
    with ExitStack() as stack:
        found = Namespaces(stack.enter_context(_bridge(f"{prefix}-net")))
        for number, (name, address) in enumerate(addresses.items()):
            namespace, link = stack.enter_context(new_namespace(f"{prefix}-{name}")), f"link{number}"
            _plug(found.bridge, namespace, link, address)
            forward = stack.enter_context(closing(Forward(found.bridge, (address, 22))))
            home = directory / "machines" / name
            home.mkdir(parents=True)
            host_key = _configure(home)
            sshd = stack.enter_context(_sshd(namespace, home))
            found.machines[name] = NetMachine(name, address, namespace, link, home, host_key, sshd, forward)
        for machine in found.machines.values():
            _await_listener(machine)
        yield found


@contextmanager
def _bridge(name: str) -> Iterator[str]:
    with new_namespace(name):
        lines = ("link add br0 type bridge", f"addr add {WORKSTATION} dev br0", "link set br0 up")
        run_tool("ip", "-n", name, "-batch", "-", stdin="\n".join(lines) + "\n")
        yield name


def _plug(bridge: str, namespace: str, link: str, address: str) -> None:
    """Lay a cable from the namespace's `eth0` to the bridge."""
    at_bridge = f"link add {link} type veth peer name eth0 netns {namespace}\nlink set {link} master br0 up\n"
    run_tool("ip", "-n", bridge, "-batch", "-", stdin=at_bridge)
    length = WORKSTATION.network.prefixlen
    at_machine = f"addr add {address}/{length} dev eth0\nlink set eth0 up\nroute add default via {WORKSTATION.ip}\n"
    run_tool("ip", "-n", namespace, "-batch", "-", stdin=at_machine)


@contextmanager
def _sshd(namespace: str, home: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = ["ip", "netns", "exec", namespace, "unshare", "--uts", "sh", "-c", _boot(home)]
    with (home / "sshd.log").open("wb") as log:
        sshd = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=_ENVIRONMENT)
    try:
        yield sshd
    finally:
        kill(namespace)
        sshd.wait(PATIENCE)


def _configure(home: Path) -> str:
    """Write what sshd needs; return the host key, as `TYPE BASE64`."""
    subprocess.run(["ssh-keygen", "-q", "-N", "", "-t", "ed25519", "-f", str(home / "host_key")], check=True)
    (home / "authorized_keys").touch()
    lines = (
        "ListenAddress 0.0.0.0:22",
        f"HostKey {home}/host_key",
        "PidFile none",
        f"AuthorizedKeysFile {home}/authorized_keys",
        "StrictModes no",
        "UsePAM no",
        "PasswordAuthentication no",
        "PermitRootLogin prohibit-password",
        "PermitUserRC no",
        "MaxStartups 100",
        "MaxSessions 100",
        "Subsystem sftp internal-sftp",
    )
    (home / "sshd_config").write_text("\n".join(lines) + "\n")
    return " ".join((home / "host_key.pub").read_text().split()[:2])


def _boot(home: Path) -> str:
    """Shell that gives the machine its own files, then becomes its sshd. `ip netns exec` has unshared the mounts."""
    program = tool("sshd")
    lines = ["set -e", "mkdir -p /run/sshd", f"echo {home.name} >/proc/sys/kernel/hostname"]
    for path in PRIVATE:
        own = home / "files" / path.strip("/").replace("/", "-")
        (own / "upper").mkdir(parents=True)
        (own / "work").mkdir()
        lines.append(f"mount -t overlay overlay -o lowerdir={path},upperdir={own}/upper,workdir={own}/work {path}")
    sudo = home / "files" / "usr-local" / "upper" / "bin" / "sudo"
    sudo.parent.mkdir()
    sudo.write_text(_SUDO)
    sudo.chmod(0o755)
    _write_etc(home / "files" / "etc" / "upper", home)
    return "\n".join([*lines, f"exec {program} -D -e -f {home}/sshd_config"])


def _write_etc(etc: Path, home: Path) -> None:
    """The machine's identity, and a home for root without this computer's .bashrc and what that starts."""
    (etc / "machine-id").write_text(md5(str(home).encode()).hexdigest() + "\n")
    (home / "root").mkdir(mode=0o700)
    users = [line for line in Path("/etc/passwd").read_text().splitlines() if not line.startswith("root:")]
    (etc / "passwd").write_text("\n".join([f"root:x:0:0:root:{home}/root:/bin/bash", *users]) + "\n")


def _await_listener(machine: NetMachine) -> None:
    log = machine.directory / "sshd.log"
    while b"Server listening" not in log.read_bytes():
        with suppress(subprocess.TimeoutExpired):
            machine.sshd.wait(0.02)
            raise AssertionError(f"sshd of {machine.name} ended at once: {log.read_text()}")
