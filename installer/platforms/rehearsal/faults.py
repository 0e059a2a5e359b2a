"""Faults of a rehearsal, `MACHINE:PHASE:FAULT`: what there is, and which machine can have which."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from installer.common.errors import ExitCode, InstallerError
from installer.plan.rules import Role
from installer.plan.topology import Machine, Topology

_ON_COMMAND = ("slow", "hang", "drop", "refuse", "hostkey", "disk-full", "exit")
PHASES: dict[str, tuple[str, ...]] = {
    "machines": ("slow", "hang", "drop", "refuse", "disk-full", "exit"),
    "connect": ("slow", "hang", "drop", "refuse", "hostkey"),
    "prepare": _ON_COMMAND,
    "control-plane": (*_ON_COMMAND, "expiring"),
    "join": (*_ON_COMMAND, "expiring"),
    "ingress": _ON_COMMAND,
    "verify": ("slow", "hang", "drop", "refuse", "hostkey", "exit"),
}
"""Faults by the phase in which they can strike."""
SLOWNESS = 10
"""How many times longer all takes on a machine that is slow."""


@dataclass(frozen=True, slots=True)
class Fault:
    """`machine` is a machine's name, full or without the cluster's name before it."""

    machine: str
    phase: str
    kind: str

    def __str__(self) -> str:
        return f"{self.machine}:{self.phase}:{self.kind}"


def parse_fault(text: str) -> Fault:
    """Read `MACHINE:PHASE:FAULT`. Raises InstallerError (usage) saying what is allowed."""
    parts = text.split(":")
    if len(parts) != 3 or not all(parts):
        raise _usage(f"{text!r} is no fault", "write MACHINE:PHASE:FAULT, for example worker-1:prepare:drop")
    fault = Fault(*parts)
    if fault.phase not in PHASES:
        raise _usage(f"{text!r} names no phase that can have a fault", f"phases: {', '.join(PHASES)}")
    if fault.kind not in PHASES[fault.phase]:
        raise _usage(f"{text!r} names no fault of that phase", f"in {fault.phase}: {', '.join(PHASES[fault.phase])}")
    return fault


def parse_faults(texts: Iterable[str], cluster: str, topology: Topology) -> tuple[Fault, ...]:
    """Faults with full machine names.

    Raises InstallerError (usage) if the plan has no such machine, or if nothing runs on it in that phase.
    """
    return tuple(_of_plan(parse_fault(text), cluster, topology) for text in texts)


def _of_plan(fault: Fault, cluster: str, topology: Topology) -> Fault:
    machines = {machine.name: machine for machine in topology.machines}
    name = fault.machine if fault.machine in machines else f"{cluster}-{fault.machine}"
    if name not in machines:
        short = [known.removeprefix(f"{cluster}-") for known in machines]
        more = ", ..." if len(short) > 12 else ""
        raise _usage(f"{str(fault)!r} names no machine of the plan", f"machines: {', '.join(short[:12])}{more}")
    phases = _phases(machines[name])
    if fault.phase not in phases:
        raise _usage(f"{str(fault)!r}: nothing runs on {name} in that phase", f"its phases: {', '.join(phases)}")
    return Fault(name, fault.phase, fault.kind)


def _phases(machine: Machine) -> list[str]:
    """Phases in which something runs on `machine`; the first master labels nodes and brings up the ingress."""
    own = {"machines", "connect", "prepare", "verify"}
    if machine.role is Role.MASTER:
        own |= {"control-plane", "join", "ingress"} if machine.number == 1 else {"control-plane"}
    else:
        own.add("join")
    return [phase for phase in PHASES if phase in own]


def _usage(observed: str, hint: str) -> InstallerError:
    return InstallerError("read --fault", observed, hint=hint, exit_code=ExitCode.USAGE)
