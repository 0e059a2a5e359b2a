"""What to know before an install is started: how long, on what, how much, for how much, and whether it can be undone.

The review and the install dialog show these lines, and `craton review` prints them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from installer.artifacts import sizes
from installer.common.text import about, count
from installer.health.preflight.resources import MASTER_CPUS, ROOM
from installer.operations.durations import Expected, expected
from installer.plan.model import InstallPlan
from installer.plan.rules import Role
from installer.platforms.planning import estimate
from installer.steps.step import Step


@dataclass(frozen=True, slots=True)
class Outlook:
    """An install before it starts, in a few words each."""

    takes: str
    needs: str
    downloads: str
    costs: str
    undo: str

    @property
    def lines(self) -> tuple[tuple[str, str], ...]:
        """Labels and what there is to say, in the order in which people ask."""
        return (
            ("takes", self.takes),
            ("needs", self.needs),
            ("downloads", self.downloads),
            ("costs", self.costs),
            ("undo", self.undo),
        )


def outlook(plan: InstallPlan, steps: Sequence[Step], costs: str = "") -> Outlook:
    """What is known before an install of `plan`. Reads how long earlier installs took.

    `costs` are what the account said of them, where it was asked (`installer.operations.account`).
    """
    takes = _takes(plan, expected(plan.platform, steps))
    return Outlook(takes, _needs(plan), _downloads(plan), costs or _costs(plan), _undo(plan))


def _takes(plan: InstallPlan, how_long: Expected) -> str:
    words = about(how_long.seconds)
    if how_long.earlier:
        return f"about {words}, judging by {count(how_long.earlier, 'earlier install')} on this platform"
    if not plan.traits.stand_ins:  # no step's weight knows how fast the machines download
        words += " and the time that the downloads take"
    return f"about {words}, a rough estimate until you have installed on this platform once"


def _needs(plan: InstallPlan) -> str:
    if plan.traits.stand_ins:
        return "nothing but this computer"
    system = sum(advised for path, (_, advised) in ROOM.items() if path != "/var/lib/etcd")
    with_etcd = sum(advised for _, advised in ROOM.values())
    each = f"{MASTER_CPUS} CPUs, 2 GB of memory and {with_etcd} GB of disk for each master"
    return f"{each}; 1 CPU, 1 GB and {system} GB for each other machine"


def _downloads(plan: InstallPlan) -> str:
    if plan.traits.stand_ins:
        return "nothing"
    master, other = (round(sizes.of_machine(plan, role) / 1e7) * 10 for role in (Role.MASTER, Role.WORKER))
    total = plan.masters * master + (plan.machine_count - plan.masters) * other
    known = "" if plan.kubernetes == sizes.measured() else f", as measured with {sizes.measured()}"
    source = f" from {plan.artifacts.mirror}" if plan.artifacts.mirror else ""
    return (
        f"about {master} MB for each master and {other} MB for each other machine: {total / 1000:.1f} GB{source}{known}"
    )


def _costs(plan: InstallPlan) -> str:
    found = estimate(plan)
    if found is not None:
        return str(found)
    if plan.traits.inventory:
        return "nothing, on your own machines"
    if plan.traits.stand_ins or plan.traits.here:
        return "nothing, on this computer"
    if plan.traits.prices:
        return f"{plan.traits.cost} until you destroy the cluster; {plan.traits.prices} says how much"
    return plan.traits.cost


def _undo(plan: InstallPlan) -> str:
    command = f"`craton destroy {plan.name}`"
    if plan.traits.inventory:
        return f"{command} undoes every change on your machines and proves that nothing is left"
    return f"{command} deletes all that the install made and proves that nothing is left"
