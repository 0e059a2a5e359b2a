"""The cluster's own DNS: kubeadm starts all of it on the first master; here it moves apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from installer.cluster import masters, nodes, objects, pods
from installer.steps.step import Context, Observation, Permanent

_NAMESPACE = ("--namespace", "kube-system")


@dataclass(frozen=True)
class SpreadDNS(Permanent):
    """CoreDNS answers from more than one node, so that losing any one leaves the cluster its names.

    Its Deployment prefers nodes apart, but when kubeadm makes it there is only one; nothing moves pods that run.
    One pod is replaced at a time, so that another answers meanwhile and the new one keeps away from it: a restart of
    the whole Deployment can end with all of them together again.
    """

    def observe(self, ctx: Context) -> Observation:
        ready = ready_pods(_pods(ctx))
        return Observation(len(set(ready.values())) > 1, f"CoreDNS is ready on {_words(ready)}")

    def apply(self, ctx: Context) -> None:
        def probe() -> tuple[bool | None, str]:
            found = _pods(ctx)
            ready = ready_pods(found)
            if len(set(ready.values())) > 1:
                return True, "ready"
            if len(ready) > 1:
                masters.kubectl(ctx, "delete", "pod", min(ready), "--wait=false", *_NAMESPACE)
            reasons = pods.explained(ctx, found) or pods.reasons(ctx, _NAMESPACE[1], "coredns-")
            return None, "; ".join([f"ready on {_words(ready)}", *reasons])

        ctx.wait_until("CoreDNS to be ready on two nodes", probe, every=1.0)


def _pods(ctx: Context) -> Mapping[str, Any]:
    output = masters.kubectl(ctx, "get", "pods", "--selector", "k8s-app=kube-dns", *_NAMESPACE, "-o", "json")
    return objects.read(output) or {}


def ready_pods(found: Mapping[str, Any]) -> dict[str, str]:
    """The nodes of a List's pods that are ready and not about to go, by the pods' names."""
    return {
        name: node
        for pod in found.get("items", ())
        if nodes.is_ready(pod)
        and not pod.get("metadata", {}).get("deletionTimestamp")
        and (name := pod.get("metadata", {}).get("name"))
        and (node := pod.get("spec", {}).get("nodeName"))
    }


def _words(ready: Mapping[str, str]) -> str:
    return ", ".join(sorted(set(ready.values()))) or "no node"
