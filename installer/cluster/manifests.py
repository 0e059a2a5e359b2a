"""The manifests of addons, rendered from a plan."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from installer.artifacts.catalogue import pause_image
from installer.artifacts.container_images import flannel_images
from installer.cluster.templates import render
from installer.plan.model import InstallPlan

SUM = "craton/sum"
"""The annotation by which a DaemonSet says what it was applied with."""


@dataclass(frozen=True, slots=True)
class Addon:
    """`text` is what kubectl applies, `daemon_set` in `namespace` what runs on the nodes, and has `sum` at SUM."""

    name: str
    namespace: str
    daemon_set: str
    text: str
    sum: str


def addon(plan: InstallPlan, name: str) -> Addon:
    """The addon `overlay`, or on stand-ins `ingress`. Raises KeyError if there is none of that name."""
    return {"overlay": _overlay, "ingress": _ingress}[name](plan)


def manifests(plan: InstallPlan, name: str) -> str:
    """The text of an addon's manifests. Raises KeyError as `addon` does."""
    return addon(plan, name).text


def _overlay(plan: InstallPlan) -> Addon:
    flannel, plugin = flannel_images(plan)
    values = {"pods": str(plan.networks.pods), "flannel_image": flannel, "plugin_image": plugin}
    return _rendered("overlay", "kube-flannel", "kube-flannel-ds", "manifests/flannel.yaml", values)


def _ingress(plan: InstallPlan) -> Addon:
    return _rendered("ingress", "ingress", "ingress", "manifests/ingress.yaml", {"pause_image": pause_image(plan)})


def _rendered(name: str, namespace: str, daemon_set: str, path: str, values: dict[str, str]) -> Addon:
    sum = hashlib.sha256(render(path, sum="", **values).encode()).hexdigest()
    return Addon(name, namespace, daemon_set, render(path, sum=sum, **values), sum)
