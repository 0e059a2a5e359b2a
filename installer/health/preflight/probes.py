"""What preflight asks machines: every probe as a value. The head of each script says what it prints."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from installer.health.preflight.needed import RIGHT, needed
from installer.health.probing import api_host, asset
from installer.steps.evidence import Probe

if TYPE_CHECKING:
    from installer.plan.topology import Machine, Topology

DOWNLOADS = "dl.k8s.io"
"""Where machines download from unless the plan names a mirror."""

REQUIRED_OPTIONS = (
    "NAMESPACES", "NET_NS", "PID_NS", "IPC_NS", "UTS_NS", "CGROUPS", "CGROUP_FREEZER", "CGROUP_PIDS", "CGROUP_SCHED",
    "CPUSETS", "MEMCG", "INET", "EXT4_FS", "PROC_FS", "NETFILTER_XT_TARGET_REDIRECT", "NETFILTER_XT_MATCH_COMMENT",
    "FAIR_GROUP_SCHED", "OVERLAY_FS", "BRIDGE_NETFILTER", "VXLAN", "NF_CONNTRACK",
)  # fmt: skip
"""Kernel options without which kubeadm's SystemVerification, containerd or flannel fails."""
REQUIRED_OF_VERSION = {1: ("CGROUP_CPUACCT", "CGROUP_DEVICE"), 2: ("CGROUP_BPF",)}
"""Those that a version of control groups needs besides."""
OPTIONAL_OPTIONS = ("CFS_BANDWIDTH", "CGROUP_HUGETLB", "SECCOMP", "SECCOMP_FILTER")
"""Kernel options without which limits or isolation are incomplete."""
MODULE_OPTIONS = {
    "overlay": "OVERLAY_FS",
    "br_netfilter": "BRIDGE_NETFILTER",
    "vxlan": "VXLAN",
    "nf_conntrack": "NF_CONNTRACK",
    "xt_comment": "NETFILTER_XT_MATCH_COMMENT",
    "xt_conntrack": "NETFILTER_XT_MATCH_CONNTRACK",
    "xt_mark": "NETFILTER_XT_MARK",
    "xt_statistic": "NETFILTER_XT_MATCH_STATISTIC",
    "xt_addrtype": "NETFILTER_XT_MATCH_ADDRTYPE",
}
"""Kernel modules that a node needs, and the option that builds each."""


def _script(name: str, seconds: int = 10) -> Probe:
    return Probe(name, lambda _machine, _topology: asset(f"preflight/{name}.sh"), seconds=seconds, quick=True)


def _with_arguments(arguments: tuple[str, ...], name: str) -> str:
    return f"set -- {' '.join(shlex.quote(argument) for argument in arguments)}\n{asset(f'preflight/{name}.sh')}"


def _kernel_config(_machine: Machine, _topology: Topology) -> str:
    options = (*REQUIRED_OPTIONS, *OPTIONAL_OPTIONS, *MODULE_OPTIONS.values())
    wanted = dict.fromkeys((*options, "IP_NF_TARGET_REDIRECT", *(o for of in REQUIRED_OF_VERSION.values() for o in of)))
    return _with_arguments(tuple(wanted), "kernel-config")


def _sockets(machine: Machine, topology: Topology) -> str:
    ranges = (f"{one.first}-{one.last}" for one in needed(machine, topology) if RIGHT.get(one.first, ()) is not None)
    return _with_arguments(tuple(dict.fromkeys(ranges)), "sockets")


def _resolver(_machine: Machine, topology: Topology) -> str:
    return _with_arguments((api_host(topology), DOWNLOADS), "resolver")


SYSTEM = _script("system")
STORAGE = _script("storage")
NETWORK = _script("network")
SOCKETS = Probe("sockets", _sockets, quick=True)
FIREWALL = _script("firewall", seconds=15)
KERNEL = _script("kernel")
KERNEL_CONFIG = Probe("kernel-config", _kernel_config, quick=True)
RESOLVER = Probe("resolver", _resolver, seconds=12, quick=True)
PROGRAMS = _script("programs")
SOFTWARE = _script("software", seconds=25)
LEFTOVERS = _script("leftovers")
PROXY = _script("proxy")
