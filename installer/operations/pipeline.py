"""What installing a plan runs and what destroying it undoes: the steps of every part in order. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from installer.common.errors import ExitCode, InstallerError
from installer.common.text import count
from installer.operations import resource_groups
from installer.steps import ids
from installer.steps.platform import Resource
from installer.steps.step import Context, Observation, Permanent, Phase, Step, ordered

_SWEEPING = 600.0
"""Seconds in which whatever else is found has to be removed."""

if TYPE_CHECKING:
    from installer.plan.model import InstallPlan


def install_steps(plan: InstallPlan) -> tuple[Step, ...]:
    """Exactly the steps that installing `plan` runs, phase by phase, each after all that it needs. Pure."""
    from installer.cluster import steps as cluster
    from installer.health import steps as health
    from installer.node import firewall
    from installer.node import steps as node
    from installer.plan.topology import topology
    from installer.platforms import platform_steps

    shape = topology(plan)
    platform = tuple(platform_steps(plan, shape))
    checks = tuple(cluster.checks(plan))
    steps = (
        *checks,
        *(
            _after(step, tuple(check.id for check in checks))
            for step in _of_phases(platform, Phase.CHECK, Phase.NETWORK, Phase.MACHINES)
        ),
        *node.steps(plan, shape, health.look_early),  # connect, prepare
        *firewall.steps(plan, shape),  # the end of prepare
        *cluster.steps(plan, shape),  # control plane, join, ingress
        *_of_phases(platform, Phase.JOIN),
        *(_after(step, cluster.last(shape)) for step in _of_phases(platform, Phase.DNS)),
        *health.steps(plan, shape, cluster.besides(plan)),  # verify
    )
    return _by_phase(ordered(steps))


def _by_phase(steps: Sequence[Step]) -> tuple[Step, ...]:
    """In the order of phases, but after all that they need: a certificate from ACME needs names, of a later phase."""
    phases, place = list(Phase), dict[str, int]()
    for step in steps:
        place[step.id] = max(phases.index(step.phase), *(place[need] for need in step.needs), 0)
    return tuple(sorted(steps, key=lambda step: place[step.id]))


def _of_phases(steps: Collection[Step], *phases: Phase) -> Iterator[Step]:
    return (step for step in steps if step.phase in phases)


def _after(step: Step, others: tuple[str, ...]) -> Step:
    return replace(step, needs=(*step.needs, *others))


def destroy_steps(plan: InstallPlan) -> tuple[Step, ...]:
    """The steps of an install that leave something of their own to undo, then a sweep, then a second look.

    A run that destroys undoes a step after all that need it: so machines that no step of the plan made, which need
    everything, go first; the sweep, which only the steps of the plan need, comes after all of them. In a cloud, what
    Kubernetes made there goes once no machine is left that would make it again, and before the network that it is in.
    """
    kept: list[Step] = []
    needs: dict[str, tuple[str, ...]] = {}
    for step in install_steps(plan):  # needs lead past steps that leave nothing
        own = tuple(dict.fromkeys(base for need in step.needs for base in needs[need]))
        if isinstance(step.action, Permanent):
            needs[step.id] = own
        else:
            needs[step.id] = (step.id,)
            kept.append(replace(step, needs=own or (ids.SWEEP,), title=f"undo: {step.title}"))
    kept = list(_around_what_is_inside(kept)) if plan.traits.cloud else kept
    every = tuple(step.id for step in kept) or (ids.SWEEP,)
    return (
        Step(ids.NOTHING_LEFT, "look again: nothing is left", Phase.CHECK, NothingLeft()),
        Step(ids.SWEEP, "remove whatever else is found", Phase.CHECK, Sweep(), needs=(ids.NOTHING_LEFT,),
             deadline=_SWEEPING),
        *kept,
        Step(ids.OTHER_MACHINES, "remove machines that the plan no longer names", Phase.VERIFY, OtherMachines(),
             needs=every, deadline=_SWEEPING),
    )  # fmt: skip


def _around_what_is_inside(steps: Sequence[Step]) -> Iterator[Step]:
    """`steps` of a destroy, and between those of machines and those of the network one more."""
    network = [step for step in steps if step.phase in (Phase.CHECK, Phase.NETWORK)]
    yield from network
    needs = tuple(step.id for step in network) or (ids.SWEEP,)
    yield Step(ids.MADE_INSIDE, "remove what Kubernetes made: load balancers, volumes and the like", Phase.NETWORK,
               MadeInside(), needs=needs, deadline=_SWEEPING)  # fmt: skip
    for step in steps:
        if step not in network:
            yield _after(step, (ids.MADE_INSIDE,))


def upgrade_steps(plan: InstallPlan, before: str | None) -> tuple[Step, ...]:
    """Bring the release of `plan` to its cluster, which ran `before`; then all that an install of `plan` proves."""
    from installer.cluster import upgrade
    from installer.plan.topology import topology

    if before is None or before == plan.kubernetes:
        return install_steps(plan)
    return _followed(tuple(upgrade.steps(plan, topology(plan), before)), install_steps(plan))


def renewal_steps(plan: InstallPlan) -> tuple[Step, ...]:
    """Renew the certificates of the cluster of `plan`. Pure."""
    from installer.cluster import renewal
    from installer.plan.topology import topology

    return tuple(renewal.steps(plan, topology(plan)))


def removal_steps(
    plan: InstallPlan, machines: Collection[str], *, force: bool = False, before: str | None = None
) -> tuple[Step, ...]:
    """Take `machines` out of the cluster of `plan`, and install it without them; those that left are passed over.

    `before` is the release from which an upgrade began that hasn't finished: it goes on with those that stay.
    Raises InstallerError (plan) if they cannot leave.
    """
    from installer.cluster import leaving
    from installer.plan.resize import shrunk
    from installer.plan.topology import topology

    names = {machine.name for machine in topology(plan).machines}
    going = [name for name in machines if name in names]
    if not going:
        return upgrade_steps(plan, before)
    smaller = shrunk(plan, going)
    undone = [step for step in install_steps(plan) if not isinstance(step.action, Permanent)]
    return _followed(tuple(leaving.steps(plan, smaller, undone, force=force)), upgrade_steps(smaller, before))


def _followed(first: tuple[Step, ...], then: tuple[Step, ...]) -> tuple[Step, ...]:
    """`then`, once the last step of `first` is done."""
    return (*first, *(replace(step, needs=step.needs or (first[-1].id,)) for step in then))


class _Destroys:
    """Base of steps that only destroys have."""

    def apply(self, ctx: Context) -> None:
        """Nothing to make: no install runs this."""


@dataclass(frozen=True)
class OtherMachines(_Destroys):
    """Machines of the cluster that its plan no longer names, and what belongs to them alone."""

    def observe(self, ctx: Context) -> Observation:
        found = ctx.world.platform.find(ctx.world.connections)
        ctx.publish(resource_groups.EXISTED, resource_groups.record(found))  # it is the first step of a destroy
        others = self._others(ctx, found)
        return Observation(bool(others), f"{count(len(others), 'thing')} of machines that the plan does not name")

    def undo(self, ctx: Context) -> None:
        _remove(ctx, self._others(ctx, ctx.world.platform.find(ctx.world.connections)))

    def _others(self, ctx: Context, found: Sequence[Resource]) -> list[Resource]:
        planned = {machine.name for machine in ctx.world.shape.machines}
        if balancer := ctx.world.shape.load_balancer:
            planned.add(balancer.name)
        if pool := ctx.world.shape.pool:
            planned.add(pool.name)
        return [resource for resource in found if resource.machine is not None and resource.machine not in planned]


@dataclass(frozen=True)
class MadeInside(_Destroys):
    """What the cluster's own Kubernetes made in a cloud, for its Services and volumes."""

    def observe(self, ctx: Context) -> Observation:
        found = self._found(ctx)
        return Observation(bool(found), f"Kubernetes made {count(len(found), 'thing')}")

    def undo(self, ctx: Context) -> None:
        _remove(ctx, self._found(ctx))

    def _found(self, ctx: Context) -> list[Resource]:
        return [one for one in ctx.world.platform.find(ctx.world.connections) if one.inner]


