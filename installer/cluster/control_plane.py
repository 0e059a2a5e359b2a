"""The first master: it creates the cluster, unless another master already runs it."""

from __future__ import annotations

from dataclasses import dataclass

from installer.cluster import kubeadm, masters
from installer.cluster.diagnosis import explain_init
from installer.cluster.join import Join, observe_membership
from installer.node.program import run_program, status
from installer.plan.model import InstallPlan
from installer.plan.topology import Machine
from installer.steps.step import Context, Observation, Permanent


@dataclass(frozen=True)
class Init(Permanent):
    """`kubeadm init` on the first master. Where another master is a member already, it joins as any other does."""

    plan: InstallPlan
    machine: Machine

    def observe(self, ctx: Context) -> Observation:
        return observe_membership(ctx, self.machine)

    def apply(self, ctx: Context) -> None:
        if masters.settled(ctx, self.machine.name).member:
            masters.wait_until_up(ctx, self.machine)
        elif other := masters.elsewhere(ctx, self.machine.name):
            ctx.log(f"{other} is a master of {self.plan.name} already: joining it")
            Join(self.plan, self.machine).apply(ctx)
        else:
            self._found(ctx)

    def _found(self, ctx: Context) -> None:
        # That of an earlier cluster of this name opens nothing here.
        ctx.world.directory.kubeconfig.unlink(missing_ok=True)
        facts = kubeadm.facts_of(status(ctx, self.machine.name))
        key = kubeadm.new_encryption_key()
        payload = kubeadm.init_payload(self.plan, ctx.world.topology, ctx.world.machine(self.machine.name), facts, key)
        explain = explain_init(self.plan, self.machine.name)
        run_program(ctx, self.machine.name, "init", stdin=payload, explain=explain)
