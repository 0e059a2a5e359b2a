"""What a stand-in machine finds at another's ports: the firewall in force there, and what listens."""

from __future__ import annotations

import re
from collections.abc import Iterator

from installer.plan.rules import Role
from installer.plan.topology import FirewallRule
from installer.platforms.rehearsal.records import FIREWALL_RULES, MachineRecord, SiteRecord

_TARGET = re.compile(r"^# target (tcp|udp) (\S+) (\d{1,5})$", re.MULTILINE)
_INGRESS_NODE_PORTS = (32000, 32001, 32002)


def reach(record: SiteRecord, source: MachineRecord, script: str) -> Iterator[str]:
    """A line `PROTOCOL ADDRESS PORT RESULT` for every target that `script` names."""
    machines = {machine.address: machine for machine in record.machines.values() if machine.state == "running"}
    groups = {name: FIREWALL_RULES.validate_python(rules) for name, rules in record.entries.get("firewall", {}).items()}
    for protocol, address, port in _TARGET.findall(script):
        target = machines.get(address)
        result = "filtered"
        if target and _accepts(groups.get(target.firewall, ()), source.role, protocol, int(port)):
            result = "open" if (protocol, int(port)) in listening(record, target) else "refused"
        yield f"{protocol} {address} {port} {result}"


def _accepts(rules: tuple[FirewallRule, ...], source: Role, protocol: str, port: int) -> bool:
    return any(
        rule.direction == "in"
        and rule.traffic.protocol in (protocol, "all")
        and rule.traffic.first <= port <= rule.traffic.last
        and source in rule.peer_roles
        for rule in rules
    )


def listening(record: SiteRecord, machine: MachineRecord) -> set[tuple[str, int]]:
    """The ports of `machine` at which something answers, as (protocol, port)."""
    found = {("tcp", 22)}
    known = record.cluster
    if known is None or machine.member != known.name:
        return found
    found |= {("tcp", 10250), ("tcp", 10256)}
    if machine.role is Role.MASTER:
        found |= {("tcp", 6443), ("tcp", 2379), ("tcp", 2380)}
    if "overlay" in known.addons:
        found.add(("udp", 4789))
    if "node-exporter" in known.addons:
        found.add(("tcp", 9100))
    if "ingress" in known.addons:
        infra = any(other.role is Role.INFRA for other in record.machines.values())
        if machine.role is Role.INFRA:
            found |= {("tcp", 80), ("tcp", 443)}
        elif not infra:
            found |= {("tcp", port) for port in _INGRESS_NODE_PORTS}
    return found
