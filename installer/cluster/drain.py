"""Draining: pods leave a node before its machine leaves or changes, as far as their disruption budgets let them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from installer.cluster import masters
from installer.common.errors import InstallerError
from installer.node.program import run_program
from installer.plan.topology import MASTER_TAINT, Machine, Topology
from installer.ssh.connection import Result
from installer.steps.step import Context

MARK = "craton/cordoned"
"""Label of nodes that Craton cordoned and will uncordon; a node that somebody else cordoned stays so."""

_SPARE = 15.0
"""Seconds of the step's deadline that kubectl leaves, to say which pods it waits for."""
_BUDGET = re.compile(r'pods/"(?P<pod>[^"]+)" -n "(?P<namespace>[^"]+)".*disruption budget')
_BARE = re.compile(r"declare no controller[^:]*: (?P<pods>[^:\n]+?)(?:, continuing command\.\.\.)?$", re.MULTILINE)
_PENDING = re.compile(r'error when (?:waiting for|evicting) pods?[ /]"(?P<pod>[^"]+)"')
_SHOWN = 6


def is_cordoned(node: Mapping[str, Any]) -> bool:
    return node.get("spec", {}).get("unschedulable") is True


def is_marked(node: Mapping[str, Any]) -> bool:
    """Whether it was Craton that cordoned the node."""
    return MARK in (node.get("metadata", {}).get("labels") or {})


def is_drained(topology: Topology, machine: Machine) -> bool:
    """Whether a machine is drained before its kubelet changes: where its pods have another of its role to go to.

    Masters without user workloads are not: what runs there runs on each of them. What has nowhere to go stays, since
    a kubelet that restarts ends no container.
    """
    return MASTER_TAINT not in machine.taints and len(topology.of_role(machine.role)) > 1


def drain(ctx: Context, node: Mapping[str, Any], *, master: str, force: bool = False, within: float = math.inf) -> None:
    """Cordon the node and evict its pods through `master`, for `within` seconds or until shortly before the
    step's deadline.

    With `force` pods go, too, that nothing will start elsewhere. Raises InstallerError naming the pods that stay; then
    pods may land on the node again.
    """
    machine = str(node["metadata"]["name"])
    ours = is_marked(node) or not is_cordoned(node)
    if ours:  # said before it is done: whoever goes on knows whose it is
        run_program(ctx, master, "kubectl", "label", "node", machine, f"{MARK}=yes", "--overwrite")
    options = [
        f"--timeout={max(5, int(min(within, ctx.remaining()) - _SPARE))}s",
        "--ignore-daemonsets",
        "--delete-emptydir-data",
    ]
    options += ["--force", "--skip-wait-for-delete-timeout=60"] if force else []

    def explain(result: Result) -> InstallerError | None:
        return explained(machine, result)

    try:
        run_program(ctx, master, "kubectl", "drain", machine, *options, explain=explain)
    except InstallerError:
        if ours:
            with suppress(InstallerError):
                uncordon(ctx, machine)
        raise


def explained(machine: str, result: Result) -> InstallerError | None:
    """What the output of a drain that failed means; None where it names no pods."""
    text = f"{result.stdout}\n{result.stderr}"
    budgets = [f"{found['namespace']}/{found['pod']}" for found in _BUDGET.finditer(text)]
    if budgets:
        return _stay(
            machine,
            f"a PodDisruptionBudget keeps {_some(budgets)} there",
            "start more replicas of them elsewhere, or change the budget (kubectl get pdb -A), then resume",
        )
    if bare := _BARE.search(text):
        pods = [pod.strip() for pod in bare["pods"].split(",")]
        return _stay(
            machine,
            f"no controller would start {_some(pods)} again elsewhere",
            "move or delete them yourself (kubectl delete pod), then resume",
        )
    if pending := [found["pod"] for found in _PENDING.finditer(text)]:
        return _stay(
            machine,
            f"{_some(pending)} did not end in time",
            "see what the pods wait for (kubectl describe), then resume",
        )
    return None


def uncordon(ctx: Context, *machines: str) -> None:
    """Let pods land again on nodes that Craton cordoned."""
    masters.kubectl(ctx, "uncordon", *machines)
    masters.kubectl(ctx, "label", "node", *machines, f"{MARK}-")


def _stay(machine: str, observed: str, hint: str) -> InstallerError:
    return InstallerError("drain the node", observed, machine=machine, hint=hint)


def _some(pods: list[str]) -> str:
    names = list(dict.fromkeys(pods))
    rest = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + rest
