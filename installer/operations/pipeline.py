"""What installing a plan runs, and what destroying it takes back: the parts' steps put together. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from installer.common.errors import ExitCode, InstallerError
from installer.steps.step import Context, Observation, Permanent, Phase, Step, ordered

if TYPE_CHECKING:
    from installer.plan.model import InstallPlan


def install_steps(plan: InstallPlan) -> tuple[Step, ...]:
    """Exactly the steps that installing `plan` runs, each after all that it needs. Pure."""
    from installer.cluster import steps as cluster
    from installer.health import steps as health
    from installer.node import firewall
    from installer.node import steps as node
    from installer.plan.topology import topology
    from installer.platforms import platform_steps

    derived = topology(plan)
    last = cluster.last(plan, derived)
    steps = ordered(
        (
            *(_names_last(step, last) for step in platform_steps(plan, derived)),
            *node.steps(plan, derived),
            *firewall.steps(plan, derived),
            *(_behind_firewall(step, plan) for step in cluster.steps(plan, derived)),
            *health.steps(plan, derived),
        )
    )
    phases = list(Phase)
    return tuple(sorted(steps, key=lambda step: phases.index(step.phase)))  # no step needs one of a later phase


def _behind_firewall(step: Step, plan: InstallPlan) -> Step:
    """A machine that enforces the rules itself does so before anything listens on it."""
    from installer.node.firewall import enforced

    if not enforced(plan):
        return step
    needs = (need.replace("prepare/", "firewall/", 1) if need.startswith("prepare/") else need for need in step.needs)
    return replace(step, needs=tuple(needs))


def _names_last(step: Step, last: tuple[str, ...]) -> Step:
    """Names come after the steps `last`: what they lead to should answer by then."""
    return replace(step, needs=(*step.needs, *last)) if step.phase is Phase.DNS else step


def destroy_steps(plan: InstallPlan) -> tuple[Step, ...]:
    """The steps of an install that leave something of their own to undo; needs lead past those that do not."""
    kept: list[Step] = []
    needs: dict[str, tuple[str, ...]] = {}
    for step in install_steps(plan):
        own = tuple(dict.fromkeys(base for need in step.needs for base in needs[need]))
        if isinstance(step.action, Permanent):
            needs[step.id] = own
        else:
            needs[step.id] = (step.id,)
            kept.append(replace(step, needs=own, title=f"undo: {step.title}"))
    scan = Step("destroy/nothing-left", "look again: nothing is left", Phase.CHECK, NothingLeft())
    return (scan, *(replace(step, needs=step.needs or (scan.id,)) for step in kept))


def upgrade_steps(plan: InstallPlan, before: str | None) -> tuple[Step, ...]:
    """Bring the release of `plan` to its cluster, which ran `before`; then all that an install of `plan` proves."""
    from installer.cluster import upgrade
    from installer.plan.topology import topology

    if before is None or before == plan.kubernetes:
        return install_steps(plan)
    return _followed(tuple(upgrade.steps(plan, topology(plan), before)), install_steps(plan))


def removal_steps(
    plan: InstallPlan, machines: Collection[str], *, force: bool = False, before: str | None = None
) -> tuple[Step, ...]:
    """Take `machines` out of the cluster of `plan`, and install it without them; those that left are passed over.

    `before` is the release from which an upgrade began that has not come to its end: it goes on with those that stay.
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


@dataclass(frozen=True)
class NothingLeft:
    """The end of a destroy: look again, and fail if anything still exists."""

    def observe(self, ctx: Context) -> Observation:
        return Observation(True, f"{len(ctx.world.platform.find(ctx.world.connections))} things exist")

    def apply(self, ctx: Context) -> None:
        """Nothing to make: this step is part of destroys alone."""

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
