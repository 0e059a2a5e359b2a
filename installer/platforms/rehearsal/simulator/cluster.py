"""The Kubernetes that a site's machines form: who is a node, what etcd bears, who holds a valid invitation."""

from __future__ import annotations

import secrets
import time

from installer.plan.rules import Role
from installer.platforms.rehearsal.records import ClusterRecord, MachineRecord, MemberRecord, NodeRecord, SiteRecord
from installer.platforms.rehearsal.simulator.pace import Pace

TOKEN_LIFE = 900.0
"""Seconds for which a bootstrap token is valid."""
_READY_AFTER = 2.0
_CONTROL_PLANE = {
    "node-role.kubernetes.io/control-plane": "",
    "node.kubernetes.io/exclude-from-external-load-balancers": "",
}


def found(name: str, kubernetes: str, api: str, encryption_key: str) -> ClusterRecord:
    """A new cluster without members."""
    return ClusterRecord(
        name=name,
        kubernetes=kubernetes,
        api=api,
        ca_hash=f"sha256:{secrets.token_hex(32)}",
        certificate_key=secrets.token_hex(32),
        encryption_key=encryption_key,
    )


def invite(cluster: ClusterRecord) -> str:
    """A bootstrap token, good for TOKEN_LIFE seconds."""
    now = time.time()
    token = f"{secrets.token_hex(3)}.{secrets.token_hex(8)}"
    cluster.tokens = {known: end for known, end in cluster.tokens.items() if end > now} | {token: now + TOKEN_LIFE}
    return token


def admit(cluster: ClusterRecord, machine: MachineRecord, taints: list[str], provider_id: str = "") -> None:
    """`machine` becomes a node; a master becomes a member of etcd too. Labels of an earlier membership are lost."""
    labels = {
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": machine.name,
        "kubernetes.io/os": "linux",
    }
    if machine.role is Role.MASTER:
        labels |= _CONTROL_PLANE
        cluster.members[machine.name] = new_member(machine)
        machine.release = cluster.kubernetes
    cluster.nodes[machine.name] = NodeRecord(
        labels=labels, taints=taints, version=machine.prepared, joined=time.time(), provider_id=provider_id
    )
    cluster.revision += 1
    machine.member = cluster.name


def new_member(machine: MachineRecord) -> MemberRecord:
    """Its number is drawn again each time, as etcd's are."""
    return MemberRecord(id=secrets.randbits(63) | 1, address=machine.address)


def is_up(record: SiteRecord, name: str) -> bool:
    """Whether the machine is there, runs, and is a node of the cluster."""
    cluster, machine = record.cluster, record.machines.get(name)
    return bool(cluster and machine and machine.state == "running" and machine.member == cluster.name)


def up(record: SiteRecord) -> list[str]:
    """The members of etcd that answer."""
    return [name for name in record.cluster.members if is_up(record, name)] if record.cluster else []


def has_quorum(record: SiteRecord) -> bool:
    return record.cluster is not None and len(up(record)) > len(record.cluster.members) // 2


def leave(record: SiteRecord, machine: MachineRecord) -> None:
    """`kubeadm reset` on `machine`: etcd lets its member go if it can; the Node object stays."""
    cluster = record.cluster
    if cluster is not None and may_go(record, machine.name):
        del cluster.members[machine.name]
    lose(record, machine)


def may_go(record: SiteRecord, name: str) -> bool:
    """Whether etcd would remove this member: those that are left keep their quorum, and are at least one."""
    cluster = record.cluster
    if cluster is None or name not in cluster.members or not has_quorum(record):
        return False
    left = [other for other in up(record) if other != name]
    return len(left) > (len(cluster.members) - 1) // 2


def lose(record: SiteRecord, machine: MachineRecord) -> None:
    """`machine` is gone, or knows nothing more of its cluster. With its last master the cluster is gone."""
    _clear(machine)
    if record.cluster is not None and not up(record):
        record.cluster = None
        for other in record.machines.values():
            _clear(other)


def _clear(machine: MachineRecord) -> None:
    """Of what was done on the machine only its preparation is left."""
    machine.member = machine.begun = machine.release = ""
    machine.control_plane, machine.kubelet, machine.certified = {}, {}, False
    machine.files = {path: text for path, text in machine.files.items() if not path.startswith("/etc/kubernetes/")}
    machine.done = [key for key in machine.done if key.startswith("prepare/")]


def is_ready(record: SiteRecord, name: str, pace: Pace) -> bool:
    """Whether the kubelet of node `name` reports, and the pod network has reached it."""
    cluster = record.cluster
    if cluster is None or not is_up(record, name):
        return False
    overlay = cluster.addons.get("overlay")
    if overlay is None:
        return False
    return time.time() >= max(cluster.nodes[name].joined, overlay.applied) + pace.seconds(_READY_AFTER, name, "ready")


def taints(record: SiteRecord, name: str, pace: Pace) -> list[str]:
    """The taints of node `name` as `key=value:effect`, with those that Kubernetes sets itself."""
    assert record.cluster is not None
    node = record.cluster.nodes[name]
    own = [*node.taints, *(["node.kubernetes.io/unschedulable=:NoSchedule"] if node.cordoned else [])]
    own += [] if is_initialised(record, name) else ["node.cloudprovider.kubernetes.io/uninitialized=true:NoSchedule"]
    return own if is_ready(record, name, pace) else [*own, "node.kubernetes.io/not-ready=:NoSchedule"]


def is_initialised(record: SiteRecord, name: str) -> bool:
    """Whether a cloud's controller has looked at node `name`, if it has a cloud."""
    assert record.cluster is not None
    running = any(addon.endswith("-cloud-controller") for addon in record.cluster.addons)
    return running or not record.cluster.nodes[name].provider_id


def zone(record: SiteRecord, name: str) -> dict[str, str]:
    """The label by which that controller says where a node is: the part of its provider id before the last."""
    assert record.cluster is not None
    id = record.cluster.nodes[name].provider_id
    return {"topology.kubernetes.io/zone": id.split("/")[-2]} if id and is_initialised(record, name) else {}


def minor(release: str) -> int:
    """36 of `v1.36.2`."""
    return int(release.split(".")[1])
