"""The steps of local machines in the phases check, network, machines and dns."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from installer.common.errors import ExitCode, InstallerError
from installer.plan.model import InstallPlan
from installer.plan.platforms.local.settings import Local
from installer.plan.topology import Machine, Record, Topology
from installer.platforms.local import image, limits, machine, network, preflight
from installer.platforms.local.computer import examine
from installer.platforms.local.creation import BalancerCreation, MachineCreation, engine_of
from installer.platforms.local.platform import LIMIT
from installer.steps import ids
from installer.steps.step import Context, Observation, Permanent, Phase, Proof, Step

_ASKED = 30.0
"""Seconds in which a machine has to say where a name leads."""


@dataclass(frozen=True)
class ComputerCheck(Proof):
    """This computer has an engine that can run machines, and what so many machines share."""

    def observe(self, ctx: Context) -> Observation:
        engine, world = engine_of(ctx), ctx.world
        cluster, subnet = world.plan.name, world.plan.networks.machines
        existing = [found.name for found in machine.find_all(engine, cluster)]
        computer = examine(engine)
        for note in preflight.notes(computer):
            ctx.log(note)
        problems = preflight.judge(computer, world.plan, world.topology, existing)
        for problem in problems:
            ctx.log(f"{'missing' if problem.fatal else 'tight'}: {problem.seen}; {problem.remedy}")
        if fatal := [problem for problem in problems if problem.fatal]:
            raise InstallerError(
                "check this computer",
                "; ".join(problem.seen for problem in fatal),
                hint="; ".join(problem.remedy for problem in fatal),
                exit_code=ExitCode.PREFLIGHT,
            )
        if seen := network.clash(engine, cluster, subnet):
            raise network.clash_error(engine, cluster, subnet, seen)
        tight = f", {len(problems)} things will be tight" if problems else ""
        return Observation(True, f"{engine.name}; room for {len(world.topology.machines)} machines{tight}")


@dataclass(frozen=True)
class KernelLimits(Permanent):
    """The kernel's limits are high enough for the machines to come; the platform sets them back at the end."""

    def observe(self, ctx: Context) -> Observation:
        found = self._shortages(ctx)
        seen = "; ".join(f"{one.name} is {one.limit}, and {one.needed} are needed" for one in found)
        return Observation(not found, seen or "high enough")

    def apply(self, ctx: Context) -> None:
        for one in self._shortages(ctx):
            limits.raise_to(one.name, one.enough)
            ctx.log(f"raised {one.name} from {one.limit} to {one.enough}; destroying the last cluster sets it back")

    def _shortages(self, ctx: Context) -> list[preflight.Shortage]:
        engine, shape = engine_of(ctx), ctx.world.topology
        existing = [found.name for found in machine.find_all(engine, ctx.world.plan.name)]
        found = preflight.shortages(examine(engine), preflight.to_make(shape, existing))
        return found if ctx.world.plan.settings_of(Local).raise_limits else []


@dataclass(frozen=True)
class Bridge:
    """The cluster's own network, with the addresses that the plan gives."""

    def observe(self, ctx: Context) -> Observation:
        plan = ctx.world.plan
        found = network.found(engine_of(ctx), plan.name)
        if found is None:
            reserved = network.reserved(plan.name)
            return Observation(False, f"there is no network{', but addresses of one' if reserved else ''}", reserved)
        seen = ", ".join(map(str, found))
        return Observation(found == (plan.networks.machines,), f"a network with {seen}", remains=True)

    def apply(self, ctx: Context) -> None:
        plan = ctx.world.plan
        network.remove(engine_of(ctx), plan.name)
        network.ensure(engine_of(ctx), plan.name, plan.networks.machines)

    def undo(self, ctx: Context) -> None:
        network.remove(engine_of(ctx), ctx.world.plan.name)


@dataclass(frozen=True)
class Image:
    """The image of which machines are made: built once, and shared by all clusters of this user."""

    def observe(self, ctx: Context) -> Observation:
        engine, name, topology = engine_of(ctx), image.reference(), ctx.world.topology
        if engine.exists("image", name):
            return Observation(True, f"{engine.name} has {name}")
        stand = [found.name for found in machine.find_all(engine, ctx.world.plan.name) if found.stands]
        if not preflight.to_make(topology, stand):  # an older image made them: a build takes minutes
            return Observation(True, "every machine has been made already")
        return Observation(False, f"{engine.name} does not have {name}")

    def apply(self, ctx: Context) -> None:
        image.ensure(engine_of(ctx), ctx)

    def undo(self, ctx: Context) -> None:
        """Leave nothing of it in the engine's store, unless other clusters' machines use it."""
        image.release(engine_of(ctx))


