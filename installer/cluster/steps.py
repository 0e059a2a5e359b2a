"""The steps of the phases control plane, join and ingress."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from installer.cluster import kubeadm
from installer.contract import RULES, Kind, Role
from installer.errors import InstallerError
from installer.node.program import run_program, status
from installer.plan import InstallPlan
from installer.state import write_private
from installer.step import Context, Observation, Permanent, Phase, Step
from installer.topology import MASTER_TAINT, Machine, Topology

_ROLE_LABELS = {rule.value.partition("=")[0] for rule in RULES.values() if rule.kind is Kind.LABEL}
_OUR_TAINTS = {rule.value for rule in RULES.values() if rule.kind is Kind.TAINT} | {MASTER_TAINT}


@dataclass(frozen=True)
class Init(Permanent):
    """`kubeadm init` on the first master."""

    plan: InstallPlan
    machine: Machine

    def observe(self, ctx: Context) -> Observation:
        return _membership(ctx, self.machine.name, self.plan.name)

    def apply(self, ctx: Context) -> None:
        run_program(ctx, self.machine.name, "init", stdin=kubeadm.init_configuration(self.plan, self.machine))


@dataclass(frozen=True)
class Join(Permanent):
    """`kubeadm join` with a fresh invitation from the first master."""

    plan: InstallPlan
    machine: Machine
    first_master: str

    def observe(self, ctx: Context) -> Observation:
        return _membership(ctx, self.machine.name, self.plan.name)

    def apply(self, ctx: Context) -> None:
        said = run_program(ctx, self.first_master, "invite", secret=True)
        fields = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
        try:
            invitation = kubeadm.Invitation(fields["token"], fields["ca_hash"], fields["certificate_key"])
        except KeyError as missing:
            raise InstallerError(
                "invite",
                f"craton-node invite said no {missing}",
                machine=self.first_master,
                hint="read the first master's log, mend it, then resume",
            ) from None
        configuration = kubeadm.join_configuration(self.plan, self.machine, invitation)
        run_program(ctx, self.machine.name, "join", stdin=configuration)


@dataclass(frozen=True)
class Addon(Permanent):
    """An addon's manifests, applied on the first master."""

    name: str
    first_master: str

    def observe(self, ctx: Context) -> Observation:
        applied = status(ctx, self.first_master).get("addons", "").split(",")
        return Observation(self.name in applied, f"addons: {', '.join(filter(None, applied)) or 'none'}")

    def apply(self, ctx: Context) -> None:
        if not ctx.world.plan.traits.stand_ins:
            raise InstallerError(
                f"bring up the addon {self.name}",
                "this version of Craton has no manifests for it",
                machine=self.first_master,
                hint="the machines are prepared; `craton destroy` takes everything back",
            )
        run_program(ctx, self.first_master, "addon", self.name)


@dataclass(frozen=True)
class Kubeconfig:
    """The administrator's kubeconfig, kept on this computer alone, mode 0600."""

    first_master: str

    def observe(self, ctx: Context) -> Observation:
        path = ctx.world.directory.kubeconfig
        return Observation(path.exists(), str(path))

    def apply(self, ctx: Context) -> None:
        write_private(ctx.world.directory.kubeconfig, run_program(ctx, self.first_master, "kubeconfig", secret=True))

    def undo(self, ctx: Context) -> None:
        ctx.world.directory.kubeconfig.unlink(missing_ok=True)


@dataclass(frozen=True)
class Roles(Permanent):
    """Wait until the node is Ready; then its role labels (M13, M14, W9) and taints (I4), and no other role's.

    With the administrator's credentials, because the kubelet may not set labels in node-role.kubernetes.io itself.
    """

    machine: Machine
    first_master: str

    def observe(self, ctx: Context) -> Observation:
        node = self._node(ctx)
        if node is None:
            return Observation(False, "the node is not registered yet")
        changes = [*_label_changes(node, self.machine), *_taint_changes(node, self.machine)]
        if not _is_ready(node):
            changes.append("Ready")
        return Observation(not changes, f"to do: {', '.join(changes)}" if changes else "Ready; labels and taints stand")

    def apply(self, ctx: Context) -> None:
        node = ctx.wait_until(f"node {self.machine.name} to be Ready", lambda: self._ready(ctx), every=1.0)
        for verb, changes in (
            ("label", _label_changes(node, self.machine)),
            ("taint", _taint_changes(node, self.machine)),
        ):
            if changes:
                run_program(ctx, self.first_master, "kubectl", verb, "node", self.machine.name, *changes, "--overwrite")

    def _ready(self, ctx: Context) -> tuple[dict[str, Any] | None, str]:
        node = self._node(ctx)
        if node is None:
            return None, "not registered"
        return (node, "Ready") if _is_ready(node) else (None, "NotReady")

    def _node(self, ctx: Context) -> dict[str, Any] | None:
        said = run_program(
            ctx, self.first_master, "kubectl", "get", "node", self.machine.name, "--ignore-not-found", "-o", "json",
            secret=True,
        )  # fmt: skip
        if not said.strip():
            return None
        try:
            node: dict[str, Any] = json.loads(said)
        except json.JSONDecodeError as error:
            raise InstallerError(
                "read the node", f"kubectl's answer is no JSON: {error}", machine=self.machine.name, retryable=True
            ) from None
        return node


