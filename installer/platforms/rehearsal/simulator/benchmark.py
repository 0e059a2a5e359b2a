"""What a stand-in answers to the probes of the benchmark: what kubeadm makes of the configuration that it was sent."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

from installer.plan.rules import Role
from installer.platforms.rehearsal.records import MachineRecord
from installer.platforms.rehearsal.simulator.certificates import KEPT
from installer.platforms.rehearsal.simulator.command import Command

Answer = tuple[int, str]
_PKI = "/etc/kubernetes/pki"
_KUBECONFIG = "/etc/kubernetes/{}.conf"
_DEFAULTS: dict[str, dict[str, str]] = {
    "kube-apiserver": {
        "allow-privileged": "true",
        "authorization-mode": "Node,RBAC",
        "client-ca-file": f"{_PKI}/ca.crt",
        "enable-admission-plugins": "NodeRestriction",
        "etcd-cafile": f"{_PKI}/etcd/ca.crt",
        "etcd-certfile": f"{_PKI}/apiserver-etcd-client.crt",
        "etcd-keyfile": f"{_PKI}/apiserver-etcd-client.key",
        "kubelet-client-certificate": f"{_PKI}/apiserver-kubelet-client.crt",
        "kubelet-client-key": f"{_PKI}/apiserver-kubelet-client.key",
        "service-account-key-file": f"{_PKI}/sa.pub",
        "service-account-signing-key-file": f"{_PKI}/sa.key",
        "tls-cert-file": f"{_PKI}/apiserver.crt",
        "tls-private-key-file": f"{_PKI}/apiserver.key",
    },
    "kube-controller-manager": {
        "bind-address": "127.0.0.1",
        "root-ca-file": f"{_PKI}/ca.crt",
        "service-account-private-key-file": f"{_PKI}/sa.key",
        "use-service-account-credentials": "true",
    },
    "kube-scheduler": {"bind-address": "127.0.0.1"},
    "etcd": {
        "cert-file": f"{_PKI}/etcd/server.crt",
        "client-cert-auth": "true",
        "data-dir": "/var/lib/etcd",
        "key-file": f"{_PKI}/etcd/server.key",
        "peer-cert-file": f"{_PKI}/etcd/peer.crt",
        "peer-client-cert-auth": "true",
        "peer-key-file": f"{_PKI}/etcd/peer.key",
        "trusted-ca-file": f"{_PKI}/etcd/ca.crt",
    },
}
"""The flags that kubeadm gives by itself, as far as the benchmark asks for them."""
_PARTS = {"kube-apiserver": "apiServer", "kube-controller-manager": "controllerManager", "kube-scheduler": "scheduler"}
"""What kubeadm's ClusterConfiguration calls them."""
_NODE_FILES = {
    "/etc/kubernetes/kubelet.conf": 600,
    f"{_PKI}/ca.crt": 644,
    "/etc/cni/net.d/10-flannel.conflist": 600,
    "/var/lib/kubelet/config.yaml": 600,
    "/etc/systemd/system/kubelet.service": 600,
    "/etc/systemd/system/kubelet.service.d/10-kubeadm.conf": 600,
}
_CERTIFICATES = ("ca", "apiserver", "apiserver-kubelet-client", "etcd/ca", "etcd/server", "etcd/peer")


def _files(command: Command) -> Answer:
    modes = dict(_NODE_FILES)
    if command.machine.role is Role.MASTER:
        modes |= {f"/etc/kubernetes/manifests/{name}.yaml": 600 for name in _DEFAULTS}
        modes |= {_KUBECONFIG.format(name): 600 for name in ("admin", "scheduler", "controller-manager")}
        modes |= {f"{_PKI}/{name}.crt": 644 for name in _CERTIFICATES}
        modes |= {f"{_PKI}/{name}.key": 600 for name in _CERTIFICATES}
    lines = [f"{mode} root:root {path}" for path, mode in modes.items()]
    if command.machine.role is Role.MASTER:
        lines.append("700 etcd:etcd /var/lib/etcd")
    return 0, "\n".join(lines)


def _processes(command: Command) -> Answer:
    lines = ["kubelet /usr/local/bin/kubelet", "kubelet --config=/var/lib/kubelet/config.yaml"]
    for process in _DEFAULTS if command.machine.role is Role.MASTER else ():
        lines += [f"{process} --{name}={value}" for name, value in _flags(command.machine, process).items()]
    return 0, "\n".join(lines)


def _flags(machine: MachineRecord, process: str) -> dict[str, str]:
    part: dict[str, Any] = machine.control_plane.get(_PARTS.get(process, "")) or {}
    return _DEFAULTS[process] | {each["name"]: each["value"] for each in part.get("extraArgs") or []}


def _kubelet(command: Command) -> Answer:
    authority = {"x509": {"clientCAFile": f"{_PKI}/ca.crt"}}
    found = command.machine.kubelet
    return 0, json.dumps({**found, "authentication": {**(found.get("authentication") or {}), **authority}})


def _listening(_command: Command) -> Answer:
    return 0, "LISTEN 0      4096   127.0.0.1:10249   0.0.0.0:*"


def _policies(command: Command) -> Answer:
    flags, files = _flags(command.machine, "kube-apiserver"), command.machine.files
    lines = []
    for flag in ("admission-control-config-file", "audit-policy-file", "authentication-config"):
        if flag in flags:
            lines += [f"#file {flag}", files.get(flags[flag], ""), ""]
    if f"{KEPT}encryption.yaml" in files:
        lines += ["#file encryption-provider-config", "- secretbox", "- identity"]
    return 0, "\n".join(lines)


def _rights(_command: Command) -> Answer:
    admins = "admin Group/kubeadm:cluster-admins\nadmin Group/system:masters"
    return 0, f"{admins}\ngroup kubeadm:cluster-admins\ngroup system:authenticated"


_NAMED: dict[str, Callable[[Command], Answer]] = {
    "files": _files,
    "processes": _processes,
    "kubelet": _kubelet,
    "listening": _listening,
    "policies": _policies,
    "rights": _rights,
}


def _answered(name: str, command: Command, _body: str) -> Answer:
    found = _NAMED[name]
    return found(command) if command.machine.member else (1, "cat: /var/lib/kubelet/config.yaml: No such file")


PROBES: dict[str, Callable[[Command, str], Answer]] = {f"benchmark-{name}": partial(_answered, name) for name in _NAMED}
