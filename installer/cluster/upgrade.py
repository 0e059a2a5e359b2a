"""A new Kubernetes release, machine by machine: masters first, each drained, upgraded, and back before the next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from installer.artifacts.container_images import images
from installer.cluster import diagnosis, drain, kubeadm, masters, nodes, pods
from installer.cluster.certificates import ServingCertificate
from installer.cluster.reconfigure import reconfigure
from installer.cluster.sign_in import authentication
from installer.cluster.upgrade_checks import ClusterReady, MachineReady, etcd_trouble, way
from installer.cluster.upgrade_images import ImagesBrought
from installer.cluster.upgrade_pool import kept_off
from installer.common.errors import InstallerError
from installer.node.program import run_program, status
from installer.node.steps import DOWNLOADING, Prepare
from installer.plan import planfile
from installer.plan.model import InstallPlan
from installer.plan.rules import Role
from installer.plan.topology import Machine, Topology
from installer.steps.step import Action, Context, Observation, Permanent, Phase, Step


@dataclass(frozen=True)
class PlanSaved(Permanent):
    """The cluster's plan is that of the new release: from here on only the upgrade itself leads on."""

    plan: InstallPlan = field(repr=False)

    def observe(self, ctx: Context) -> Observation:
        saved = planfile.load(ctx.world.directory.plan)
        return Observation(saved == self.plan, f"the plan says {saved.kubernetes}")

    def apply(self, ctx: Context) -> None:
        planfile.save(ctx.world.directory.plan, self.plan)


@dataclass(frozen=True)
class KubeadmUpgrade(Permanent):
    """`kubeadm upgrade`: the control plane's static pods of a master, else the kubelet's configuration.

    That all of it came to its end is known once the machine is prepared for the release; else it is run again.
    """

    plan: InstallPlan
    machine: Machine

    def observe(self, ctx: Context) -> Observation:
        return _prepared(ctx, self.machine.name, self.plan.kubernetes)

    def apply(self, ctx: Context) -> None:
        name = self.machine.name
        configuration = Prepare(self.plan, name).bring(ctx)
        verb = "apply" if self.machine.number == 1 and self.machine.role is Role.MASTER else "node"
        if self.machine.role is Role.MASTER:
            trusted = authentication(self.plan, ctx.world.directory)
            run_program(ctx, name, "policies", stdin=kubeadm.policies_payload(self.plan, trusted))
        if verb == "apply":
            reconfigure(ctx, self.plan)
        explain = diagnosis.explain_upgrade(self.plan, name)
        with kept_off(ctx, ctx.world.shape.pool if verb == "apply" else None):
            run_program(ctx, name, "upgrade", verb, stdin=configuration, explain=explain)


@dataclass(frozen=True)
class Drained(Permanent):
    """The machine's pods run elsewhere while its kubelet changes."""

    plan: InstallPlan
    machine: str

    def observe(self, ctx: Context) -> Observation:
        return _prepared(ctx, self.machine, self.plan.kubernetes)

    def apply(self, ctx: Context) -> None:
        found = nodes.node_of(ctx, self.machine)
        if found is not None:
            drain.drain(ctx, found, master=masters.reachable_master(ctx))


@dataclass(frozen=True)
class BackInService(Permanent):
    """The node is Ready with the new kubelet, its control plane healthy, and pods may land on it again."""

    plan: InstallPlan
    machine: Machine

    def observe(self, ctx: Context) -> Observation:
        back, seen = self._back(ctx)
        if back and drain.is_marked(back):
            return Observation(False, "cordoned for the upgrade")
        return Observation(back is not None, seen)

    def apply(self, ctx: Context) -> None:
        found = ctx.wait_until(
            f"{self.machine.name} to be Ready with {self.plan.kubernetes}", lambda: self._look(ctx), 1.0
        )
        if drain.is_marked(found):
            drain.uncordon(ctx, self.machine.name)

    def _look(self, ctx: Context) -> tuple[Mapping[str, Any] | None, str]:
        """As `_back`; while its own API server starts again, nobody may be there to be asked."""
        try:
            return self._back(ctx)
        except InstallerError as error:
            return None, str(error)

    def _back(self, ctx: Context) -> tuple[Mapping[str, Any] | None, str]:
        """(the Node object if all is well, what was seen)"""
        found = nodes.node_of(ctx, self.machine.name)
        if found is None:
            return None, "no node"
        version = str(found.get("status", {}).get("nodeInfo", {}).get("kubeletVersion", ""))
        if version != self.plan.kubernetes:
            return None, f"its kubelet is {version or 'of no known release'}"
        if not nodes.is_ready(found):
            return None, nodes.ready_message(found)
        trouble = self._control_plane_trouble(ctx) if self.machine.role is Role.MASTER else ""
        trouble = trouble or "; ".join(pods.waiting_for_images(ctx, self.machine.name, images(self.plan)))
        return (None, trouble) if trouble else (found, f"Ready with {version}")

    def _control_plane_trouble(self, ctx: Context) -> str:
        seen = masters.condition(ctx, self.machine.name)
        if trouble := seen.trouble(Role.MASTER):
            return trouble
        if seen.version != self.plan.kubernetes:
            return f"its API server is {seen.version or 'of no known release'}"
        return etcd_trouble(ctx, self.machine.name)


