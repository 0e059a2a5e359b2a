"""The manifests of addons, rendered from a plan."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from installer.artifacts.addon_images import addon_images, pinned
from installer.artifacts.container_images import flannel_images
from installer.cluster import acme, identity
from installer.cluster.templates import render
from installer.plan.model import InstallPlan

_INGRESS_ADDRESS = 20
"""Of the service network, counted from its start: below what services get automatically, next to DNS at 10."""
SUM = "craton/sum"
"""The annotation by which an addon's last object says what it was applied with."""


@dataclass(frozen=True, slots=True)
class Addon:
    """`text` is what kubectl applies. The last of its objects has `sum` at SUM, so all before it are applied, too.

    `kind` and `workload` name that object, which runs the pods; a Service runs none, and a Gateway says itself whether
    it works.
    """

    name: str
    namespace: str
    kind: str
    workload: str
    text: str
    sum: str

    @property
    def shown(self) -> str:
        """The last object, for people."""
        return f"{self.kind} {self.workload}"


@dataclass(frozen=True, slots=True)
class _Recipe:
    """What an addon is made of: templates below `assets/manifests`, which get `values` and the names of its images."""

    namespace: str
    kind: Callable[[InstallPlan], str]
    workload: str
    templates: Callable[[InstallPlan], tuple[str, ...]]
    values: Callable[[InstallPlan], Mapping[str, object]]


def addon(plan: InstallPlan, name: str) -> Addon:
    """The addon of this name, whether the plan has it or not. Raises KeyError if there is none."""
    recipe = _RECIPES.get(name) or _of_cloud(plan, name)
    values: dict[str, object] = {
        image.replace("-", "_"): pinned(plan, full) for image, full in addon_images(plan, name).items()
    }
    values |= {"namespace": recipe.namespace, "replicas": _replicas(plan, name), "console_host": plan.console_host}
    values["service_address"] = str(plan.networks.services[_INGRESS_ADDRESS])
    values |= recipe.values(plan)

    def text(sum: str) -> str:
        return "---\n".join(render(f"manifests/{path}", **values, sum=sum) for path in recipe.templates(plan))

    sum = hashlib.sha256(text("").encode()).hexdigest()
    return Addon(name, recipe.namespace, recipe.kind(plan), recipe.workload, text(sum), sum)


def _of_cloud(plan: InstallPlan, name: str) -> _Recipe:
    """What the platform's own addon is made of. Raises KeyError if the plan has none of this name."""
    found = plan.integration
    addons = {one.name: one for one in (found.controller, found.volumes)} if found else {}
    one = addons[name]
    return _Recipe(
        "kube-system",
        lambda _: one.kind,
        one.workload,
        lambda _: one.templates,
        lambda plan: found.values(plan, plan.settings) if found else {},
    )


def manifests(plan: InstallPlan, name: str) -> str:
    """The text of an addon's manifests. Raises KeyError as `addon` does."""
    return addon(plan, name).text


def _replicas(plan: InstallPlan, name: str) -> int:
    """Two where two nodes can take them, so that the loss of one leaves the other."""
    of_masters = name == "metrics-server" or name not in _RECIPES  # only masters may call a cloud's API
    masters = plan.masters if of_masters or plan.schedulable_masters else 0
    workers = 0 if of_masters else plan.workers
    return min(2, masters + workers)


def _providers(plan: InstallPlan) -> Mapping[str, object]:
    """What Traefik reads its routes from."""
    ingresses = {"ingressClass": "traefik", "ingressEndpoint": {"hostname": plan.console_host}}
    found: dict[str, object] = {"file": {"filename": "/etc/traefik/tls.yaml", "watch": False}}
    found["kubernetesIngress"] = ingresses
    if plan.addons.gateway:
        found["kubernetesGateway"] = {"statusAddress": {"hostname": plan.console_host}}
    return found


def _infra(plan: InstallPlan) -> bool:
    return plan.ingress.kind == "infra"


def _host_ports(plan: InstallPlan) -> bool:
    """Traefik has ports 443 and 80 of its nodes: infra nodes, or masters where a balancer changes no port."""
    return _infra(plan) or plan.traits.passthrough


def _ingress(plan: InstallPlan) -> tuple[str, ...]:
    """The templates of the ingress controller."""
    common = ("namespace.yaml", *(["gateway-access.yaml"] if plan.addons.gateway else []), "ingress.yaml")
    if not _host_ports(plan):
        return *common, "ingress-balancer.yaml"
    return *common, *(["ingress-infra.yaml"] if _infra(plan) else []), "ingress-host-ports.yaml"


def _overlay(plan: InstallPlan) -> Mapping[str, object]:
    flannel, plugin = flannel_images(plan)
    return {"pods": str(plan.networks.pods), "flannel_image": flannel, "plugin_image": plugin}


_RECIPES: Mapping[str, _Recipe] = {
    "overlay": _Recipe(
        "kube-flannel", lambda _: "DaemonSet", "kube-flannel-ds", lambda _: ("flannel.yaml",), _overlay
    ),
    "node-ports": _Recipe(
        "craton-ingress",
        lambda _: "Service",
        "traefik",
        lambda _: ("namespace.yaml", "node-ports.yaml"),
        lambda plan: {"pod_security": "privileged" if _host_ports(plan) else "restricted"},
    ),
    "ingress": _Recipe(
        "craton-ingress",
        lambda plan: "DaemonSet" if _host_ports(plan) else "Deployment",
        "traefik",
        _ingress,
        lambda plan: {
            "pod_security": "privileged" if _host_ports(plan) else "restricted",
            "node_label": f"node-role.kubernetes.io/{'infra' if _infra(plan) else 'control-plane'}",
            "providers": _providers(plan),
        },
    ),
    "gateway": _Recipe(
        "craton-ingress",
        lambda _: "Gateway",
        "traefik",
        lambda _: ("gateway-access.yaml", "gateway.yaml"),  # the first is Traefik's, too, and goes with the Gateway
        lambda _: {},
    ),
    "acme": _Recipe(
        "craton-ingress",
        lambda _: "Certificate",
        "console",
        lambda _: ("acme.yaml",),
        lambda plan: {"acme": acme.configuration(plan)},
    ),
    "node-exporter": _Recipe(
        "craton-monitoring",
        lambda _: "DaemonSet",
        "node-exporter",
        lambda _: ("namespace.yaml", "node-exporter.yaml"),
        lambda _: {"pod_security": "privileged"},
    ),
    "sign-in": _Recipe(
        "craton-sign-in",
        lambda _: "Deployment",
        "dex",
        lambda _: ("namespace.yaml", "sign-in.yaml"),
        lambda plan: {
            "pod_security": "restricted",
            "administrators": identity.administrators(plan),
            "editors": identity.subjects(plan.sign_in.editors),
            "viewers": identity.subjects(plan.sign_in.viewers),
        },
    ),
    "console": _Recipe(
        "craton-console",
        lambda _: "Deployment",
        "headlamp",
        lambda _: ("namespace.yaml", "console.yaml"),
        lambda plan: {"pod_security": "restricted", "environment": identity.console_environment(plan)},
    ),
    "metrics-server": _Recipe(
        "kube-system", lambda _: "Deployment", "metrics-server", lambda _: ("metrics-server.yaml",), lambda _: {}
    ),
}  # fmt: skip
