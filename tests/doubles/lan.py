"""Own machines in a network of their own, and a user at its workstation. Needs root.

    with running_lan(tmp_path) as lan:
        lan.machines.run(WORKER, "mount", "-o", "remount,ro,bind", "/")
        lan.user.run("apply", str(lan.path), "--yes", "--plain", "--accept-new-host-keys", expect=4)

The machines pass every check of what is bare, and then refuse: nothing is ever installed on them.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from installer.common.paths import ClusterDirectory
from installer.engine.progress import Progress
from installer.engine.reader import Reader
from installer.health.preflight.probes import DOWNLOADS
from installer.node.program import PATH
from installer.plan import planfile
from installer.plan.model import InstallPlan
from installer.plan.topology import topology
from tests.craton import Craton
from tests.doubles.fleet import INFRA, MASTER, WORKER, with_sums
from tests.doubles.netns import Namespaces, running_namespaces
from tests.doubles.sshd import user_key

ADDRESSES = {MASTER: "10.99.0.11", INFRA: "10.99.0.21", WORKER: "10.99.0.31"}
_FIT = rf"""set -e
mount -t tmpfs -o size=40g,mode=755 tmpfs /var/lib
echo systemd >/var/lib/init
mount --bind /var/lib/init /proc/1/comm
rm -f /etc/cni/net.d/*

mkdir -p {PATH}
"""
"""What this computer may lack: room, systemd, names that resolve. A directory keeps `craton-node` from its place."""


@dataclass
class Lan:
    """A master, an infra node and a worker that let the user in; nobody knows their host keys. `path`: the plan's."""

    machines: Namespaces
    user: Craton
    plan: InstallPlan
    path: Path

    def apply(self, expect: int | None = None, *flags: str) -> subprocess.CompletedProcess[str]:
        """Install with nobody to ask."""
        alone = ("--yes", "--plain", "--accept-new-host-keys")
        return self.user.run("apply", str(self.path), *alone, *flags, expect=expect)

    def last_run(self) -> Progress:
        """What the journal says of it."""
        with Reader(ClusterDirectory(self.user.home / "clusters" / "demo").journal) as reader:
            progress = Progress.of(reader.steps())
            progress.extend(reader.events())
        return progress


@contextmanager
def running_lan(directory: Path, *more: str) -> Iterator[Lan]:
    """Start it; `more` are machines beside those of the plan, with addresses from 10.99.0.91 on."""
    ssh = directory / "home" / ".ssh"
    ssh.mkdir(mode=0o700, parents=True)
    public = user_key(ssh / "id_ed25519")
    plan = with_sums(_plan())
    path = directory / "demo.yaml"
    planfile.save(path, plan)
    others = {name: f"10.99.0.{number}" for number, name in enumerate(more, 91)}
    with running_namespaces(directory, ADDRESSES | others) as machines:
        machines.authorize(public)
        for name in ADDRESSES:
            make_fit(machines, name, plan)
        user = Craton(directory, machines.bridge)
        try:
            yield Lan(machines, user, plan, path)
        finally:
            user.end_everything()


def make_fit(machines: Namespaces, name: str, plan: InstallPlan) -> None:
    """Let the machine pass every check of what is bare."""
    machines.run(name, "sh", "-c", _FIT)
    known = (DOWNLOADS, name, *(record.name for record in topology(plan).records))
    lines = ["127.0.0.1 localhost", *(f"10.99.0.1 {one}" for one in known)]
    machines.run(name, "sh", "-c", "cat >/etc/hosts", stdin="\n".join(lines) + "\n")


def _plan() -> InstallPlan:
    return InstallPlan.model_validate(
        {
            "name": "demo",
            "subdomain": "example.test",
            "platform": "machines",
            "masters": 1,
            "workers": 1,
            "networks": {"services": "10.200.0.0/16"},
            "machines": {"inventory": [{"address": address, "user": "root"} for address in ADDRESSES.values()]},
        }
    )
