"""The ports that have to be free on a machine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from installer.plan import rules
from installer.plan.rules import Level, Role
from installer.plan.topology import Machine, Topology

ALL_NODES = {10248: "kubelet", 10249: "kube-proxy", 10250: "kubelet", 10256: "kube-proxy"}
API_PROXY = 6443
"""Of machines that have a proxy of their own to the API."""
MASTERS = {
    2379: "etcd", 2380: "etcd", 2381: "etcd", 6443: "API server", 10257: "controller manager", 10259: "scheduler",
}  # fmt: skip
"""Ports that kubeadm's components listen on, also where no rule opens them."""
SINGLE = 16
"""A rule's range of at most so many ports is a service each; a longer one is room to choose from."""
RIGHT = {22: None, 9100: ("node_exporter", "prometheus-node")}
"""Ports that may be taken: by anybody (SSH answers, or nobody would read this), or by processes named so."""


@dataclass(frozen=True, slots=True)
class Needed:
    protocol: str
    first: int
    last: int
    level: Level

    @property
    def single(self) -> bool:
        return self.last - self.first < SINGLE


def needed(machine: Machine, topology: Topology) -> Iterator[Needed]:
    """What has to be free on `machine`: what its rules let in, and what Craton's and kubeadm's programs listen on."""
    own = [*ALL_NODES, *(MASTERS if machine.role is Role.MASTER else ())]
    own += [API_PROXY] if topology.has_api_proxy(machine) else []
    yield from (Needed("tcp", port, port, Level.NEEDED) for port in own)
    for rule in machine.firewall:
        if rule.direction == "in" and rule.traffic.protocol != "all":
            level = rules.RULES[rule.rule].level
            yield Needed(rule.traffic.protocol, rule.traffic.first, rule.traffic.last, level)
