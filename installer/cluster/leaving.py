"""Machines leave a cluster: drained, out of etcd, reset, forgotten as nodes, and what was installed on them undone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from installer.cluster import drain, etcd, masters, nodes
from installer.common.errors import ExitCode, InstallerError
from installer.node.program import run_program, status
from installer.plan import planfile
from installer.plan.model import InstallPlan
from installer.plan.rules import Role
from installer.plan.topology import Machine, topology
from installer.ssh.host_keys import pinned_keys
from installer.steps.platform import Resource
from installer.steps.step import Action, Context, Observation, Permanent, Phase, Proof, Step

LAST = "leave/plan"
"""The step after which the cluster's plan is the smaller one."""


@dataclass(frozen=True)
class SpareThem(Proof):
    """The cluster can do without those that leave: another master speaks for it, and etcd keeps its majority."""

    leaving: tuple[Machine, ...]

    def observe(self, ctx: Context) -> Observation:
        reachable_master = masters.reachable_master(ctx, besides=self.leaving[0].name)
        going = [machine.name for machine in self.leaving if machine.role is Role.MASTER]
        if going:
            _members_out(ctx, reachable_master, going)
        return Observation(True, f"{reachable_master} speaks for the cluster")


@dataclass(frozen=True)
class Drained(Permanent):
    """The machine's pods run elsewhere. With `force`, one that does not answer is left as it is."""

    machine: Machine
    force: bool

    def observe(self, ctx: Context) -> Observation:
        found = nodes.node_of(ctx, self.machine.name)
        return Observation(found is None, "it is no node" if found is None else "it is a node")

    def apply(self, ctx: Context) -> None:
        if not _answers(ctx, self.machine.name, force=self.force):
            ctx.log("not drained: the machine doesn't answer; its pods start elsewhere once its Node object is deleted")
            return
        found = nodes.node_of(ctx, self.machine.name)
        if found is not None:
            drain.drain(ctx, found, master=masters.reachable_master(ctx, besides=self.machine.name), force=self.force)


@dataclass(frozen=True)
class OutOfEtcd(Permanent):
    """The master is no member of etcd any more; of all that leave, those go first whose etcd is not healthy."""

    machine: Machine
    leaving: tuple[str, ...]
    """Names of the masters that are to leave, this one included."""

    def observe(self, ctx: Context) -> Observation:
        master = masters.reachable_master(ctx, besides=self.machine.name)
        is_member = any(member.name == self.machine.name for member in etcd.members_of(ctx, master))
        return Observation(not is_member, "a member of etcd" if is_member else "no member of etcd")

    def apply(self, ctx: Context) -> None:
        master = masters.reachable_master(ctx, besides=self.machine.name)
        for member in _members_out(ctx, master, self.leaving):
            ctx.log(f"taking the member {member.name} out of etcd")
            run_program(ctx, master, "etcd", "remove", member.id)
            if member.name == self.machine.name:
                return


@dataclass(frozen=True)
class Reset(Permanent):
    """kubeadm and the kubelet have let go of the machine. With `force`, one that does not answer is left as it is."""

    machine: Machine
    force: bool

    def observe(self, ctx: Context) -> Observation:
        name, cluster = self.machine.name, ctx.world.plan.name
        try:
            seen = masters.condition(ctx, name)
        except InstallerError:
            if nodes.node_of(ctx, name) is None:  # deleted after the reset alone
                return Observation(True, "it isn't a node, and doesn't answer")
            if _answers(ctx, name, force=self.force):
                raise
            return Observation(True, "it does not answer: not reset")
        ours = seen.member == cluster or bool(seen.begun)
        return Observation(not ours, f"a node of {seen.member}" if seen.member else "a node of no cluster")

    def apply(self, ctx: Context) -> None:
        run_program(ctx, self.machine.name, "reset")


@dataclass(frozen=True)
class Forgotten(Permanent):
    """There is no Node object of the machine. Deleted after the reset: a kubelet that starts creates its own again."""

    machine: Machine

    def observe(self, ctx: Context) -> Observation:
        found = nodes.node_of(ctx, self.machine.name)
        return Observation(found is None, "no Node object" if found is None else "its Node object is there")

    def apply(self, ctx: Context) -> None:
        nodes.remove(ctx, masters.reachable_master(ctx, besides=self.machine.name), self.machine.name)


@dataclass(frozen=True)
class TakenBack(Permanent):
    """What a step of the install did for the machine is undone; over SSH (`remote`) only if the machine answers."""

    machine: str
    action: Action
    remote: bool
    force: bool

    def observe(self, ctx: Context) -> Observation:
        try:
            seen = self.action.observe(ctx)
        except InstallerError as error:
            return Observation(False, f"unknown: {error}")
        return Observation(not (seen.holds or seen.remains), seen.seen)

    def apply(self, ctx: Context) -> None:
        if self.remote and not _answers(ctx, self.machine, force=self.force):
            ctx.log("the machine doesn't answer: what was installed on it stays there")
            return
        self.action.undo(ctx)


@dataclass(frozen=True)
class Removed(Permanent):
    """What the platform has of the machine and no step of its own made, such as a machine that came in a batch."""

    machine: str

    def observe(self, ctx: Context) -> Observation:
        found = self._found(ctx)
        return Observation(not found, ", ".join(f"{one.kind} {one.name}" for one in found) or "nothing is left of it")

    def apply(self, ctx: Context) -> None:
        ctx.world.platform.remove(self._found(ctx), ctx.world.connections, ctx)

    def _found(self, ctx: Context) -> list[Resource]:
        return [one for one in ctx.world.platform.find(ctx.world.connections) if one.machine == self.machine]


