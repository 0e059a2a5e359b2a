"""The steps of the phase verify. A proof is nothing but an observation: they apply nothing, and fail where it fails."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from installer.common.errors import InstallerError
from installer.health.catalogue import CHECKS
from installer.health.check import Verdict
from installer.health.evaluate import evaluate_machine
from installer.health.examine import judge
from installer.health.findings import raise_on_failure
from installer.health.gather import DEADLINE, gather
from installer.health.reach import pairs
from installer.health.report.model import save_report
from installer.plan.model import InstallPlan
from installer.plan.topology import Topology
from installer.ssh.host_keys import pinned_keys
from installer.steps import ids
from installer.steps.evidence import Evidence
from installer.steps.step import Context, Observation, Phase, Proof, Step

_SETTLING = 30.0
"""Seconds in which nodes that have just become Ready hear of each other's end of the pod network."""

_AT_ONCE = tuple(check for check in CHECKS if not check.later)


@dataclass(frozen=True)
class VerifyMachine(Proof):
    """Gather one machine's evidence, and judge what it alone can prove."""

    machine: str

    def observe(self, ctx: Context) -> Observation:
        self._prove(ctx)
        return Observation(True, f"{len(ctx.world.evidence[self.machine].probes)} probes answered, no check fails")

    def _prove(self, ctx: Context) -> None:
        ctx.check_stop()
        world = ctx.world
        machine = world.topology.machine(self.machine)
        until = max(ctx.remaining() - _SETTLING, ctx.remaining() / 2)

        def probe() -> tuple[Evidence | None, str]:
            connection = world.connect(self.machine, ctx.remaining())
            evidence = gather(connection, machine, world.topology, min(DEADLINE, ctx.remaining()), _AT_ONCE)
            untried = pairs.untried(machine, world.topology, evidence)
            if untried and ctx.remaining() > until:
                return None, f"not on the way to {', '.join(untried[:3])}{' ...' if untried[3:] else ''} yet"
            return evidence, "gathered"

        evidence = world.evidence[self.machine] = ctx.wait_until("the pod network to be up", probe, every=2.0)
        pinned = pinned_keys.pinned(world.directory, self.machine)
        raise_on_failure(ctx, evaluate_machine(world.plan, world.topology, machine, evidence, pinned))


@dataclass(frozen=True)
class VerifyCluster(Proof):
    """Judge all machines' evidence together and the contract rule by rule; keep the report."""

    def observe(self, ctx: Context) -> Observation:
        started = min(evidence.asked_at for evidence in ctx.world.evidence.values())
        report = judge(ctx.world, {}, started)
        save_report(ctx.world.directory, report)
        ctx.publish("health", {"verdict": report.verdict, "headline": report.headline, "checked_at": report.checked_at})
        raise_on_failure(ctx, report.problems())
        broken = [rule for rule in report.broken_rules() if Verdict.FAIL in (rule.configured, rule.observed)]
        if broken:  # a broken SHOULD or MAY is a warning
            raise InstallerError(
                "keep the contract",
                "; ".join(f"{rule.id} {rule.subject}: {rule.detail}" for rule in broken),
                hint="`craton check` shows which machines and pairs; fix the firewall, then resume",
            )
        return Observation(True, report.headline)


def steps(plan: InstallPlan, topology: Topology) -> Iterator[Step]:
    names = [machine.name for machine in topology.machines]
    before = tuple(ids.named(record.name) for record in topology.records)
    for name in names:
        yield Step(
            id=ids.verified(name),
            title=f"check {name}",
            phase=Phase.VERIFY,
            machine=name,
            needs=before,
            action=VerifyMachine(name),
            weight=2.0,
            limit="ssh",
            deadline=DEADLINE,
        )
    yield Step(
        id=ids.CONTRACT,
        title=f"prove that {plan.name} keeps the contract",
        phase=Phase.VERIFY,
        needs=tuple(ids.verified(name) for name in names),
        action=VerifyCluster(),
        weight=0.5,
    )