@dataclass(frozen=True)
class Names(Permanent):
    """Every machine finds a name of the contract, at every address that it leads to."""

    record: Record

    def observe(self, ctx: Context) -> Observation:
        wanted = ctx.world.topology.addresses(self.record)
        unknown = [planned.name for planned, found in self._found(ctx) if found != self._planned(ctx, planned)]
        if unknown:
            return Observation(False, f"not so on {', '.join(unknown)}")
        ctx.log("for the hosts file of this computer, and of any other with a route to the machines:")
        ctx.log(f"{wanted[0]} {self.record.name}")
        return Observation(True, f"{self.record.name} leads where it should on every machine")

    def apply(self, ctx: Context) -> None:
        for planned, found in self._found(ctx):
            if found != self._planned(ctx, planned):
                seen = f"{self.record.name} leads to {', '.join(sorted(found)) or 'nowhere'} there"
                hint = "prepare the machine again: resume"
                raise InstallerError("look up the name", seen, machine=planned.name, hint=hint)

    def _planned(self, ctx: Context, machine: Machine) -> set[str]:
        return set(ctx.world.topology.addresses_on(machine, self.record))

    def _found(self, ctx: Context) -> Iterator[tuple[Machine, set[str]]]:
        for planned in ctx.world.topology.machines:
            ctx.check_stop()
            # Not through the engine, which takes ten times as long for a command.
            connection = ctx.world.connect(planned.name, min(_ASKED, ctx.remaining()))
            asked = connection.run(f"getent ahostsv4 {shlex.quote(self.record.name)}", deadline=_ASKED)
            yield planned, {line.split()[0] for line in asked.stdout.splitlines() if line.strip()}


def steps(plan: InstallPlan, topology: Topology) -> Iterator[Step]:
    yield Step(
        id="check/computer",
        title=f"check that this computer can host {len(topology.machines)} machines",
        phase=Phase.CHECK,
        action=ComputerCheck(),
        weight=0.5,
    )
    yield Step(
        id="check/limits",
        title="see that the kernel's limits are high enough for the machines, or raise them",
        phase=Phase.CHECK,
        needs=("check/computer",),
        action=KernelLimits(),
        weight=0.3,
    )
    yield Step(
        id="network/bridge",
        title=f"create the machines' network, {plan.networks.machines}",
        phase=Phase.NETWORK,
        needs=("check/limits",),
        action=Bridge(),
        weight=0.5,
        limit=LIMIT,
    )
    yield Step(
        id="machines/image",
        title="build the machines' image, or take it from the cache",
        phase=Phase.MACHINES,
        needs=("check/limits",),
        action=Image(),
        weight=15.0,
        limit=LIMIT,
        deadline=1200.0,
    )
    yield from _machines(topology)
    for record in topology.records:
        yield Step(
            id=ids.named(record.name),
            title=f"look up {record.name} on every machine",
            phase=Phase.DNS,
            needs=tuple(ids.created(planned.name) for planned in topology.machines),
            action=Names(record),
            weight=0.5,
            limit="ssh",
        )


def _machines(topology: Topology) -> Iterator[Step]:
    needs = ("network/bridge", "machines/image")
    if balancer := topology.load_balancer:
        yield Step(
            id="machines/load-balancer",
            title=f"create the load balancer {balancer.name}",
            phase=Phase.MACHINES,
            needs=needs,
            action=BalancerCreation(balancer.name),
            weight=4.0,
            limit=LIMIT,
            deadline=180.0,
        )
    for planned in topology.machines:
        yield Step(
            id=ids.created(planned.name),
            title=f"create {planned.name}",
            phase=Phase.MACHINES,
            machine=planned.name,
            needs=needs,
            action=MachineCreation(planned.name),
            weight=4.0,
            limit=LIMIT,
            deadline=180.0,
        )