def _membership(ctx: Context, machine: str, cluster: str) -> Observation:
    """Raises InstallerError if the machine belongs to another cluster: nothing of ours may take it over."""
    member = status(ctx, machine).get("member", "")
    if member and member != cluster:
        raise InstallerError(
            "join the cluster",
            f"the machine is a node of the cluster {member}",
            machine=machine,
            hint=f"take it out of {member} first (kubeadm reset), or leave it out of the plan",
        )
    return Observation(member == cluster, f"member of {member}" if member else "member of no cluster")


def _is_ready(node: dict[str, Any]) -> bool:
    conditions = node.get("status", {}).get("conditions", [])
    return any(condition.get("type") == "Ready" and condition.get("status") == "True" for condition in conditions)


def _label_changes(node: dict[str, Any], machine: Machine) -> list[str]:
    """kubectl's words (`key=value`, or `key-` to remove) that bring the contract's labels to what is planned."""
    present = node.get("metadata", {}).get("labels", {})
    wanted = dict(label.split("=", 1) for label in machine.labels)
    surplus = [f"{key}-" for key in sorted(_ROLE_LABELS) if key in present and key not in wanted]
    return [f"{key}={value}" for key, value in wanted.items() if present.get(key) != value] + surplus


def _taint_changes(node: dict[str, Any], machine: Machine) -> list[str]:
    """kubectl's words (`key=value:effect`, or `key:effect-` to remove) that bring our taints to what is planned."""
    present = {
        f"{taint['key']}={taint.get('value', '')}:{taint['effect']}"
        for taint in node.get("spec", {}).get("taints") or []
    }
    surplus = [taint.replace("=:", ":") + "-" for taint in sorted(_OUR_TAINTS & present - set(machine.taints))]
    return [taint for taint in machine.taints if taint not in present] + surplus


def steps(plan: InstallPlan, topology: Topology) -> Iterator[Step]:
    yield from _control_plane(plan, topology)
    yield from _joins(plan, topology)
    yield Step(
        id="ingress/controller",
        title="bring up the ingress controller",
        phase=Phase.INGRESS,
        needs=tuple(f"join/roles/{machine.name}" for machine in topology.machines),
        action=Addon("ingress", topology.first_master.name),
        weight=4.0,
        limit="ssh",
        deadline=300.0,
    )


def _control_plane(plan: InstallPlan, topology: Topology) -> Iterator[Step]:
    first, *others = topology.of_role(Role.MASTER)
    init = f"control-plane/init/{first.name}"
    yield Step(
        id=init,
        title=f"start the control plane on {first.name}",
        phase=Phase.CONTROL_PLANE,
        machine=first.name,
        needs=(f"prepare/{first.name}",),
        action=Init(plan, first),
        weight=8.0,
        limit="ssh",
        deadline=600.0,
    )
    yield Step(
        id="control-plane/kubeconfig",
        title="fetch the administrator's kubeconfig",
        phase=Phase.CONTROL_PLANE,
        needs=(init,),
        action=Kubeconfig(first.name),
        weight=0.5,
        limit="ssh",
    )
    yield Step(
        id="control-plane/overlay",
        title="bring up the pod network (flannel, VXLAN on udp 4789)",
        phase=Phase.CONTROL_PLANE,
        needs=(init,),
        action=Addon("overlay", first.name),
        weight=3.0,
        limit="ssh",
        deadline=300.0,
    )
    previous = init
    for machine in others:
        # One at a time: etcd loses its majority if two members join at once.
        join = f"control-plane/join/{machine.name}"
        yield Step(
            id=join,
            title=f"join {machine.name} to the control plane",
            phase=Phase.CONTROL_PLANE,
            machine=machine.name,
            needs=(previous, f"prepare/{machine.name}"),
            action=Join(plan, machine, first.name),
            weight=6.0,
            limit="ssh",
            deadline=600.0,
        )
        previous = join


def _joins(plan: InstallPlan, topology: Topology) -> Iterator[Step]:
    first, *others = topology.of_role(Role.MASTER)
    last_master = f"control-plane/join/{others[-1].name}" if others else f"control-plane/init/{first.name}"
    for machine in topology.machines:
        if machine.role is Role.MASTER:
            joined = f"control-plane/{'init' if machine is first else 'join'}/{machine.name}"
        else:
            joined = f"join/{machine.name}"
            yield Step(
                id=joined,
                title=f"join {machine.name}",
                phase=Phase.JOIN,
                machine=machine.name,
                needs=(f"prepare/{machine.name}", last_master),
                action=Join(plan, machine, first.name),
                weight=3.0,
                limit="ssh",
                deadline=300.0,
            )
        yield Step(
            id=f"join/roles/{machine.name}",
            title=f"wait until {machine.name} is Ready; set its role labels and taints",
            phase=Phase.JOIN,
            machine=machine.name,
            needs=(joined, "control-plane/overlay"),
            action=Roles(machine, first.name),
            weight=2.0,
            limit="ssh",
            deadline=300.0,
        )
