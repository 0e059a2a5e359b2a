"""Three machines in network namespaces, connected to as the product does, whose reachability can be proved."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from installer.common.paths import ClusterDirectory
from installer.health.reach.flows import Outcome
from installer.health.reach.prove import Reachability, prove
from installer.plan.model import InstallPlan
from installer.plan.topology import topology
from installer.ssh.connections import SSHConnections
from installer.ssh.keys.cluster_key import ensure_key
from tests.doubles.netns import Namespaces, running_namespaces
from tests.patience import PATIENCE

MASTER, INFRA, WORKER = "demo-master-1", "demo-infra-1", "demo-worker-1"
PLAN = InstallPlan.model_validate(
    {
        "name": "demo",
        "subdomain": "k8s.example.test",
        "masters": 1,
        "workers": 1,
        "ingress": {"kind": "infra", "infra": 1},
        "networks": {"machines": "10.99.0.0/24", "pods": "10.244.0.0/16", "services": "10.96.0.0/16"},
    }
)
TOPOLOGY = topology(PLAN)


@dataclass
class Site:
    network: Namespaces
    directory: ClusterDirectory
    connections: SSHConnections

    def prove(self, deadline: float = PATIENCE) -> Reachability:
        return prove(self.connections.get, TOPOLOGY, deadline)

    def programs(self, machine: str) -> list[int]:
        """Pids of what of ours runs on the machine."""
        return self.network.pids(machine, "perl")


@contextmanager
def site(directory: Path) -> Iterator[Site]:
    addresses = {machine.name: str(machine.address) for machine in TOPOLOGY.machines}
    with running_namespaces(directory, addresses) as network:
        files = ClusterDirectory(directory / "clusters" / "demo")
        network.authorize(ensure_key(files))
        with closing(SSHConnections(network.endpoint, files)) as connections:
            yield Site(network, files, connections)


def unreached(found: Reachability) -> dict[tuple[str, str, int], Outcome]:
    """What did not get an answer, by target, protocol and port; all sources fared alike."""
    outcomes: dict[tuple[str, str, int], set[Outcome]] = {}
    for one in found.tried:
        outcomes.setdefault((one.flow.target, *one.flow.service), set()).add(one.outcome)
    mixed = {key: seen for key, seen in outcomes.items() if len(seen) > 1}
    assert not mixed
    return {key: seen.pop() for key, seen in outcomes.items() if seen != {Outcome.ANSWERED}}


def eventually(holds: Callable[[], bool], seconds: float = PATIENCE) -> bool:
    """Whether `holds` comes true within so many seconds."""
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True