def _prepared(ctx: Context, machine: str, release: str) -> Observation:
    prepared = status(ctx, machine).get("prepared", "")
    return Observation(prepared == release, f"prepared for {prepared or 'nothing'}")


def steps(plan: InstallPlan, topology: Topology, before: str) -> Iterator[Step]:
    """The steps that bring `plan.kubernetes` to a cluster of the release `before`, each after the one before it.

    `before` is empty if it isn't known any more, as when the journal of an upgrade is lost: each step finds out where
    its machine is.
    """
    yield from _checks(plan, topology, before)
    previous = "upgrade/plan"
    for machine in topology.machines:
        for step in _machine(plan, topology, machine):
            yield replace(step, needs=(previous,))
            previous = step.id


def _checks(plan: InstallPlan, topology: Topology, before: str) -> Iterator[Step]:
    names = [machine.name for machine in topology.machines]
    for name in names:
        yield Step(
            id=f"upgrade/check/{name}",
            title=f"look what {name} runs",
            phase=Phase.UPGRADE,
            machine=name,
            action=MachineReady(name, before, plan.kubernetes),
            weight=0.5,
            limit="ssh",
        )
    yield Step(
        id="upgrade/check",
        title=f"check that {plan.name} is healthy before it goes {way(before, plan.kubernetes)}",
        phase=Phase.UPGRADE,
        needs=tuple(f"upgrade/check/{name}" for name in names),
        action=ClusterReady(),
        limit="ssh",
        deadline=180.0,
    )
    for machine in topology.machines:
        yield Step(
            id=f"upgrade/images/{machine.name}",
            title=f"bring the images of {plan.kubernetes} to {machine.name}",
            phase=Phase.UPGRADE,
            machine=machine.name,
            needs=("upgrade/check",),
            action=ImagesBrought(plan, machine),
            weight=8.0,
            limit="processors" if plan.traits.here else "ssh",
            deadline=DOWNLOADING,
        )
    yield Step(
        id="upgrade/plan",
        title=f"save the plan of {plan.name} with {plan.kubernetes}",
        phase=Phase.UPGRADE,
        needs=tuple(f"upgrade/images/{name}" for name in names),
        action=PlanSaved(plan),
        weight=0.2,
    )


def _machine(plan: InstallPlan, topology: Topology, machine: Machine) -> Iterator[Step]:
    name, release = machine.name, plan.kubernetes
    what = f"the control plane on {name}" if machine.role is Role.MASTER else f"the kubelet's configuration on {name}"
    actions: list[tuple[str, str, Action, float, float]] = [
        ("kubeadm", f"upgrade {what} to {release}", KubeadmUpgrade(plan, machine), 30.0, DOWNLOADING)
    ]
    if drain.is_drained(topology, machine):
        actions.append(("drain", f"drain {name}", Drained(plan, name), 5.0, 600.0))
    kubelet = Prepare(plan, name, upgrades=True)
    actions.append(("kubelet", f"bring the kubelet {release} to {name}", kubelet, 10.0, DOWNLOADING))
    back = BackInService(plan, machine)
    actions.append(("back", f"see {name} Ready with {release}, and in service again", back, 5.0, 300.0))
    certificate = ServingCertificate(name)
    actions.append(("certificate", f"approve the certificate of {name}'s kubelet", certificate, 0.5, 180.0))
    for verb, title, action, weight, deadline in actions:
        yield Step(
            id=f"upgrade/{verb}/{name}",
            title=title,
            phase=Phase.UPGRADE,
            machine=name,
            action=action,
            weight=weight,
            limit="ssh",
            deadline=deadline,
        )
