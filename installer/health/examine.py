"""Ask every machine of a cluster at once, then judge."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from installer.common.errors import InstallerError
from installer.health.catalogue import CHECKS
from installer.health.evaluate import evaluate
from installer.health.gather import DEADLINE, gather, probes_for
from installer.health.report.model import Report
from installer.health.report.partial import Recheck
from installer.node import nftables
from installer.ssh.host_keys import pinned_keys
from installer.steps.evidence import Unreadable

if TYPE_CHECKING:
    from installer.plan.topology import FirewallRule, Machine
    from installer.steps.evidence import Evidence
    from installer.steps.world import World

_AT_ONCE = 24


def examine(world: World, recheck: Recheck | None = None) -> Report:
    """Gather evidence over SSH of all machines and for all checks, or what `recheck` needs; judge it.

    A machine that does not answer is a finding, not an error.
    """
    started = time.time()
    wanted = {machine: recheck.checks_for(machine) if recheck else CHECKS for machine in world.topology.machines}
    asked = [machine for machine, checks in wanted.items() if probes_for(machine, checks)]
    unreachable: dict[str, InstallerError] = {}

    def ask(machine: Machine) -> Evidence | InstallerError:
        try:
            return gather(world.connect(machine.name), machine, world.topology, DEADLINE, wanted[machine])
        except InstallerError as error:
            return error

    with ThreadPoolExecutor(min(_AT_ONCE, max(1, len(asked))), thread_name_prefix="check") as pool:
        for machine, answer in zip(asked, pool.map(ask, asked), strict=True):
            if isinstance(answer, InstallerError):
                unreachable[machine.name] = answer
            else:
                world.evidence[machine.name] = answer
    return judge(world, unreachable, started, recheck)


def judge(
    world: World, unreachable: dict[str, InstallerError], started: float, recheck: Recheck | None = None
) -> Report:
    """The report on what `world.evidence` holds; `started` is when gathering it began (Unix seconds)."""
    pinned = {
        machine.name: key
        for machine in world.topology.machines
        if (key := pinned_keys.pinned(world.directory, machine.name))
    }
    now = time.time()
    return evaluate(
        world.plan,
        world.topology,
        world.evidence,
        unreachable,
        pinned,
        world.platform.firewall() or _tables(world),
        checked_at=now,
        seconds=now - started,
        recheck=recheck,
    )


def _tables(world: World) -> dict[str, tuple[FirewallRule, ...]]:
    """What the machines' own tables let in, by machine; nothing where no machine is to have one."""
    if not world.plan.firewall:
        return {}
    return {name: _table(evidence) for name, evidence in world.evidence.items()}


def _table(evidence: Evidence) -> tuple[FirewallRule, ...]:
    try:
        return nftables.parse(evidence.output("firewall"))
    except (Unreadable, ValueError):
        return ()
