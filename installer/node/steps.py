"""The steps of the phases connect and prepare: one of each per machine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from installer.errors import InstallerError
from installer.node import known_hosts
from installer.node.program import run_program, status
from installer.plan import InstallPlan
from installer.step import Context, Observation, Permanent, Phase, Step
from installer.topology import Topology


@dataclass(frozen=True)
class Connect:
    """Pin the host key that the platform vouches for, then log in."""

    machine: str

    def observe(self, ctx: Context) -> Observation:
        if known_hosts.pinned(ctx.world.directory, self.machine) is None:
            return Observation(False, "no host key is pinned yet")
        self._log_in(ctx)
        return Observation(True, "logged in; the host key is the pinned one")

    def apply(self, ctx: Context) -> None:
        endpoint = ctx.world.platform.endpoint(self.machine)
        if endpoint.host_key is None:
            raise InstallerError(
                "pin the host key",
                "the platform does not vouch for a host key",
                machine=self.machine,
                hint=f"compare the machine's key yourself and add it to {ctx.world.directory.known_hosts}",
            )
        known_hosts.pin(ctx.world.directory, self.machine, endpoint.host_key)
        self._log_in(ctx)

    def undo(self, ctx: Context) -> None:
        known_hosts.unpin(ctx.world.directory, self.machine)

    def _log_in(self, ctx: Context) -> None:
        ctx.check_stop()
        result = ctx.world.connect(self.machine, ctx.remaining()).run("hostname", deadline=ctx.remaining())
        if result.status != 0:
            raise InstallerError(
                "log in",
                f"`hostname` ended with exit status {result.status}: {result.stderr.strip() or 'no message'}",
                machine=self.machine,
                hint="the user's login shell must run commands; try `craton ssh`",
            )
        ctx.log(f"logged in to {result.stdout.strip()}")


@dataclass(frozen=True)
class Prepare(Permanent):
    """Make a bare machine one that kubeadm accepts: kernel, container runtime, kubelet. Goes with its machine."""

    machine: str
    kubernetes: str

    def observe(self, ctx: Context) -> Observation:
        prepared = status(ctx, self.machine).get("prepared", "")
        return Observation(prepared == self.kubernetes, f"prepared for {prepared or 'nothing'}")

    def apply(self, ctx: Context) -> None:
        run_program(ctx, self.machine, "prepare", self.kubernetes)


def steps(plan: InstallPlan, topology: Topology) -> Iterator[Step]:
    for machine in topology.machines:
        name = machine.name
        yield Step(
            id=f"connect/{name}",
            title=f"log in to {name} and pin its host key",
            phase=Phase.CONNECT,
            machine=name,
            needs=(f"machines/create/{name}",),
            action=Connect(name),
            weight=1.0,
            limit="ssh",
            deadline=120.0,
        )
        yield Step(
            id=f"prepare/{name}",
            title=f"prepare {name} for Kubernetes {plan.kubernetes}",
            phase=Phase.PREPARE,
            machine=name,
            needs=(f"connect/{name}",),
            action=Prepare(name, plan.kubernetes),
            weight=12.0,
            limit="ssh",
            deadline=600.0,
        )
