"""Checking part of it again: which machine to ask what, and what of the last report stays. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from installer.common.errors import ExitCode, InstallerError
from installer.health.catalogue import CHECKS
from installer.health.check import Check, Finding
from installer.health.checks import cluster, expiry, host, network
from installer.health.ending import Ending
from installer.health.reach.pairs import Pair
from installer.health.report.model import Report, RuleStatus
from installer.plan import rules as contract
from installer.plan.rules import Kind
from installer.plan.topology import Machine, Topology
from installer.steps.evidence import Probe


@dataclass(frozen=True, slots=True)
class Recheck:
    """`checks` on `machines` (full names) run again; everything else keeps what `last` says."""

    last: Report
    machines: frozenset[str]
    checks: tuple[Check, ...]

    def checks_for(self, machine: Machine) -> tuple[Check, ...]:
        """The checks whose probes `machine` has to be asked.

        A check that judges across machines wants to hear them all. A chosen machine is asked something in any case:
        whether it answers is part of every finding about it.
        """
        if machine.name in self.machines:
            return (host.SSH, *self.checks)
        return tuple(check for check in self.checks if not check.alone)

    def findings(self, fresh: Sequence[Finding]) -> tuple[Finding, ...]:
        """The last findings with the chosen ones from `fresh`, which has one for every machine and check."""
        chosen = {check.id for check in self.checks}
        again = {(one.machine, one.check): one for one in fresh if one.machine in self.machines and one.check in chosen}
        return tuple(again.get((one.machine, one.check), one) for one in self.last.findings)

    def pairs(self, fresh: tuple[Pair, ...]) -> tuple[Pair, ...]:
        """Who reaches whom: from `fresh` if that was asked, of all machines then."""
        return fresh if self._asks_for(network.REACH) else self.last.reach

    def rules(self, fresh: tuple[RuleStatus, ...]) -> tuple[RuleStatus, ...]:
        """The contract's rules from `fresh`, which was judged by what `findings` and `pairs` return.

        Labels and taints are seen in the Node objects alone: those rules stay if nobody was asked for them.
        """
        if self._asks_for(cluster.NODES):
            return fresh
        last = {(rule.id, rule.planned): rule for rule in self.last.rules}
        return tuple(last.get((rule.id, rule.planned), rule) if _is_on_nodes(rule) else rule for rule in fresh)

    def ending(self, fresh: Ending | None) -> Ending | None:
        """The certificate that ends first, if `fresh` does of the machines that were asked for theirs."""
        last = self.last.ending
        if last is None or (last.machine in self.machines and self._asks_for(expiry.EXPIRY)):
            return fresh
        return last if fresh is None or last.at < fresh.at else fresh

    def _asks_for(self, probe: Probe) -> bool:
        return any(probe in check.probes for check in self.checks)


def _is_on_nodes(rule: RuleStatus) -> bool:
    return contract.RULES[rule.id].kind in (Kind.LABEL, Kind.TAINT)


def recheck(
    last: Report | None, topology: Topology, machines: Collection[str] | None, checks: Collection[str] | None
) -> Recheck | None:
    """The recheck of `checks` (ids) on `machines` (full names), None or none given standing for all.

    None if everything is to be checked: nothing less was chosen, or `last` is not about these machines and checks.
    Raises InstallerError (usage) naming the checks that there are if one is unknown.
    """
    chosen = _chosen(checks) if checks else CHECKS
    pool = [topology.pool.name] if topology.pool else []
    every = frozenset([*(machine.name for machine in topology.machines), *pool])
    if not (machines or checks) or last is None:
        return None
    if {(one.machine, one.check) for one in last.findings} != {(name, check.id) for name in every for check in CHECKS}:
        return None
    return Recheck(last, frozenset(machines) if machines else every, chosen)


def _chosen(ids: Collection[str]) -> tuple[Check, ...]:
    known = {check.id for check in CHECKS}
    if unknown := [id for id in ids if id not in known]:
        raise InstallerError(
            "choose the checks",
            f"there is no check {unknown[0]!r}",
            hint=f"the checks: {', '.join(check.id for check in CHECKS)}",
            exit_code=ExitCode.USAGE,
        )
    return tuple(check for check in CHECKS if check.id in ids)
