"""The Kubernetes that a site's machines form: who is a node, whether it is Ready, who holds a valid invitation."""

from __future__ import annotations

import secrets
import time
from typing import Any

from installer.contract import Role
from installer.platforms.rehearsal.pace import Pace
from installer.platforms.rehearsal.records import ClusterRecord, MachineRecord, NodeRecord, SiteRecord

TOKEN_LIFE = 900.0
"""Seconds for which a bootstrap token is valid."""
_READY_AFTER = 2.0
_CONTROL_PLANE = {
    "node-role.kubernetes.io/control-plane": "",
    "node.kubernetes.io/exclude-from-external-load-balancers": "",
}


def found(name: str, kubernetes: str, api: str) -> ClusterRecord:
    """A new cluster without members."""
    return ClusterRecord(
        name=name,
        kubernetes=kubernetes,
        api=api,
        ca_hash=f"sha256:{secrets.token_hex(32)}",
        certificate_key=secrets.token_hex(32),
    )


def invite(cluster: ClusterRecord) -> str:
    """A bootstrap token, good for one machine and for TOKEN_LIFE seconds."""
    now = time.time()
    token = f"{secrets.token_hex(3)}.{secrets.token_hex(8)}"
    cluster.tokens = {known: end for known, end in cluster.tokens.items() if end > now} | {token: now + TOKEN_LIFE}
    return token


def admit(cluster: ClusterRecord, machine: MachineRecord, taints: list[str]) -> None:
    """`machine` becomes a node; a master becomes a member of etcd too. Labels of an earlier membership are lost."""
    labels = {
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": machine.name,
        "kubernetes.io/os": "linux",
    }
    if machine.role is Role.MASTER:
        labels |= _CONTROL_PLANE
        cluster.members[machine.name] = machine.address
    cluster.nodes[machine.name] = NodeRecord(
        labels=labels, taints=taints, version=cluster.kubernetes, joined=time.time()
    )
    machine.member = cluster.name


def expel(record: SiteRecord, machine: MachineRecord) -> None:
    """`machine` leaves; its Node object stays, as kubeadm leaves it. With its last master the cluster is gone."""
    _clear(machine)
    if record.cluster is None:
        return
    record.cluster.members.pop(machine.name, None)
    if not record.cluster.members:
        record.cluster = None
        for other in record.machines.values():
            _clear(other)


def _clear(machine: MachineRecord) -> None:
    """Of what was done on the machine only its preparation is left."""
    machine.member = ""
    machine.done = [key for key in machine.done if key.startswith("prepare/")]


def is_ready(record: SiteRecord, name: str, pace: Pace) -> bool:
    """Whether the kubelet of node `name` reports, and the pod network has reached it."""
    cluster, machine = record.cluster, record.machines.get(name)
    if cluster is None or machine is None or machine.state != "running" or machine.member != cluster.name:
        return False
    overlay = cluster.addons.get("overlay")
    if overlay is None:
        return False
    return time.time() >= max(cluster.nodes[name].joined, overlay) + pace.seconds(_READY_AFTER, name, "ready")


def taints(record: SiteRecord, name: str, pace: Pace) -> list[str]:
    """The taints of node `name` as `key=value:effect`, with the one that Kubernetes sets while it is not Ready."""
    assert record.cluster is not None
    own = record.cluster.nodes[name].taints
    return own if is_ready(record, name, pace) else [*own, "node.kubernetes.io/not-ready=:NoSchedule"]


def node_object(record: SiteRecord, name: str, pace: Pace) -> dict[str, Any]:
    """The Node object of `name`, as far as anyone here reads it."""
    assert record.cluster is not None
    node, machine = record.cluster.nodes[name], record.machines.get(name)
    ready = is_ready(record, name, pace)
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": dict(sorted(node.labels.items()))},
        "spec": {"taints": [taint_object(taint) for taint in taints(record, name, pace)]},
        "status": {
            "addresses": [
                {"type": "InternalIP", "address": machine.address if machine else ""},
                {"type": "Hostname", "address": name},
            ],
            "conditions": [
                {
                    "type": "Ready",
                    "status": "True" if ready else "False",
                    "reason": "KubeletReady" if ready else "KubeletNotReady",
                    "message": "kubelet is posting ready status" if ready else "cni plugin not initialized",
                }
            ],
            "nodeInfo": {"kubeletVersion": node.version, "osImage": "rehearsal", "architecture": "amd64"},
        },
    }


def taint_object(text: str) -> dict[str, str]:
    """`key=value:effect` as the API writes it: without an empty value."""
    key, _, rest = text.partition("=")
    value, _, effect = rest.rpartition(":")
    return {"key": key, "effect": effect} | ({"value": value} if value else {})


def taint_text(taint: dict[str, str]) -> str:
    """A taint of the API as `key=value:effect`."""
    return f"{taint['key']}={taint.get('value', '')}:{taint['effect']}"
