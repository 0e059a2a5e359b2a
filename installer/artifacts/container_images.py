"""The container images that a cluster runs."""

from __future__ import annotations

from installer.artifacts.addon_images import images_of_addons
from installer.artifacts.catalogue import pause_image, versions
from installer.plan.model import InstallPlan
from installer.plan.rules import Role

_OF_THE_RELEASE = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy")


def images(plan: InstallPlan) -> tuple[str, ...]:
    """Every image, by its full name: what kubeadm lists for the plan's release, flannel's, and those of its addons."""
    return (*_of_cluster(plan), *images_of_addons(plan))


def _of_cluster(plan: InstallPlan) -> tuple[str, ...]:
    """As `kubeadm config images list` of the release says, and flannel's."""
    chosen = versions(plan)
    return (
        *(f"registry.k8s.io/{name}:{plan.kubernetes}" for name in _OF_THE_RELEASE),
        f"registry.k8s.io/coredns/coredns:{chosen['coredns']}",
        pause_image(plan),
        f"registry.k8s.io/etcd:{chosen['etcd']}",
        *flannel_images(plan),
    )


def images_of(plan: InstallPlan, role: Role) -> tuple[str, ...]:
    """The images with which a machine of this role joins: no addon's, and outside masters no control plane's."""
    if role is Role.MASTER:
        return _of_cluster(plan)
    control_plane = ("/kube-apiserver:", "/kube-controller-manager:", "/kube-scheduler:", "/etcd:")
    return tuple(name for name in _of_cluster(plan) if not any(part in name for part in control_plane))


def flannel_images(plan: InstallPlan) -> tuple[str, str]:
    """Those of flannel and of its CNI plugin."""
    chosen = versions(plan)
    return (
        f"ghcr.io/flannel-io/flannel:{chosen['flannel']}",
        f"ghcr.io/flannel-io/flannel-cni-plugin:{chosen['flannel-cni-plugin']}",
    )
