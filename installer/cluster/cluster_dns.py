"""The cluster's own DNS: kubeadm starts all of it on the first master; here it moves apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from installer.cluster import masters, nodes
from installer.step import Context, Observation, Permanent

_NAMESPACE = ("--namespace", "kube-system")


@dataclass(frozen=True)
class SpreadDNS(Permanent):
    """CoreDNS answers from more than one node, so that losing any one leaves the cluster its names.

    Its Deployment prefers nodes apart, but when kubeadm makes it there is only one; nothing moves pods that run.
    """

    def observe(self, ctx: Context) -> Observation:
        found = _nodes(ctx)
        return Observation(len(found) > 1, f"CoreDNS is ready on {', '.join(sorted(found)) or 'no node'}")

    def apply(self, ctx: Context) -> None:
        masters.kubectl(ctx, "rollout", "restart", "deployment/coredns", *_NAMESPACE)

        def probe() -> tuple[bool | None, str]:
            found = _nodes(ctx)
            return True if len(found) > 1 else None, f"ready on {', '.join(sorted(found)) or 'no node'}"

        ctx.wait_until("CoreDNS to be ready on two nodes", probe, every=2.0)


def _nodes(ctx: Context) -> frozenset[str]:
    said = masters.kubectl(ctx, "get", "pods", "--selector", "k8s-app=kube-dns", *_NAMESPACE, "-o", "json")
    return ready_on(nodes.object_of(said) or {})


def ready_on(found: Mapping[str, Any]) -> frozenset[str]:
    """Nodes on which a pod of a List is ready, and not about to go."""
    return frozenset(
        pod["spec"]["nodeName"]
        for pod in found.get("items") or []
        if nodes.is_ready(pod) and not pod["metadata"].get("deletionTimestamp") and pod["spec"].get("nodeName")
    )
