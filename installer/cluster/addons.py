"""Addons: manifests applied through a master, seen in the cluster itself, and removed where a plan leaves them out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from installer.artifacts.published import published
from installer.cluster import acme, definitions, manifests, masters, nodes, objects, pods
from installer.cluster.reconfigure import documents
from installer.common.errors import InstallerError
from installer.node.program import run_program
from installer.plan.model import InstallPlan
from installer.steps.step import Context, Observation, Permanent

Identity = tuple[str, str, str]
"""Kind, namespace (empty where the kind has none), name."""
WORKLOADS = frozenset({"DaemonSet", "Deployment", "StatefulSet"})
"""Kinds of objects that run pods and keep them running: they are waited for."""


@dataclass(frozen=True)
class Addon(Permanent):
    """`name` is known to `manifests.addon`. Its pods run wherever its manifest selects nodes that are Ready."""

    plan: InstallPlan
    name: str

    def observe(self, ctx: Context) -> Observation:
        wanted = manifests.addon(self.plan, self.name)
        found = present(ctx, wanted.text)
        last = _last(wanted, found)
        if last is None:
            return Observation(False, f"there is no {wanted.shown}")
        if sum_of(last) != wanted.sum:
            return Observation(False, f"the {wanted.shown} is not as planned")
        if missing := [identity for identity in identities(wanted.text) if identity not in found]:
            return Observation(False, f"there is no {missing[0][0]} {missing[0][2]}")
        return self._all_rolled_out(ctx, wanted, found)

    def apply(self, ctx: Context) -> None:
        wanted = manifests.addon(self.plan, self.name)
        if self.name == "ingress" and not self.plan.addons.gateway:
            _remove_gateway(ctx, self.plan)
        master = masters.reachable_master(ctx)
        if wanted.kind in _CONDITIONS:  # a webhook or the API itself may know the kind only in a moment
            ctx.wait_until(f"the API to take the {wanted.shown}", lambda: self._tried(ctx, master, wanted), every=2.0)
        else:
            run_program(ctx, master, "addon", self.name, stdin=wanted.text)

        def probe() -> tuple[bool | None, str]:
            found = present(ctx, wanted.text)
            if _last(wanted, found) is None:
                return None, f"there is no {wanted.shown}"
            seen = self._all_rolled_out(ctx, wanted, found)
            if seen.holds:
                return True, seen.seen
            return None, "; ".join([seen.seen, *self._reasons(ctx, wanted)])

        ctx.wait_until(f"{wanted.shown} to be ready", probe, every=2.0)

    def _tried(self, ctx: Context, master: str, wanted: manifests.Addon) -> tuple[bool | None, str]:
        try:
            run_program(ctx, master, "addon", self.name, stdin=wanted.text)
        except InstallerError as error:
            if error.retryable:
                raise
            return None, error.observed
        return True, "applied"

    def _reasons(self, ctx: Context, wanted: manifests.Addon) -> Iterable[str]:
        if self.name == "acme":
            return acme.reasons(ctx)
        return (line for one in _workloads(wanted) for line in pods.reasons(ctx, wanted.namespace, one[2]))

    def _all_rolled_out(
        self, ctx: Context, wanted: manifests.Addon, found: Mapping[Identity, Mapping[str, Any]]
    ) -> Observation:
        """Whether all pods of the addon run as it was applied: what is said is of the first that don't, or the last."""
        if wanted.kind == "Service":
            return Observation(True, f"the {wanted.shown} is there")
        if wanted.kind in _CONDITIONS:
            return _by_condition(wanted, found[wanted.kind, wanted.namespace, wanted.workload])
        seen = Observation(False, f"there is no {wanted.shown}")
        for identity in _workloads(wanted):
            seen = self._rolled_out(ctx, identity, found[identity]) if identity in found else seen
            if not seen.holds:
                return seen
        return seen

    def _rolled_out(self, ctx: Context, identity: Identity, found: Mapping[str, Any]) -> Observation:
        """Whether the pods of one workload run as it was applied."""
        kind, _, workload = identity
        ready, desired = pods_of(found)
        if not desired:
            return Observation(False, f"no node has been given a pod of {workload} yet")
        counts = f"{ready} of {desired} pods of {workload} are ready"
        if ready >= desired or kind != "DaemonSet":
            return Observation(is_current(found) and ready >= desired, counts)
        # A node that is not Ready has a step of its own, which says why.
        listed = objects.read(masters.kubectl(ctx, "get", "nodes", "-o", "json")) or {}
        able = sum(nodes.is_ready(node) for node in listed.get("items") or [])
        if not able:
            return Observation(False, "; ".join([f"no node is Ready, and {counts}", *_unready(listed)]))
        seen = f"{ready} of {min(desired, able)} pods of {workload} are ready"
        return Observation(is_current(found) and ready >= able, seen)


