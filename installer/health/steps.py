"""The steps of the phase verify. A proof is nothing but an observation: they apply nothing, and fail where it fails."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from installer.common.errors import InstallerError
from installer.health.catalogue import CHECKS
from installer.health.check import Finding, Verdict
from installer.health.evaluate import evaluate_machine
from installer.health.examine import judge
from installer.health.findings import raise_on_failure
from installer.health.gather import DEADLINE, ask, gather, probes_for
from installer.health.reach import pairs
from installer.health.report.model import save_report
from installer.node.program import PATH
from installer.node.survey import keep_survey
from installer.plan.model import InstallPlan
from installer.plan.topology import Machine, Topology
from installer.ssh.connection import Result
from installer.ssh.host_keys import pinned_keys
from installer.steps import ids
from installer.steps.evidence import Evidence, Probe
from installer.steps.step import Context, Observation, Phase, Proof, Step

_SETTLING = 30.0
"""Seconds in which nodes that have just become Ready hear of each other's end of the pod network."""

_REHEARSED = 10 * DEADLINE
"""Seconds for a stand-in, divided by its pace like all others: a thousand of them answer from one busy process."""
_EARLY = 30.0
"""Seconds for the same look at a machine as it is logged in to: who doesn't answer in time is asked again later."""
_CURRENT = 900.0
"""Seconds for which it counts, at most: a thousand machines take a while."""

_AT_ONCE = tuple(check for check in CHECKS if not check.later)


_SURVEY = Probe("survey", lambda _machine, _topology: f"{PATH} survey 2>/dev/null", seconds=30)


def look_early(ctx: Context, machine: str) -> bool:
    """Log in to a machine and hear all that it is asked in a run that is expected to find everything done.

    A thousand machines later its connection is closed, and another one would cost more than all the questions.
    """
    world = ctx.world
    if not world.answers.settled:
        return False
    found = world.machine(machine)
    probes = (*probes_for(found, _AT_ONCE), _SURVEY)
    try:
        connection = world.connect(machine, min(_EARLY, ctx.remaining()))
        evidence = ask(connection, found, world.topology, probes, min(_EARLY, ctx.remaining() / 2))
    except InstallerError:  # who logs in now says what is wrong
        return False
    survey = evidence.probes.get(_SURVEY.id)
    if survey is None or not keep_survey(ctx, machine, Result(survey.status, survey.output, "")):
        return False
    others = {id: probed for id, probed in evidence.probes.items() if id != _SURVEY.id}
    world.early[machine] = replace(evidence, probes=others)
    ctx.log("logged in")
    return True


@dataclass(frozen=True)
class VerifyMachine(Proof):
    """Gather one machine's evidence, and judge what it alone can prove."""

    machine: str
    alone: dict[str, tuple[Finding, ...]] = field(default_factory=dict, compare=False)
    """What was found of each machine by itself in this run, which is not to be judged again."""

    def observe(self, ctx: Context) -> Observation:
        self._prove(ctx)
        return Observation(True, f"{len(ctx.world.evidence[self.machine].probes)} probes answered, no check fails")

    def _prove(self, ctx: Context) -> None:
        ctx.check_stop()
        world = ctx.world
        machine = world.topology.machine(self.machine)
        pinned = pinned_keys.pinned(world.directory, self.machine)
        early = world.early.pop(self.machine, None)
        if early is not None and self._proves(ctx, machine, early, pinned):
            world.evidence[self.machine] = early
            return
        until = max(ctx.remaining() - _SETTLING, ctx.remaining() / 2)

        def probe() -> tuple[Evidence | None, str]:
            connection = world.connect(self.machine, ctx.remaining())
            evidence = gather(connection, machine, world.topology, min(DEADLINE, ctx.remaining()), _AT_ONCE)
            untried = pairs.untried(machine, world.topology, evidence)
            if untried and ctx.remaining() > until:
                return None, f"not on the way to {', '.join(untried[:3])}{' ...' if untried[3:] else ''} yet"
            return evidence, "gathered"

        evidence = world.evidence[self.machine] = ctx.wait_until("the pod network to be up", probe, every=2.0)
        findings = self.alone[self.machine] = evaluate_machine(world.plan, world.topology, machine, evidence, pinned)
        raise_on_failure(ctx, findings)

    def _proves(self, ctx: Context, machine: Machine, early: Evidence, pinned: str | None) -> bool:
        """Whether what was gathered early is still current, and all is well by it; else the machine is asked again."""
        world = ctx.world
        if not world.answers.settled or time.time() - early.asked_at > _CURRENT:
            return False
        if pairs.untried(machine, world.topology, early):
            return False
        findings = self.alone[self.machine] = evaluate_machine(world.plan, world.topology, machine, early, pinned)
        if any(finding.verdict is Verdict.FAIL for finding in findings):
            return False
        raise_on_failure(ctx, findings)
        return True


@dataclass(frozen=True)
class VerifyCluster(Proof):
    """Judge all machines' evidence together and the contract rule by rule; keep the report."""

    alone: Mapping[str, tuple[Finding, ...]] = field(default_factory=dict, compare=False)
    """As of `VerifyMachine`."""

    def observe(self, ctx: Context) -> Observation:
        started = min(evidence.asked_at for evidence in ctx.world.evidence.values())
        report = judge(ctx.world, {}, started, alone=self.alone)
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


def steps(plan: InstallPlan, topology: Topology, besides: tuple[str, ...] = ()) -> Iterator[Step]:
    """`besides` are ids of steps that the last one waits for as well."""
    names = [machine.name for machine in topology.machines]
    before = tuple(ids.named(record.name) for record in topology.records)
    alone: dict[str, tuple[Finding, ...]] = {}
    for name in names:
        yield Step(
            id=ids.verified(name),
            title=f"check {name}",
            phase=Phase.VERIFY,
            machine=name,
            needs=before,
            action=VerifyMachine(name, alone),
            weight=2.0,
            limit="ssh",
            deadline=_REHEARSED if plan.traits.stand_ins else DEADLINE,
        )
    yield Step(
        id=ids.CONTRACT,
        title=f"prove that {plan.name} keeps the contract",
        phase=Phase.VERIFY,
        needs=(*(ids.verified(name) for name in names), *besides),
        action=VerifyCluster(alone),
        weight=0.5,
    )
