"""The API's objects, as far as anyone here reads them: nodes, and pods that a cluster of this shape runs."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from typing import Any

from installer.plan.rules import Role
from installer.platforms.rehearsal.records import AddonRecord, NodeRecord, SiteRecord
from installer.platforms.rehearsal.simulator import cluster
from installer.platforms.rehearsal.simulator.pace import Pace

CONTROL_PLANE = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
_DNS = 2


def node(record: SiteRecord, name: str, pace: Pace) -> dict[str, Any]:
    """The Node object of `name`."""
    assert record.cluster is not None
    found, machine = record.cluster.nodes[name], record.machines.get(name)
    ready = cluster.is_ready(record, name, pace)
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": dict(sorted((found.labels | cluster.zone(record, name)).items())),
            "creationTimestamp": _born(found),
        },
        "spec": {"taints": [taint_object(taint) for taint in cluster.taints(record, name, pace)]}
        | ({"unschedulable": True} if found.cordoned else {})
        | ({"providerID": found.provider_id} if found.provider_id else {}),
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
            "nodeInfo": {"kubeletVersion": found.version, "osImage": "rehearsal", "architecture": "amd64"},
        },
    }


def node_line(record: SiteRecord, name: str, pace: Pace) -> str:
    """A node as the template of installer.cluster.overview prints it."""
    assert record.cluster is not None
    found = record.cluster.nodes[name]
    every = found.labels | cluster.zone(record, name)
    labels = [f" label {key}={value}" for key, value in sorted(every.items())]
    taints = [f" taint {taint}" for taint in cluster.taints(record, name, pace)]
    return f"{name} {cluster.is_ready(record, name, pace)} born {_born(found)}{''.join(labels)}{''.join(taints)}"


def _born(found: NodeRecord) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(found.joined))


_CONTROLLED = {"Gateway": ("Programmed", "ingress"), "Certificate": ("Ready", "cert-manager")}
"""By which condition an object says that it works, and the addon whose pods see to that."""


def workload(record: SiteRecord, addon: str, pace: Pace) -> dict[str, Any]:
    """The last of an addon's objects, with the state of the pods that it runs, or what its controller says of it."""
    assert record.cluster is not None
    found, where = record.cluster.addons[addon], _nodes_of(record, addon, pace)
    ready = sum(_runs(record, found, name, pace) for name in where)
    metadata = {"name": found.workload, "namespace": found.namespace, "annotations": found.annotations, "generation": 1}
    result: dict[str, Any] = {"kind": found.kind, "metadata": metadata}
    if found.kind == "DaemonSet":
        counts = {"desiredNumberScheduled": len(where), "numberReady": ready, "updatedNumberScheduled": len(where)}
        result |= {"apiVersion": "apps/v1", "status": counts | {"observedGeneration": 1}}
    elif found.kind in ("Deployment", "StatefulSet"):
        counts = {"replicas": found.replicas, "updatedReplicas": len(where), "readyReplicas": ready}
        result |= {"apiVersion": "apps/v1", "spec": {"replicas": found.replicas}}
        result |= {"status": counts | {"observedGeneration": 1}}
    elif found.kind in _CONTROLLED and _CONTROLLED[found.kind][1] in record.cluster.addons:
        condition = {"type": _CONTROLLED[found.kind][0], "status": "True"}
        result |= {"status": {"conditions": [condition]}}
    return result


def _nodes_of(record: SiteRecord, addon: str, pace: Pace) -> list[str]:
    """The node of each pod of an addon: of a DaemonSet every node that it selects, of a Deployment some open ones."""
    assert record.cluster is not None
    found, nodes = record.cluster.addons[addon], list(record.cluster.nodes)
    if found.kind == "DaemonSet":
        role = Role.INFRA if found.infra else Role.MASTER if found.masters else None
        return [name for name in nodes if role is None or _role(record, name) is role]
    open_nodes = [name for name in nodes if _is_open(record, name, pace)]
    return [open_nodes[number % len(open_nodes)] for number in range(found.replicas)] if open_nodes else []


def _role(record: SiteRecord, name: str) -> Role | None:
    return record.machines[name].role if name in record.machines else None


