"""The check of the API's virtual address: one of the masters holds it."""

from __future__ import annotations

from collections.abc import Mapping

from installer.health.check import Check, Judgement, Subject, Verdict
from installer.plan.rules import Level, Role
from installer.plan.topology import Machine, Topology
from installer.steps.evidence import Evidence, Probe, Unreadable

PLACE = 4
_ROLES = (Role.MASTER,)
_UNIT = "craton-virtual-address.service"


def _ask(_machine: Machine, topology: Topology) -> str:
    if not topology.virtual_address:
        return "echo none"
    held = f'[ -n "$(ip -4 -o addr show to {topology.virtual_address})" ] && echo held || echo free'
    return f'printf "%s " "$(systemctl is-active {_UNIT})"; {held}'


ADDRESS = Probe("virtual-address", _ask, _ROLES, quick=True, healthy="none")


def _holders(topology: Topology, everyone: Mapping[str, Evidence]) -> tuple[str, ...]:
    """Masters that have it."""
    return tuple(
        master.name
        for master in topology.of_role(Role.MASTER)
        if (found := everyone.get(master.name)) and found.probes.get(ADDRESS.id)
        and found.probes[ADDRESS.id].output.strip().endswith(" held")
    )  # fmt: skip


def _judge(subject: Subject) -> Judgement:
    address = subject.topology.virtual_address
    if not address:
        return Verdict.NOT_APPLICABLE, "the plan has none", ""
    words = subject.evidence.output(ADDRESS.id).split()
    if len(words) != 2 or words[1] not in ("held", "free"):
        raise Unreadable(f"no answer of the probe: {' '.join(words)[:60] or 'nothing'}")
    journal = "journalctl -u craton-virtual-address says what it sees of the other masters"
    if words[0] != "active":
        return Verdict.FAIL, f"keepalived is {words[0]}, so {address} can't move here", f"{journal}; then resume"
    holders = subject.across(_holders)
    if len(holders) > 1:
        seen = f"{address} is on {' and '.join(holders)} at once"
        return Verdict.FAIL, seen, f"let VRRP (IP protocol 112) through between the masters; {journal}"
    if not holders and len(subject.others) < len(subject.topology.machines):
        return Verdict.UNKNOWN, f"no master that answered holds {address}", journal
    if not holders:
        return Verdict.FAIL, f"no master holds {address}", journal
    holder = "this machine" if holders[0] == subject.machine.name else holders[0]
    return Verdict.PASS, f"{address} is on {holder}", ""


CHECKS = (Check("virtual-address", "Virtual address", Level.NEEDED, _judge, (ADDRESS,), _ROLES, alone=False),)
