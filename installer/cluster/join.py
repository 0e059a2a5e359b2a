"""Machines join the cluster, each with an invitation that is made when it is needed."""

from __future__ import annotations

from dataclasses import dataclass

from installer.cluster import etcd, kubeadm, masters, nodes, outdated
from installer.cluster.diagnosis import explain_join
from installer.common.errors import InstallerError
from installer.node.program import Asked, read_fields, run_program, status
from installer.plan.model import InstallPlan
from installer.plan.rules import Role
from installer.plan.topology import Machine
from installer.steps.step import Context, Observation, Permanent

_SHARED = 10.0
"""Seconds for which machines that join at once share an invitation, which is good for an hour: two for certificates."""


@dataclass(frozen=True)
class Join(Permanent):
    """`kubeadm join`. What the cluster still remembers of an earlier machine of that name is taken out before."""

    plan: InstallPlan
    machine: Machine

    def observe(self, ctx: Context) -> Observation:
        return observe_membership(ctx, self.machine)

    def apply(self, ctx: Context) -> None:
        outdated.reset_all(ctx)
        seen = masters.settled(ctx, self.machine.name)
        if seen.member:
            masters.wait_until_up(ctx, self.machine)
            return
        master = masters.reachable_master(ctx, besides=self.machine.name)
        if not self._stands(seen):
            self._make_room(ctx, master, seen)
        self._join(ctx, master)
        if self._is_master:
            etcd.wait_for_member(ctx, master, self.machine.name)

    @property
    def _is_master(self) -> bool:
        return self.machine.role is Role.MASTER

    def _stands(self, seen: masters.Condition) -> bool:
        """Whether a join that didn't finish has done all the same what it was to do."""
        return self._is_master and seen.begun == "join" and seen.is_up(self.machine.role)

    def _make_room(self, ctx: Context, master: str, seen: masters.Condition) -> None:
        """Nothing of an earlier machine of this name, or of an earlier try, prevents a join."""
        if seen.begun:
            ctx.log(f"{seen.begun} began on this machine and didn't finish: it is reset, and joins again")
            run_program(ctx, self.machine.name, "reset")
        if self._is_master:
            etcd.remove_stale(ctx, master, self.machine.name)
            etcd.wait_for_quorum(ctx, master)
        if self._is_master or seen.begun:
            nodes.remove(ctx, master, self.machine.name)
        else:
            nodes.remove_listed(ctx, master, self.machine.name)

    def _join(self, ctx: Context, master: str) -> None:
        facts = kubeadm.facts_of(status(ctx, self.machine.name, Asked.JUST_NOW))
        invitation = _shared_invitation(ctx, master)
        payload = kubeadm.join_payload(self.plan, ctx.world.machine(self.machine.name), facts, invitation)
        explain = explain_join(self.plan, self.machine.name, master)
        run_program(ctx, self.machine.name, "join", stdin=payload, explain=explain)


def observe_membership(ctx: Context, machine: Machine) -> Observation:
    """Whether `machine` is a member of its cluster and works. Raises InstallerError if it is another's."""
    seen, cluster = masters.own_condition(ctx, machine.name, Asked.SURVEYED), ctx.world.plan.name
    if not seen.member:
        begun = f"; its {seen.begun} didn't finish" if seen.begun else ""
        return Observation(False, f"member of no cluster{begun}")
    trouble = seen.trouble(machine.role)
    return Observation(seen.is_up(machine.role), f"member of {cluster}" + (f"; {trouble}" if trouble else ""))


def _shared_invitation(ctx: Context, master: str) -> kubeadm.Invitation:
    """One that is seconds old, or a new one: a thousand machines need no token each, and all masters one key."""
    shared = ctx.world.answers.lately(
        f"invitation by {master}", lambda: _invitation(ctx, master), _SHARED, ctx.remaining()
    )
    return shared or _invitation(ctx, master)


def _invitation(ctx: Context, master: str) -> kubeadm.Invitation:
    """Made now: it ends soon, and is recorded nowhere."""
    output = run_program(ctx, master, "invite", secret=True)
    fields = read_fields(output)
    try:
        return kubeadm.Invitation(
            fields["token"], fields["ca_hash"], fields["certificate_key"], fields["encryption_key"]
        )
    except KeyError as missing:
        raise InstallerError(
            "invite",
            f"craton-node invite said no {missing}",
            machine=master,
            hint="read that master's log, fix it, then resume",
        ) from None
