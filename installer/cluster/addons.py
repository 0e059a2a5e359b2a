"""Addons: manifests applied through a master, and the DaemonSet by which the cluster itself shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from installer.cluster import manifests, masters, nodes, objects, pods
from installer.common.errors import InstallerError
from installer.node.program import run_program
from installer.plan.model import InstallPlan
from installer.steps.step import Context, Observation, Permanent


@dataclass(frozen=True)
class Addon(Permanent):
    """`name` is known to `manifests.addon`. Its pods run wherever a node is Ready."""

    plan: InstallPlan
    name: str

    def observe(self, ctx: Context) -> Observation:
        wanted = manifests.addon(self.plan, self.name)
        found = objects.read(
            masters.kubectl(
                ctx, "get", "daemonset", wanted.daemon_set, "--namespace", wanted.namespace, "--ignore-not-found",
                "-o", "json",
            )
        )  # fmt: skip
        if found is None:
            return Observation(False, f"there is no DaemonSet {wanted.daemon_set}")
        if sum_of(found) != wanted.sum:
            return Observation(False, f"the DaemonSet {wanted.daemon_set} is not as planned")
        ready, desired = pods_of(found)
        if ready < desired:
            desired = min(desired, self._ready_nodes(ctx))
        return Observation(0 < desired <= ready, f"{ready} of {desired} pods of {wanted.daemon_set} are ready")

    def apply(self, ctx: Context) -> None:
        master = masters.reachable_master(ctx)
        try:
            run_program(ctx, master, "addon", self.name, stdin=manifests.addon(self.plan, self.name).text)
        except InstallerError as error:
            if not error.retryable:
                error.observed = "; ".join([error.observed, *pods.troubles_on(ctx)])
            raise

    @staticmethod
    def _ready_nodes(ctx: Context) -> int:
        """A node that is not Ready has a step of its own, which says why."""
        found = objects.read(masters.kubectl(ctx, "get", "nodes", "-o", "json")) or {}
        return sum(nodes.is_ready(node) for node in found.get("items") or [])


def sum_of(daemon_set: Mapping[str, Any]) -> str:
    """The sum of the manifests that it was applied with."""
    annotations = daemon_set.get("metadata", {}).get("annotations") or {}
    return str(annotations.get(manifests.SUM, ""))


def pods_of(daemon_set: Mapping[str, Any]) -> tuple[int, int]:
    """(pods that are ready, pods that there are to be)"""
    status = daemon_set.get("status") or {}
    return int(status.get("numberReady") or 0), int(status.get("desiredNumberScheduled") or 0)