@dataclass(frozen=True)
class Sweep(_Destroys):
    """Whatever exists of the cluster once every step is undone, whoever made it."""

    def observe(self, ctx: Context) -> Observation:
        found = ctx.world.platform.find(ctx.world.connections)
        return Observation(bool(found), f"{count(len(found), 'thing')} found that no step undid")

    def undo(self, ctx: Context) -> None:
        _remove(ctx, ctx.world.platform.find(ctx.world.connections))


def _remove(ctx: Context, found: list[Resource]) -> None:
    for resource in found:
        ctx.log(f"found {resource.kind} {resource.name}")
    ctx.world.platform.remove(found, ctx.world.connections, ctx)


@dataclass(frozen=True)
class NothingLeft(_Destroys):
    """The end of a destroy: look again, and fail if anything still exists."""

    def observe(self, ctx: Context) -> Observation:
        return Observation(True, f"{len(ctx.world.platform.find(ctx.world.connections))} things exist")

    def undo(self, ctx: Context) -> None:
        left = ctx.world.platform.find(ctx.world.connections)
        ctx.publish("receipt", {"left": [asdict(resource) for resource in left]})
        if left:
            raise InstallerError(
                "look for what is left",
                ", ".join(f"{resource.kind} {resource.name}" for resource in left),
                hint="remove what is named here, then destroy again",
                exit_code=ExitCode.LEFTOVERS,
            )
