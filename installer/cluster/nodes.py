"""Node objects: Ready, role labels and taints as the contract has them, and what keeps a node from being Ready."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from installer.cluster import drain, masters, objects, overview, pods
from installer.node.program import run_program
from installer.plan.rules import RULES, Kind
from installer.plan.topology import INFRA_LABEL, MASTER_TAINT, Machine
from installer.steps.step import Context, Observation, Permanent

ROLE_LABELS = frozenset(
    label.partition("=")[0]
    for label in (INFRA_LABEL, *(rule.value for rule in RULES.values() if rule.kind is Kind.LABEL))
)
OUR_TAINTS = frozenset({rule.value for rule in RULES.values() if rule.kind is Kind.TAINT} | {MASTER_TAINT})
_UNINITIALISED = "node.cloudprovider.kubernetes.io/uninitialized"
"""The taint of a kubelet with `--cloud-provider=external`, until the controller removes it."""
_NODE = "node"
"""What a node's object is kept as while its step goes on."""
_IN_ORDER = Observation(True, "Ready, with labels and taints")
_LISTED = 5.0
"""Seconds for which a list of all nodes' names is used."""
_LOOKING = 5.0
"""Seconds between two looks at the pods of a node that is not Ready."""


@dataclass(frozen=True)
class Roles(Permanent):
    """Wait until the node is Ready; then its role labels (M13, M14, W9) and taints (I4), and no other role's.

    With the administrator's credentials, because the kubelet may not set labels in node-role.kubernetes.io itself.
    """

    machine: Machine

    def observe(self, ctx: Context) -> Observation:
        name = self.machine.name
        listed = overview.node(ctx, name)
        if listed is not None and not self._changes(listed):
            return _IN_ORDER
        node = node_of(ctx, name)
        if node is None:
            return Observation(False, "the node is not registered")
        ctx.world.answers.keep(name, _NODE, node)
        changes = self._changes(node)
        return Observation(False, f"to do: {', '.join(changes)}") if changes else _IN_ORDER

    def _changes(self, node: Mapping[str, Any]) -> list[str]:
        """What isn't as planned, in words."""
        changes = [*label_changes(node, self.machine), *taint_changes(node, self.machine)]
        changes += [] if is_ready(node) else ["Ready"]
        changes += [] if is_initialised(node) else ["initialised by the cloud's controller"]
        changes += ["uncordon"] if drain.is_marked(node) else []
        return changes

    def apply(self, ctx: Context) -> None:
        look = _Look(ctx, self.machine.name)
        node = ctx.wait_until(f"node {self.machine.name} to be Ready", look, every=1.0)
        for verb, changes in (
            ("label", label_changes(node, self.machine)),
            ("taint", taint_changes(node, self.machine)),
        ):
            if changes:
                change(ctx, verb, self.machine.name, changes)
        if drain.is_marked(node):  # by a removal that was given up
            drain.uncordon(ctx, self.machine.name)


class _Look:
    """Looks at a node that is to become Ready; says what keeps it from that."""

    def __init__(self, ctx: Context, name: str) -> None:
        self._ctx, self._name = ctx, name
        self._troubles = ""
        self._next = time.monotonic() + _LOOKING
        self._known = ctx.world.answers.of_this_moment(name, _NODE)
        """What `observe` has just seen of it: the first look."""

    def __call__(self) -> tuple[dict[str, Any] | None, str]:
        node, self._known = self._known or node_of(self._ctx, self._name), None
        if node is not None and is_ready(node) and is_initialised(node):
            return node, "Ready"
        if time.monotonic() >= self._next:
            self._troubles = "; ".join(self._deeper(node))
            self._next = time.monotonic() + _LOOKING
        seen = "not registered" if node is None else _message(node)
        return None, f"{seen}; {self._troubles}" if self._troubles else seen

    def _deeper(self, node: Mapping[str, Any] | None) -> Iterator[str]:
        if node is not None:
            if is_ready(node) and (cloud := self._ctx.world.plan.integration):
                yield from pods.reasons(self._ctx, "kube-system", cloud.controller.workload)
                return
            yield from pods.troubles_on(self._ctx, self._name)
            return
        kubelet = masters.condition(self._ctx, self._name).kubelet
        if kubelet != masters.OK:
            yield f"its kubelet: {kubelet or 'no answer'}"


