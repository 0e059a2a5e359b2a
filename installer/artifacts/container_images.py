"""The container images that a cluster runs."""

from __future__ import annotations

from installer.artifacts.catalogue import pause_image, versions
from installer.plan.model import InstallPlan
from installer.plan.rules import Role

_OF_THE_RELEASE = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy")


def images(plan: InstallPlan) -> tuple[str, ...]:
    """Every image, by its full name: what `kubeadm config images list` of the plan's release says, and flannel's."""
    chosen = versions(plan)
    return (
        *(f"registry.k8s.io/{name}:{plan.kubernetes}" for name in _OF_THE_RELEASE),
        f"registry.k8s.io/coredns/coredns:{chosen['coredns']}",
        pause_image(plan),
        f"registry.k8s.io/etcd:{chosen['etcd']}",
        *flannel_images(plan),
    )


def images_of(plan: InstallPlan, role: Role) -> tuple[str, ...]:
    """The images that a machine of this role may run: all of them on masters, elsewhere none of the control plane."""
    if role is Role.MASTER:
        return images(plan)
    control_plane = ("/kube-apiserver:", "/kube-controller-manager:", "/kube-scheduler:", "/etcd:")
    return tuple(name for name in images(plan) if not any(part in name for part in control_plane))


def flannel_images(plan: InstallPlan) -> tuple[str, str]:
    """Those of flannel and of its CNI plugin."""
    chosen = versions(plan)
    return (
        f"ghcr.io/flannel-io/flannel:{chosen['flannel']}",
        f"ghcr.io/flannel-io/flannel-cni-plugin:{chosen['flannel-cni-plugin']}",
    )
