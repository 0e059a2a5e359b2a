"""Own machines for tests: a plan whose inventory are real sshd on loopback, and a user's ~/.ssh to reach them with."""

from __future__ import annotations

import getpass
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from installer.artifacts.catalogue import ARCHITECTURES, wanted
from installer.artifacts.container_images import images
from installer.common.paths import ClusterDirectory
from installer.plan import planfile
from installer.plan.model import InstallPlan
from installer.ssh.host_keys.pinned_keys import fingerprint
from tests.doubles.sshd import SSHD, programs, running_sshd, user_key

MASTER, INFRA, WORKER = "demo-master-1", "demo-infra-1", "demo-worker-1"
_SUDO = '[ "$*" = "-n true" ] || { echo "no test changes the computer that it runs on" >&2; exit 1; }'
PASSPHRASE = "open, Sesame 🗝"


@dataclass(frozen=True)
class Fleet:
    """A master, an infra node and a worker. `home` is the user's, `path` the file of the plan."""

    home: Path
    servers: dict[str, SSHD]
    plan: InstallPlan
    path: Path

    @property
    def ssh(self) -> Path:
        return self.home / ".ssh"

    @property
    def known_hosts(self) -> Path:
        return self.ssh / "known_hosts"

    @property
    def cluster(self) -> ClusterDirectory:
        """As `CRATON_HOME` says."""
        return ClusterDirectory.of("demo")

    def address(self, machine: str) -> str:
        return f"127.0.0.1:{self.servers[machine].port}"

    def fingerprint(self, machine: str) -> str:
        return fingerprint(self.servers[machine].host_key)

    def know(self, machine: str, key: str | None = None) -> None:
        """Add a line to the user's known_hosts: the machine's own key, or another."""
        with self.known_hosts.open("a") as file:
            file.write(f"[127.0.0.1]:{self.servers[machine].port} {key or self.servers[machine].host_key}\n")

    def lock(self, passphrase: str = PASSPHRASE) -> Path:
        """Put a passphrase on the user's private key."""
        key = self.ssh / "id_ed25519"
        subprocess.run(["ssh-keygen", "-q", "-p", "-P", "", "-N", passphrase, "-f", str(key)], check=True)
        return key


@contextmanager
def running_fleet(
    directory: Path, *, jump: bool = False, settings: Mapping[str, Sequence[str]] | None = None
) -> Iterator[Fleet]:
    """Start it under `directory`; nobody knows its host keys. With `jump`, the worker lies behind the master.

    `settings`, by machine, are lines of sshd_config that go before all others.
    """
    home = directory / "home"
    ssh = home / ".ssh"
    ssh.mkdir(mode=0o700, parents=True)
    public = user_key(ssh / "id_ed25519")
    (ssh / "known_hosts").touch()
    (ssh / "config").write_text(
        f"UserKnownHostsFile {ssh}/known_hosts\nGlobalKnownHostsFile none\nIdentityFile {ssh}/id_ed25519\n"
        "IdentityAgent none\n"
    )
    with ExitStack() as stack:
        servers: dict[str, SSHD] = {}
        for name in (MASTER, INFRA, WORKER):
            lines = (*(settings or {}).get(name, ()), programs(directory / name, sudo=_SUDO))
            servers[name] = stack.enter_context(running_sshd(directory / name, *lines))
            servers[name].authorize(public)
        plan = with_sums(_plan(servers, jump=jump))
        path = directory / "demo.yaml"
        planfile.save(path, plan)
        yield Fleet(home, servers, plan, path)


def with_sums(plan: InstallPlan) -> InstallPlan:
    """The plan as if it had been reviewed: sums and digests are recorded, of files and images that nobody has."""
    paths = [artifact.path for architecture in ARCHITECTURES for artifact in wanted(plan, architecture)]
    digests = dict.fromkeys(images(plan), f"sha256:{'0' * 64}")
    artifacts = plan.artifacts.model_copy(update={"sums": dict.fromkeys(paths, "0" * 64), "digests": digests})
    return plan.model_copy(update={"artifacts": artifacts})


def _plan(servers: dict[str, SSHD], *, jump: bool) -> InstallPlan:
    hosts: list[dict[str, Any]] = [
        {"address": "127.0.0.1", "internal": f"10.10.0.{number}", "port": server.port, "user": getpass.getuser()}
        for number, server in enumerate(servers.values(), 11)
    ]
    if jump:
        hosts[-1]["jump"] = f"{getpass.getuser()}@127.0.0.1:{servers[MASTER].port}"
    return InstallPlan.model_validate(
        {
            "name": "demo",
            "subdomain": "example.test",
            "platform": "machines",
            "masters": 1,
            "workers": 1,
            "machines": {"inventory": hosts},
        }
    )