@dataclass(frozen=True)
class LeftOut(Permanent):
    """Addons that the plan does not have are not in the cluster: those of an earlier plan are removed."""

    plan: InstallPlan

    def observe(self, ctx: Context) -> Observation:
        found = [name for name in self.plan.addons.left_out if self._there(ctx, name)]
        return Observation(not found, f"the cluster has {', '.join(found)}" if found else "none of them is there")

    def apply(self, ctx: Context) -> None:
        for name in self.plan.addons.left_out:
            if self._there(ctx, name):
                ctx.log(f"removing {name}")
                if name == "ingress":
                    _remove_gateway(ctx, self.plan)
                text = manifests.addon(self.plan, name).text
                masters.kubectl(ctx, "delete", "--filename", "-", "--ignore-not-found", "--wait=false", stdin=text)
        ctx.wait_until("the addons to be gone", lambda: self._gone(ctx), every=2.0)

    def _gone(self, ctx: Context) -> tuple[bool | None, str]:
        seen = self.observe(ctx)
        return (True, seen.seen) if seen.holds else (None, seen.seen)

    def _there(self, ctx: Context, name: str) -> bool:
        wanted = manifests.addon(self.plan, name)
        return _last(wanted, present(ctx, wanted.text)) is not None


_CONDITIONS = {"Gateway": "Programmed", "Certificate": "Ready"}
"""By which of its conditions an object that runs no pods says that it works."""


def _by_condition(wanted: manifests.Addon, last: Mapping[str, Any]) -> Observation:
    """Whether the controller of the addon's last object says that it works."""
    conditions = {str(each.get("type")): each for each in (last.get("status") or {}).get("conditions") or []}
    found = conditions.get(_CONDITIONS[wanted.kind])
    if found is None:
        return Observation(False, f"nothing has looked at the {wanted.shown} yet")
    if found.get("status") == "True":
        return Observation(True, f"the {wanted.shown} works")
    why = ": ".join(filter(None, (found.get("reason"), found.get("message")))) or "it says no reason"
    return Observation(False, f"the {wanted.shown} doesn't work: {why}")


def _remove_gateway(ctx: Context, plan: InstallPlan) -> None:
    """Delete the Gateway of an earlier plan. Its kinds stay, and all that others have of them."""
    gateway = manifests.addon(plan, "gateway")
    known = not definitions.unknown(ctx, published("gateway-api").definitions)
    if known and _last(gateway, present(ctx, gateway.text)) is not None:
        masters.kubectl(ctx, "delete", "--filename", "-", "--ignore-not-found", "--wait=false", stdin=gateway.text)


def _unready(found: Mapping[str, Any]) -> list[str]:
    """Why the first node of a List is not Ready: the others mostly wait for the same."""
    return [f"{node['metadata']['name']}: {nodes.ready_message(node)}" for node in (found.get("items") or [])[:1]]


def present(ctx: Context, text: str) -> dict[Identity, Mapping[str, Any]]:
    """Those of the objects in manifests that the cluster has."""
    output = masters.kubectl(ctx, "get", "--filename", "-", "--ignore-not-found", "-o", "json", stdin=text)
    found = objects.read(output) or {}
    listed = (found.get("items") or []) if found.get("kind") == "List" else [found] if found else []
    return {identity_of(each): each for each in listed}


def _last(wanted: manifests.Addon, present: Mapping[Identity, Mapping[str, Any]]) -> Mapping[str, Any] | None:
    return present.get((wanted.kind, wanted.namespace, wanted.workload))


def _workloads(wanted: manifests.Addon) -> list[Identity]:
    """The objects of an addon that run its pods."""
    return [identity for identity in identities(wanted.text) if identity[0] in WORKLOADS]


@lru_cache(maxsize=64)
def identities(text: str) -> tuple[Identity, ...]:
    """The objects of manifests, which are read once: for all addons that takes a tenth of a second."""
    return tuple(identity_of(document) for document in documents(text))


def identity_of(found: Mapping[str, Any]) -> Identity:
    """Of an object, or of what a manifest says of it."""
    metadata = found.get("metadata") or {}
    return str(found.get("kind", "")), str(metadata.get("namespace", "")), str(metadata.get("name", ""))


def sum_of(found: Mapping[str, Any]) -> str:
    """The sum of the manifests that an addon's last object was applied with."""
    annotations = (found.get("metadata") or {}).get("annotations") or {}
    return str(annotations.get(manifests.SUM, ""))


def pods_of(found: Mapping[str, Any]) -> tuple[int, int]:
    """(pods that are ready and as applied, pods that there are to be) of one of WORKLOADS.

    Where its own update strategy keeps older pods (OnDelete, or a StatefulSet's partition), ready ones count.
    """
    status, spec = found.get("status") or {}, found.get("spec") or {}
    if found.get("kind") == "DaemonSet":
        ready, updated = status.get("numberReady"), status.get("updatedNumberScheduled")
        desired = status.get("desiredNumberScheduled")
    else:
        ready, updated = status.get("readyReplicas"), status.get("updatedReplicas")
        desired = spec.get("replicas")
    counted = int(ready or 0) if _keeps_older_pods(spec) else min(int(ready or 0), int(updated or 0))
    return counted, int(desired or 0)


def _keeps_older_pods(spec: Mapping[str, Any]) -> bool:
    strategy = spec.get("updateStrategy") or {}
    return strategy.get("type") == "OnDelete" or bool((strategy.get("rollingUpdate") or {}).get("partition"))


def is_current(found: Mapping[str, Any]) -> bool:
    """Whether the status that an object shows is of what was applied last, and not of what was before."""
    applied = (found.get("metadata") or {}).get("generation") or 0
    return int((found.get("status") or {}).get("observedGeneration") or applied) >= int(applied)
