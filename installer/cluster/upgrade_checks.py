"""What has to hold before a cluster is upgraded: every machine is a node of the right release, and all is healthy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from installer.cluster import drain, etcd, masters, nodes, objects
from installer.common.errors import ExitCode, InstallerError
from installer.node.program import status
from installer.plan.releases import refusal
from installer.steps.step import Context, Observation, Proof

_LOOK = 10.0
"""Seconds that a look at all nodes and at etcd may take."""


@dataclass(frozen=True)
class MachineReady(Proof):
    """The machine is a node with the release that the cluster comes from, or already the new one, or between them."""

    machine: str
    before: str
    """Empty if nobody knows any more: then whatever can go to the new release."""
    release: str

    def observe(self, ctx: Context) -> Observation:
        fields, cluster = status(ctx, self.machine), ctx.world.plan.name
        if fields.get("member") != cluster:
            raise self._unfit(
                f"it is no node of {cluster}",
                "install the plan as it is first (craton apply), or take the machine out (craton nodes remove)",
            )
        prepared = fields.get("prepared", "")
        if prepared in ("", self.before, self.release) or not (self.before or refusal(prepared, self.release)):
            return Observation(True, f"prepared for {prepared}" if prepared else "its preparation was interrupted")
        raise self._unfit(
            f"it is prepared for {prepared}, and the cluster goes {way(self.before, self.release)}",
            "bring it to the cluster's release first, or take it out (craton nodes remove)",
        )

    def _unfit(self, seen: str, hint: str) -> InstallerError:
        return InstallerError("check the machine", seen, machine=self.machine, hint=hint, exit_code=ExitCode.PREFLIGHT)


@dataclass(frozen=True)
class ClusterReady(Proof):
    """Every node is Ready and etcd is healthy, but for the node at which an earlier run was interrupted."""

    def observe(self, ctx: Context) -> Observation:
        seen: list[tuple[str | None, str]] = []

        def look() -> tuple[str | None, str]:
            if not seen or ctx.remaining() > _LOOK:  # a look that is cut short says nothing of the cluster
                seen.append(_well(ctx))
            return seen[-1]

        return Observation(True, ctx.wait_until("the cluster to be healthy before it is upgraded", look, 2.0))


def way(before: str, release: str) -> str:
    """`from v1.35.6 to v1.36.2`, or `to v1.36.2` where nobody knows what was there before."""
    return f"from {before} to {release}" if before else f"to {release}"


def _well(ctx: Context) -> tuple[str | None, str]:
    """(what is well in a sentence if all is, what was seen)"""
    try:
        listed = objects.read(masters.kubectl(ctx, "get", "nodes", "-o", "json")) or {}
        found = {node["metadata"]["name"]: node for node in listed.get("items", ())}
        names = [machine.name for machine in ctx.world.topology.machines]
        troubles = [_node_trouble(ctx, name, found.get(name)) for name in names]
        troubles.append(etcd_trouble(ctx, masters.reachable_master(ctx)))
    except InstallerError as error:
        return None, str(error)
    seen = "; ".join(filter(None, troubles))
    return (None, seen) if seen else ("every node is Ready, and etcd is healthy", "healthy")


def _node_trouble(ctx: Context, name: str, node: Mapping[str, Any] | None) -> str:
    """What is wrong with a node; nothing with the one whose kubelet an earlier run was about to change."""
    if node is None:
        return f"{name} is no node"
    if nodes.is_ready(node) or drain.is_marked(node) or not status(ctx, name).get("prepared"):
        return ""
    return f"{name} is {nodes.ready_message(node)}"


def etcd_trouble(ctx: Context, master: str) -> str:
    """The members of etcd that are not healthy, as `master` sees them; empty if all are."""
    members = etcd.members_of(ctx, master)
    healthy = etcd.healthy_of(ctx, master, members)
    sick = [member.name for member in members if member.name not in healthy]
    return f"etcd is not healthy on {', '.join(sick)}" if sick else ""