def _runs(record: SiteRecord, addon: AddonRecord, name: str, pace: Pace) -> bool:
    return cluster.is_up(record, name) if addon.host_network else cluster.is_ready(record, name, pace)


def companion(record: SiteRecord, kind: str, metadata: dict[str, str], pace: Pace) -> dict[str, Any]:
    """A workload of an addon besides its last: a DaemonSet has a pod on every node, others have one."""
    assert record.cluster is not None
    nodes = record.cluster.nodes
    ready = sum(cluster.is_ready(record, name, pace) for name in nodes)
    if kind != "DaemonSet":
        one = min(ready, 1)
        return {"kind": kind, "metadata": metadata, "spec": {"replicas": 1},
                "status": {"updatedReplicas": one, "readyReplicas": one}}  # fmt: skip
    counts = {"desiredNumberScheduled": len(nodes), "numberReady": ready, "updatedNumberScheduled": len(nodes)}
    return {"kind": kind, "metadata": metadata, "status": counts}


def pods(record: SiteRecord, pace: Pace) -> list[dict[str, Any]]:
    """Every pod, by namespace and name."""
    found = [_pod(record, pace, *pod) for pod in _scheduled(record, pace)]
    return sorted(found, key=lambda pod: (pod["metadata"]["namespace"], pod["metadata"]["name"]))


def _scheduled(record: SiteRecord, pace: Pace) -> Iterator[tuple[str, str, str, str]]:
    """Namespace, name, kind of the owner, and node; no node of pods that find none."""
    known = record.cluster
    assert known is not None
    for name in known.nodes:
        machine = record.machines.get(name)
        if machine and machine.role is Role.MASTER:
            yield from (("kube-system", f"{part}-{name}", "Node", name) for part in CONTROL_PLANE)
        yield "kube-system", f"kube-proxy-{_suffix(name)}", "DaemonSet", name
    for addon, found in known.addons.items():
        owner = "DaemonSet" if found.kind == "DaemonSet" else "ReplicaSet"
        for number, name in enumerate(_nodes_of(record, addon, pace)):
            yield found.namespace, f"{found.workload}-{_suffix(f'{name}{number or str()}')}", owner, name
    open_nodes = [name for name in known.nodes if _is_open(record, name, pace)]
    for number in range(_DNS):
        where = open_nodes[number % len(open_nodes)] if open_nodes else ""
        yield "kube-system", f"coredns-{_suffix(known.name)}-{_suffix(str(number))}", "ReplicaSet", where


def _is_open(record: SiteRecord, name: str, pace: Pace) -> bool:
    """Whether pods of Deployments may run there. CoreDNS bears the control plane's taint."""
    barred = [taint for taint in cluster.taints(record, name, pace) if not taint.endswith("PreferNoSchedule")]
    return all(taint.startswith("node-role.kubernetes.io/control-plane=") for taint in barred)


def _suffix(what: str) -> str:
    return hashlib.sha256(what.encode()).hexdigest()[:5]


def _pod(record: SiteRecord, pace: Pace, namespace: str, name: str, owner: str, where: str) -> dict[str, Any]:
    running = bool(where) and (owner == "Node" or cluster.is_ready(record, where, pace))
    machine, part = record.machines.get(where), name.rpartition("-")[0]
    container = {"name": part, "ready": running, "restartCount": 0, "state": {"running" if running else "waiting": {}}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "ownerReferences": [{"kind": owner}]},
        "spec": {"containers": [{"name": part}]} | ({"nodeName": where} if where else {}),
        "status": {
            "phase": "Running" if running else "Pending",
            "conditions": [{"type": "Ready", "status": str(running)}],
            "containerStatuses": [container] if where else [],
        }
        | ({"hostIP": machine.address} if machine else {}),
    }


def taint_object(text: str) -> dict[str, str]:
    """`key=value:effect` as the API writes it: without an empty value."""
    key, _, rest = text.partition("=")
    value, _, effect = rest.rpartition(":")
    return {"key": key, "effect": effect} | ({"value": value} if value else {})


def taint_text(taint: dict[str, str]) -> str:
    """A taint of the API as `key=value:effect`."""
    return f"{taint['key']}={taint.get('value', '')}:{taint['effect']}"