def node_of(ctx: Context, name: str) -> dict[str, Any] | None:
    """The Node object, or None if there is none. Raises InstallerError."""

    def look(names: Sequence[str]) -> Mapping[str, dict[str, Any] | None]:
        found = objects.read(masters.kubectl(ctx, "get", "node", *names, "--ignore-not-found", "-o", "json")) or {}
        if len(names) == 1:
            return {names[0]: found or None}
        by_name = {node.get("metadata", {}).get("name"): node for node in found.get("items") or []}
        return {name: by_name.get(name) for name in names}

    return ctx.world.together.do("look at nodes", name, look, ctx.remaining())


def change(ctx: Context, verb: str, name: str, changes: Sequence[str]) -> None:
    """Change a node's labels or taints, and those of all nodes that are to be changed in the same way just now."""

    def change_all(names: Sequence[str]) -> Mapping[str, None]:
        masters.kubectl(ctx, verb, "node", *names, *changes, "--overwrite")
        return dict.fromkeys(names)

    ctx.world.together.do(" ".join((verb, *changes)), name, change_all, ctx.remaining())


def remove(ctx: Context, master: str, name: str) -> None:
    """Delete the Node object of a machine that is no member any more, through `master`; none is no error."""
    output = run_program(ctx, master, "kubectl", "delete", "node", name, "--ignore-not-found", secret=True)
    if output.strip():
        ctx.log(f"deleted the old Node object {name}")


def remove_listed(ctx: Context, master: str, name: str) -> None:
    """As `remove`, for a machine on which no join has begun: all that join at once share one list of Node objects.

    None but its own kubelet makes a Node object, so that of such a machine is in the list, or there is none.
    """

    def names() -> frozenset[str]:
        return frozenset(run_program(ctx, master, "kubectl", "get", "nodes", "-o", "name", secret=True).split())

    listed = ctx.world.answers.lately("names of nodes", names, _LISTED, ctx.remaining())
    if listed is None or f"node/{name}" in listed:
        remove(ctx, master, name)


def is_ready(node: Mapping[str, Any]) -> bool:
    return _ready_condition(node).get("status") == "True"


def born(node: Mapping[str, Any]) -> float:
    """When the Node object was made, in whole seconds since 1970; endlessly late if it doesn't say."""
    try:
        return datetime.fromisoformat(node["metadata"]["creationTimestamp"]).timestamp()
    except (KeyError, ValueError):
        return math.inf


def is_initialised(node: Mapping[str, Any]) -> bool:
    """Whether no cloud's controller has yet to look at the node: until then no pod may run there."""
    taints = node.get("spec", {}).get("taints") or []
    return all(taint.get("key") != _UNINITIALISED for taint in taints)


def _message(node: Mapping[str, Any]) -> str:
    return ready_message(node) if not is_ready(node) else "Ready; the cloud's controller hasn't initialised it yet"


def ready_message(node: Mapping[str, Any]) -> str:
    """Why the node is not Ready, in its kubelet's own words."""
    condition = _ready_condition(node)
    unknown = "its kubelet hasn't reported yet"
    return f"NotReady: {condition.get('message') or condition.get('reason') or unknown}"


def _ready_condition(node: Mapping[str, Any]) -> Mapping[str, Any]:
    conditions = node.get("status", {}).get("conditions") or []
    return next((condition for condition in conditions if condition.get("type") == "Ready"), {})


def label_changes(node: Mapping[str, Any], machine: Machine) -> list[str]:
    """kubectl's words (`key=value`, or `key-` to remove) that bring the contract's labels to what is planned."""
    present = node.get("metadata", {}).get("labels") or {}
    wanted = dict(label.partition("=")[::2] for label in machine.labels)
    surplus = [f"{key}-" for key in sorted(ROLE_LABELS) if key in present and key not in wanted]
    return [f"{key}={value}" for key, value in wanted.items() if present.get(key) != value] + surplus


def taint_changes(node: Mapping[str, Any], machine: Machine) -> list[str]:
    """kubectl's words (`key=value:effect`, or `key:effect-` to remove) that bring our taints to what is planned."""
    present = {
        f"{taint.get('key', '')}={taint.get('value', '')}:{taint.get('effect', '')}"
        for taint in node.get("spec", {}).get("taints") or []
    }
    surplus = [taint.replace("=:", ":") + "-" for taint in sorted(OUR_TAINTS & present - set(machine.taints))]
    return [taint for taint in machine.taints if taint not in present] + surplus