@dataclass(frozen=True)
class PlanSaved(Permanent):
    """The cluster's plan names those that stay alone, for the steps that follow, too."""

    plan: InstallPlan = field(repr=False)
    gone: tuple[str, ...]

    def observe(self, ctx: Context) -> Observation:
        here = ctx.world.plan == self.plan
        return Observation(here, f"the plan has {ctx.world.plan.machine_count} machines")

    def apply(self, ctx: Context) -> None:
        for name in self.gone:
            pinned_keys.unpin(ctx.world.directory, name)
        planfile.save(ctx.world.directory.plan, self.plan)
        ctx.world.plan, ctx.world.shape = self.plan, topology(self.plan)


def steps(plan: InstallPlan, smaller: InstallPlan, undone: Sequence[Step], *, force: bool) -> Iterator[Step]:
    """The steps that lead from `plan` to `smaller`, one machine after the other, workers first and masters last.

    `undone` are the install's steps that leave something to undo, in their order.
    """
    staying = {machine.name for machine in topology(smaller).machines}
    leaving = tuple(machine for machine in reversed(topology(plan).machines) if machine.name not in staying)
    names = tuple(machine.name for machine in leaving)
    yield Step(
        id="leave/check",
        title=f"check that {plan.name} can do without {', '.join(names)}",
        phase=Phase.LEAVE,
        action=SpareThem(leaving),
        limit="ssh",
        deadline=120.0,
    )
    going = tuple(machine.name for machine in leaving if machine.role is Role.MASTER)
    previous = "leave/check"
    for machine in leaving:
        own = [step for step in reversed(undone) if step.machine == machine.name]
        rest = () if plan.traits.inventory else (_removed(machine.name),)
        for step in (*_leave(machine, going, force=force), *_take_back(machine.name, own, force=force), *rest):
            yield replace(step, needs=(previous,))
            previous = step.id
    yield Step(
        id=LAST,
        title=f"save the plan of {plan.name} without {', '.join(names)}",
        phase=Phase.LEAVE,
        action=PlanSaved(smaller, names),
        needs=(previous,),
        weight=0.2,
    )


def _leave(machine: Machine, going: tuple[str, ...], *, force: bool) -> Iterator[Step]:
    """Out of the cluster; `going` are the masters that leave."""
    name = machine.name
    actions: list[tuple[str, str, Action, float]] = [("drain", f"drain {name}", Drained(machine, force), 600.0)]
    if machine.role is Role.MASTER:
        actions.append(("etcd", f"take {name} out of etcd", OutOfEtcd(machine, going), 120.0))
    actions.append(("reset", f"reset {name}", Reset(machine, force), 420.0))
    actions.append(("node", f"delete the node {name}", Forgotten(machine), 120.0))
    for verb, title, action, deadline in actions:
        yield Step(
            id=f"leave/{verb}/{name}",
            title=title,
            phase=Phase.LEAVE,
            machine=name,
            action=action,
            weight=5.0 if verb in ("drain", "reset") else 1.0,
            limit="ssh",
            deadline=deadline,
        )


def _take_back(name: str, undone: Iterable[Step], *, force: bool) -> Iterator[Step]:
    for step in undone:
        action = TakenBack(name, step.action, remote=step.limit == "ssh", force=force)
        yield replace(step, id=f"leave/undo/{step.id}", title=f"undo: {step.title}", phase=Phase.LEAVE, action=action)


def _removed(name: str) -> Step:
    title = f"remove whatever else belongs to {name}"
    return Step(f"leave/rest/{name}", title, Phase.LEAVE, Removed(name), machine=name, deadline=600.0)


def _answers(ctx: Context, machine: str, *, force: bool) -> bool:
    """Whether the machine can be asked. Raises InstallerError if it cannot, unless that may be (`force`)."""
    try:
        status(ctx, machine)
    except InstallerError as error:
        if force:
            return False
        raise InstallerError(
            "take the machine out",
            f"it does not answer: {error.observed}",
            machine=machine,
            hint="bring it up again and resume; if it is lost, `craton nodes remove --force` takes it out as it is",
            exit_code=ExitCode.MACHINES,
        ) from None
    return True


def way_out(
    members: Sequence[etcd.Member], healthy: Collection[str], leaving: Collection[str]
) -> tuple[tuple[etcd.Member, ...], str]:
    """(the members in the order in which they can be taken out, or as far as it goes; why it goes no further, or empty)

    Those that are not healthy go first: they count for the majority, and add nothing to it. `healthy` and `leaving`
    are names.
    """
    going = [member for name in leaving for member in members if member.name == name]
    going.sort(key=lambda member: member.name in healthy)
    left = list(members)
    for number, member in enumerate(going):
        if reason := etcd.may_remove(left, healthy, member.name):
            return tuple(going[:number]), f"etcd can't lose {member.name}: {reason}"
        left.remove(member)
    return tuple(going), ""


def _members_out(ctx: Context, master: str, leaving: Collection[str]) -> tuple[etcd.Member, ...]:
    """The members of `leaving` in the order in which they can be taken out. Raises InstallerError if not all can."""
    members = etcd.members_of(ctx, master)
    order, reason = way_out(members, etcd.healthy_of(ctx, master, members), leaving)
    if reason:
        raise InstallerError(
            "remove masters from etcd",
            reason,
            machine=master,
            hint="bring the other masters up again (craton check says what they lack), then resume",
        )
    return order
