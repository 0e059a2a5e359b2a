"""From preflight evidence to findings. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from installer.health.check import Check, Finding, Subject
from installer.health.preflight import fleet, kernel, names, network, ports, resources, software, system
from installer.health.preflight.check import PreflightCheck
from installer.plan.model import InstallPlan
from installer.plan.topology import Topology
from installer.steps.evidence import Evidence

PREFLIGHT: tuple[PreflightCheck, ...] = (
    *fleet.FIRST,
    *system.CHECKS,
    *kernel.CHECKS,
    *resources.CHECKS,
    *network.CHECKS,
    *ports.CHECKS,
    *names.CHECKS,
    *software.CHECKS,
    *fleet.CHECKS,
)
"""Every check of machines before anything is installed on them, in the order in which people read them."""
ALONE: tuple[PreflightCheck, ...] = tuple(check for check in PREFLIGHT if check.alone)
"""Those for which a machine's own evidence is enough."""
TOGETHER: tuple[PreflightCheck, ...] = tuple(check for check in PREFLIGHT if not check.alone)
"""Those that compare machines."""


def evaluate_preflight(
    plan: InstallPlan,
    topology: Topology,
    evidence: Mapping[str, Evidence],
    pinned: Mapping[str, str] | None = None,
    checks: Iterable[Check] = PREFLIGHT,
) -> tuple[Finding, ...]:
    """The findings of `checks` on every machine that `evidence` (by machine) is of, machine by machine.

    `pinned` are host keys (`TYPE BASE64`) by machine.
    """
    facts: dict[Any, Any] = {}
    wanted = tuple(checks)
    return tuple(
        check.examine(Subject(machine, plan, topology, answer, evidence, pinned or {}, facts))
        for machine in topology.machines
        if (answer := evidence.get(machine.name)) is not None
        for check in wanted
    )
