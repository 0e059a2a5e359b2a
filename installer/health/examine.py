"""Ask every machine of a cluster at once, then judge."""

from __future__ import annotations

import time
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from installer.errors import InstallerError
from installer.health.evaluate import evaluate
from installer.health.gather import DEADLINE, gather
from installer.health.report import Report
from installer.node import known_hosts

if TYPE_CHECKING:
    from installer.health.check import Evidence
    from installer.world import World

_AT_ONCE = 32


def examine(world: World, machines: Collection[str] | None = None) -> Report:
    """Gather evidence of `machines`, or of all, over SSH; judge it with what `world.evidence` has of the others.

    A machine that does not answer is a finding, not an error.
    """
    started = time.time()
    asked = [machine for machine in world.topology.machines if machines is None or machine.name in machines]
    unreachable: dict[str, InstallerError] = {}

    def ask(name: str) -> Evidence | InstallerError:
        try:
            return gather(world.connect(name), world.topology.machine(name), world.topology, DEADLINE)
        except InstallerError as error:
            return error

    names = [machine.name for machine in asked]
    with ThreadPoolExecutor(min(_AT_ONCE, max(1, len(names))), thread_name_prefix="check") as pool:
        for name, answer in zip(names, pool.map(ask, names), strict=True):
            if isinstance(answer, InstallerError):
                unreachable[name] = answer
            else:
                world.evidence[name] = answer
    return judge(world, unreachable, started)


def judge(world: World, unreachable: dict[str, InstallerError], started: float) -> Report:
    """The report on what `world.evidence` holds; `started` is when gathering it began (Unix seconds)."""
    pinned = {
        machine.name: key
        for machine in world.topology.machines
        if (key := known_hosts.pinned(world.directory, machine.name))
    }
    now = time.time()
    return evaluate(
        world.plan,
        world.topology,
        world.evidence,
        unreachable,
        pinned,
        world.platform.firewall(),
        checked_at=now,
        seconds=now - started,
    )
