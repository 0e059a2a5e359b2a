"""The steps of own machines in the phases check, machines and dns: reach, examine, claim; nothing is created."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass

from installer.health.findings import raise_on_failure
from installer.health.gather import DEADLINE, Asking, gather, probes_for
from installer.health.preflight import ALONE, PREFLIGHT, TOGETHER, at_work, evaluate_preflight, summary
from installer.health.reach.prove import prove
from installer.node.claim import Claim
from installer.plan.model import InstallPlan
from installer.plan.topology import Machine, Record, Topology
from installer.ssh.host_keys import pinned_keys
from installer.steps import ids
from installer.steps.evidence import Evidence
from installer.steps.step import Context, Observation, Permanent, Phase, Proof, Step

_DIAGNOSIS_SECONDS = 60.0
_REACH_SECONDS = 300.0


@dataclass(frozen=True)
class LogIn(Permanent):
    """Log in to the machine, stage by stage, and pin its host key, which has to be known by then.

    Its facts come with the answer to the last stages: that is one round trip less to a machine far away.
    """

    machine: str

    def observe(self, ctx: Context) -> Observation:
        if pinned_keys.pinned(ctx.world.directory, self.machine) is None:
            return Observation(False, "no host key is pinned yet")
        return Observation(True, self._diagnose(ctx))

    def apply(self, ctx: Context) -> None:
        self._diagnose(ctx)

    def _diagnose(self, ctx: Context) -> str:
        """Every stage, each with a line in the log; the key that was shown is pinned. Raises why one fails."""
        ctx.check_stop()
        world = ctx.world
        machine = world.topology.machine(self.machine)
        facts = Asking(machine, world.topology, probes_for(machine, PREFLIGHT))
        diagnosis = world.connections.diagnose(self.machine, ctx.remaining(), errand=facts)
        for number, stage in enumerate(diagnosis.stages, 1):
            ctx.stage(number, len(diagnosis.stages), stage.title)
            ctx.log(f"{stage.title}: {stage.seen}")
        if diagnosis.error:
            raise diagnosis.error
        assert diagnosis.host_key, "who is at the top has seen the key"
        pinned_keys.pin(world.directory, self.machine, diagnosis.host_key)
        if facts.answered:
            world.heard[self.machine] = facts.evidence(diagnosis.host_key)
        return f"every stage of {len(diagnosis.stages)} holds"


@dataclass(frozen=True)
class Examine(Proof):
    """Judge what the machine's facts alone can prove of it while it is bare; a second try asks for them again."""

    machine: str

    def observe(self, ctx: Context) -> Observation:
        ctx.check_stop()
        world = ctx.world
        machine = world.topology.machine(self.machine)
        evidence = world.heard.pop(self.machine, None) or self._gathered(ctx, machine)
        world.facts[self.machine] = evidence
        if at_work(world.plan, machine, evidence):
            return Observation(True, "claimed by this cluster: it was judged when it was bare")
        findings = evaluate_preflight(world.plan, world.topology, {self.machine: evidence}, checks=ALONE)
        raise_on_failure(ctx, findings)
        return Observation(True, summary(evidence))

    def _gathered(self, ctx: Context, machine: Machine) -> Evidence:
        connection = ctx.world.connect(self.machine, ctx.remaining())
        return gather(connection, machine, ctx.world.topology, min(DEADLINE, ctx.remaining()), PREFLIGHT)


@dataclass(frozen=True)
class ExamineFleet(Proof):
    """Judge what only all machines' facts together can prove: clocks, names and identities."""

    def observe(self, ctx: Context) -> Observation:
        world = ctx.world
        findings = evaluate_preflight(world.plan, world.topology, world.facts, checks=TOGETHER)
        raise_on_failure(ctx, findings)
        return Observation(True, f"{len(world.facts)} machines compared")


@dataclass(frozen=True)
class ProveReach(Proof):
    """Try every port that the contract opens between machines, before anything is installed."""

    def observe(self, ctx: Context) -> Observation:
        world = ctx.world
        if all(at_work(world.plan, machine, world.facts[machine.name]) for machine in world.topology.machines):
            return Observation(True, "every machine is claimed by this cluster: the proofs at the end try their ports")
        proof = prove(world.connect, world.topology, ctx.remaining(), ctx.log)
        raise_on_failure(ctx, proof.findings)
        return Observation(True, f"{proof.covered} of {proof.total} pairs of machines tried")


@dataclass(frozen=True)
class LookUp(Proof):
    """Where a name of the contract leads from here. The machines themselves know it by their hosts file."""

    record: Record

    def observe(self, ctx: Context) -> Observation:
        found, planned = _resolve(self.record.name), ctx.world.topology.addresses(self.record)
        if set(found) == set(planned):
            return Observation(True, f"leads to {', '.join(found)}")
        seen = f"leads to {', '.join(found)} from here" if found else "leads nowhere from here"
        wanted = "; ".join(f"{self.record.name}. A {address}" for address in planned)
        ctx.log(f"{self.record.name} {seen}: the records to make are {wanted}")
        ctx.log(f"or, on your own computer, in /etc/hosts: {planned[0]} {self.record.name}")
        return Observation(True, f"{seen}; to be made: {wanted}")


def _resolve(name: str) -> list[str]:
    try:
        found = socket.getaddrinfo(name, None, socket.AF_INET, socket.SOCK_STREAM)
    except OSError:
        return []
    return sorted({str(address[0]) for *_, address in found})


def steps(plan: InstallPlan, topology: Topology) -> Iterator[Step]:
    for machine in topology.machines:
        yield from _checks(machine)
    names = [machine.name for machine in topology.machines]
    yield Step(
        id="check/fleet",
        title="compare the machines' clocks, names and identities",
        phase=Phase.CHECK,
        needs=tuple(ids.checked_facts(name) for name in names),
        action=ExamineFleet(),
        weight=0.2,
    )
    yield Step(
        id="check/reach",
        title="try every port that the contract opens between the machines",
        phase=Phase.CHECK,
        needs=("check/fleet",),
        action=ProveReach(),
        weight=10.0,
        limit="ssh",
        deadline=_REACH_SECONDS,
    )
    for name in names:
        yield Step(
            id=ids.created(name),
            title=f"claim {name} for {plan.name}",
            phase=Phase.MACHINES,
            machine=name,
            needs=("check/reach",),
            action=Claim(name, plan.name),
            weight=1.0,
            limit="ssh",
            deadline=120.0,
        )
    yield from map(_look_up, topology.records)


def _look_up(record: Record) -> Step:
    return Step(
        id=ids.named(record.name),
        title=f"look where {record.name} leads",
        phase=Phase.DNS,
        action=LookUp(record),
        weight=0.2,
        deadline=30.0,
    )


def _checks(machine: Machine) -> Iterator[Step]:
    yield Step(
        id=f"check/ssh/{machine.name}",
        title=f"log in to {machine.name}, stage by stage",
        phase=Phase.CHECK,
        machine=machine.name,
        action=LogIn(machine.name),
        weight=1.0,
        limit="ssh",
        deadline=_DIAGNOSIS_SECONDS,
    )
    yield Step(
        id=ids.checked_facts(machine.name),
        title=f"examine {machine.name}",
        phase=Phase.CHECK,
        machine=machine.name,
        needs=(f"check/ssh/{machine.name}",),
        action=Examine(machine.name),
        weight=1.0,
        limit="ssh",
        deadline=DEADLINE,
    )
