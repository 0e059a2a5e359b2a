"""The stages of the verbs of `craton-node`, as a stand-in plays them: titles, mean durations, and what is said."""

from __future__ import annotations

from collections.abc import Sequence

from installer.platforms.rehearsal.simulator.command import Stage

KERNEL_MODULES, SYSCTLS, SWAP_OFF, CONTAINERD = "kernel modules", "kernel settings", "swap off", "containerd"
WAYS = "ways to the API"
"""Titles of stages of `prepare` whose effects the health checks see."""


def prepare(version: str, *, proxied: bool, virtual: bool) -> tuple[Stage, ...]:
    """`proxied`: the machine has a proxy of its own to the API. `virtual`: it shares an address of it with others."""
    ways = [unit for unit, there in (("api-proxy", proxied), ("virtual-address", virtual)) if there]
    return (
        Stage("system", 0.1, ("Debian GNU/Linux 13 (trixie), amd64",)),
        Stage("packages", 1.0, ("install conntrack ethtool socat",)),
        Stage(WAYS, 0.2, tuple(f"start craton-{unit}.service" for unit in ways)),
        Stage("names", 0.1, ("edit /etc/hosts",)),
        Stage(KERNEL_MODULES, 0.4, ("modprobe overlay", "modprobe br_netfilter", "modprobe vxlan")),
        Stage(SYSCTLS, 0.2, ("net.ipv4.ip_forward = 1", "net.bridge.bridge-nf-call-iptables = 1")),
        Stage(SWAP_OFF, 0.3, ("edit /etc/fstab", "swapoff /swap.img")),
        Stage(
            CONTAINERD,
            3.0,
            ("containerd: its SHA-256 sum matches", "runc: its SHA-256 sum matches", "start containerd.service"),
        ),
        Stage("CNI plugins", 1.2, ("cni-plugins: its SHA-256 sum matches", "installed cni-plugins")),
        Stage("crictl", 0.8, ("crictl: its SHA-256 sum matches", "installed crictl")),
        Stage(
            "kubeadm and kubelet",
            3.4,
            (f"download kubeadm {version}", f"download kubelet {version}", "kubelet: its SHA-256 sum matches"),
        ),
        Stage("kubelet service", 0.3, ("enable kubelet.service",)),
        Stage("container images", 0.2),
    )


INIT = (
    Stage("preflight", 0.8, ("[preflight] Running pre-flight checks",)),
    Stage(
        "certificates",
        1.0,
        ('[certs] Generating "ca" certificate and key', '[certs] Generating "apiserver" certificate and key'),
    ),
    Stage("kubeconfig files", 0.5, ('[kubeconfig] Writing "admin.conf" kubeconfig file',)),
    Stage("etcd", 1.2, ("[etcd] Creating static Pod manifest for local etcd",)),
    Stage(
        "control plane",
        3.0,
        (
            '[control-plane] Creating static Pod manifest for "kube-apiserver"',
            "[control-plane-check] kube-apiserver is healthy",
        ),
    ),
    Stage("configuration", 0.6, ("[upload-config] Storing the configuration used in ConfigMap kubeadm-config",)),
    Stage("taints", 0.3, ("[mark-control-plane] Marking the node as control-plane",)),
    Stage("bootstrap tokens", 0.6, ("[bootstrap-token] Configured RBAC rules",)),
)

JOIN_MASTER = (
    Stage("preflight", 0.6, ("[preflight] Reading configuration from the cluster",)),
    Stage("certificates", 1.0, ("[download-certs] Downloading the certificates",)),
    Stage("kubelet", 1.0, ("[kubelet-start] Starting the kubelet",)),
    Stage(
        "etcd member",
        1.6,
        ("[etcd] Announced new etcd member joining", "[etcd] Waiting for it to be in sync"),
        learning=True,
    ),
    Stage(
        "control plane",
        1.8,
        ("[control-plane] Creating static Pod manifests", "[control-plane-check] kube-apiserver is healthy"),
    ),
)

JOIN_NODE = (
    Stage("preflight", 0.6, ("[preflight] Reading configuration from the cluster",)),
    Stage("kubelet configuration", 0.7, ('[kubelet-start] Writing "/var/lib/kubelet/config.yaml"',)),
    Stage("TLS bootstrap", 1.7, ("[kubelet-start] Starting the kubelet", "the kubelet has its certificate")),
)

UPGRADE_MASTER = (
    Stage("kubeadm", 1.0, ("kubeadm: its SHA-256 sum matches",)),
    Stage("preflight", 0.4, ("[upgrade/preflight] Running pre-flight checks",)),
    Stage(
        "control plane",
        4.0,
        ('[upgrade/staticpods] Preparing for "etcd" upgrade', "[upgrade/staticpods] kube-apiserver is healthy"),
    ),
    Stage("kubelet configuration", 0.3, ('[kubelet-start] Writing "/var/lib/kubelet/config.yaml"',)),
)
UPGRADE_APPLY = (
    *UPGRADE_MASTER,
    Stage("addons", 0.8, ("[addons] Applied essential addon: CoreDNS", "[addons] Applied essential addon: kube-proxy")),
)
UPGRADE_NODE = (UPGRADE_MASTER[0], UPGRADE_MASTER[1], UPGRADE_MASTER[3])

RENEW_CONTROL_PLANE = (
    Stage("certificates", 0.5, ("certificate for serving the Kubernetes API renewed",)),
    Stage("restart etcd", 1.5),
    Stage("restart kube-apiserver", 3.0),
    Stage("restart kube-controller-manager", 1.0),
    Stage("restart kube-scheduler", 1.0),
)
RENEW_KUBELET = (Stage("restart the kubelet", 1.0),)


def addon(name: str, applied: Sequence[str]) -> tuple[Stage, ...]:
    """`applied`: the objects, as kubectl names them."""
    return (Stage(f"manifests of {name}", 2.0, tuple(f"{what} serverside-applied" for what in applied)),)


def addon_phase(name: str) -> str:
    """The phase of the install to which an addon belongs."""
    early = name in ("overlay", "node-ports") or name.endswith("-cloud-controller")
    return "control-plane" if early else "ingress"
