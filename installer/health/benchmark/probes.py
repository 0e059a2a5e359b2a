"""What machines are asked for the benchmark. What each prints is in assets/health/benchmark, and in what follows.

benchmark-files       MODE USER:GROUP PATH, a line for each file
benchmark-processes   PROCESS ARGUMENT, a line for each argument
benchmark-kubelet     the kubelet's configuration, after a line `# in a container` on a machine that is one
serving               as in the health checks: ok, if the kubelet shows a certificate of the cluster's CA
benchmark-listening   ss's lines of who listens on port 10249
benchmark-policies    `#file FLAG` and the file that the API server's flag names, of each          masters
benchmark-rights      `admin KIND/NAME` and `group NAME`, a line each                              masters
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from installer.health.checks.certificate import SERVING
from installer.health.probing import asset
from installer.plan.rules import Role
from installer.steps.evidence import Probe

if TYPE_CHECKING:
    from installer.plan.topology import Machine, Topology


def _asset(name: str, roles: tuple[Role, ...] = tuple(Role)) -> Probe:
    return Probe(f"benchmark-{name}", lambda _machine, _topology: asset(f"benchmark/{name}.sh"), roles)


def _rights(machine: Machine, _topology: Topology) -> str:
    return f"server={shlex.quote(f'https://{machine.located}:6443')}\n" + asset("benchmark/rights.sh")


PROBES = (
    _asset("files"),
    _asset("processes"),
    _asset("kubelet"),
    SERVING,
    Probe("benchmark-listening", lambda _machine, _topology: "ss -Hltn 'sport = :10249'"),
    _asset("policies", (Role.MASTER,)),
    Probe("benchmark-rights", _rights, (Role.MASTER,), seconds=20),
)
