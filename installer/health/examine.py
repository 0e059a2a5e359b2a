"""Ask every machine of a cluster at once, then judge."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from installer.common import processors
from installer.common.errors import InstallerError
from installer.health.catalogue import CHECKS
from installer.health.evaluate import evaluate
from installer.health.gather import DEADLINE, ask, probes_for
from installer.health.outside import NOT_LOOKED, Outside
from installer.health.report.model import Report
from installer.health.report.partial import Recheck
from installer.node import nftables
from installer.ssh.host_keys import pinned_keys
from installer.steps.evidence import Unreadable

if TYPE_CHECKING:
    from installer.health.benchmark.report import Benchmark
    from installer.health.check import Finding
    from installer.plan.topology import FirewallRule, Machine
    from installer.steps.evidence import Evidence, Probe
    from installer.steps.world import World

_AT_ONCE = 24


def examine(world: World, recheck: Recheck | None = None, outside: Outside = NOT_LOOKED) -> Report:
    """Gather evidence over SSH of all machines and for all checks, or what `recheck` needs; judge it.

    A machine that does not answer is a finding, not an error.
    """
    started = time.time()
    wanted = {
        machine: probes_for(machine, recheck.checks_for(machine) if recheck else CHECKS)
        for machine in world.topology.machines
    }
    evidence, unreachable = gathered(world, {machine: probes for machine, probes in wanted.items() if probes})
    world.evidence |= evidence
    return judge(world, unreachable, started, recheck, outside)


def benchmark(world: World) -> Benchmark:
    """The CIS benchmark of a cluster, by what its machines say over SSH now; one that does not answer is unknown."""
    from installer.health.benchmark.probes import PROBES
    from installer.health.benchmark.report import evaluate as benchmark_of

    wanted = {
        machine: tuple(probe for probe in PROBES if machine.role in probe.roles) for machine in world.topology.machines
    }
    return benchmark_of(world.plan, world.topology, *gathered(world, wanted))


def gathered(
    world: World, wanted: Mapping[Machine, Sequence[Probe]]
) -> tuple[dict[str, Evidence], dict[str, InstallerError]]:
    """What machines say to what each is asked, all at once; and why others say nothing. Both by name."""
    evidence: dict[str, Evidence] = {}
    unreachable: dict[str, InstallerError] = {}

    def one(machine: Machine) -> Evidence | InstallerError:
        try:
            return ask(world.connect(machine.name), machine, world.topology, wanted[machine], DEADLINE)
        except InstallerError as error:
            return error

    pool = ThreadPoolExecutor(min(_AT_ONCE, max(1, len(wanted))), thread_name_prefix="check")
    with processors.one(), pool:
        for machine, answer in zip(wanted, pool.map(one, wanted), strict=True):
            if isinstance(answer, InstallerError):
                unreachable[machine.name] = answer
            else:
                evidence[machine.name] = answer
    return evidence, unreachable


def judge(
    world: World,
    unreachable: dict[str, InstallerError],
    started: float,
    recheck: Recheck | None = None,
    outside: Outside = NOT_LOOKED,
    alone: Mapping[str, tuple[Finding, ...]] | None = None,
) -> Report:
    """The report on what `world.evidence` holds; `started` is when gathering it began (Unix seconds).

    `alone` is what machines were found to prove by themselves, by the same evidence.
    """
    pinned = pinned_keys.pinned_each(world.directory, [machine.name for machine in world.topology.machines])
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
        outside=outside,
        alone=alone,
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
