"""What kubeadm, kubectl and etcd say."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from installer.cluster import (
    addons,
    certificates,
    cluster_dns,
    drain,
    etcd,
    nodes,
    objects,
    overview,
    pods,
    reconfigure,
)
from installer.cluster.diagnosis import clock, explain, transcript
from installer.common.errors import InstallerError
from installer.operations import backup
from installer.plan.topology import topology
from installer.ssh.connection import Result
from tests.bench.parsers.node import PLAN, saying
from tests.bench.parsers.parser import Parser, of_text

_TESTS = Path(__file__).parent.parent.parent / "installer" / "cluster"
_TRANSCRIPTS = tuple(path.read_text(encoding="utf-8") for path in sorted((_TESTS / "transcripts").glob("*.txt")))
_DRAINS = tuple(path.read_text(encoding="utf-8") for path in sorted((_TESTS / "drains").glob("*.txt")))
_MACHINE = topology(PLAN).machines[0]
_NODE = {
    "metadata": {"name": _MACHINE.name, "labels": {"craton/cordoned": "yes", "kubernetes.io/os": "linux"}},
    "spec": {
        "taints": [{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}],
        "unschedulable": True,
    },
    "status": {"conditions": [{"type": "Ready", "status": "False", "reason": "KubeletNotReady", "message": "no CNI"}]},
}
_WAITING = {"name": "x", "image": "r/x", "state": {"waiting": {"reason": "ImagePullBackOff", "message": "not found"}}}
_ENDED = {
    "name": "y",
    "state": {"waiting": {"reason": "CrashLoopBackOff"}},
    "lastState": {"terminated": {"exitCode": 1, "message": "panic: x"}},
}
_PODS = {
    "kind": "List",
    "items": [
        {
            "metadata": {"name": "coredns-1", "deletionTimestamp": None},
            "spec": {"nodeName": _MACHINE.name},
            "status": {
                "initContainerStatuses": [_WAITING],
                "containerStatuses": [_ENDED],
                "conditions": [{"type": "Ready", "status": "True"}],
            },
        }
    ],
}
_DAEMON_SET = {
    "metadata": {"annotations": {"craton/sum": "a1"}},
    "status": {"numberReady": 3, "desiredNumberScheduled": 3},
}
_PEM = b"-----BEGIN CERTIFICATE REQUEST-----\nMIHbMIGCAgEAMCA=\n-----END CERTIFICATE REQUEST-----\n"
_REQUEST = "\n".join(
    [
        "name csr-1", "uid u1", "version 1", f"signer {certificates.SIGNER}", f"user system:node:{_MACHINE.name}",
        "group system:nodes", "group system:authenticated", "usage digital signature", "usage server auth",
        f"document {base64.b64encode(_PEM).decode()}",
    ]
)  # fmt: skip
_MEMBERS = {
    "header": {"cluster_id": "1"},
    "members": [
        {"ID": "9372538179322589801", "name": "demo-master-1", "peerURLs": ["https://10.0.0.11:2380"],
         "clientURLs": ["https://10.0.0.11:2379"]},
        {"ID": "2", "name": "", "peerURLs": ["https://10.0.0.12:2380"], "isLearner": True},
    ],
}  # fmt: skip


def _explained(text: str) -> object:
    result = Result(1, text[: len(text) // 2], text[len(text) // 2 :])
    transcript.read(result)
    for words in (text[:200], *text.split()[:50]):
        clock.seconds(words)
    explainers = (
        explain.explain_init(PLAN, "demo-master-1"),
        explain.explain_join(PLAN, "demo-worker-1", "demo-master-1"),
        explain.explain_upgrade(PLAN, "demo-master-1"),
    )
    return _clean([found for read in explainers if (found := read(result))])


def _drained(text: str) -> object:
    return _clean([found for found in [drain.explained("m1", Result(1, text, ""))] if found])


def _clean(errors: list[InstallerError]) -> object:
    """Errors that are returned are looked at as those that are raised: one of them is."""
    if errors:
        raise errors[0]
    return None


def _node(text: str) -> object:
    found = nodes.node_of(saying(text), _MACHINE.name)
    if found is None:
        return None
    judged: list[Any] = [
        nodes.is_ready(found),
        nodes.ready_message(found),
        drain.is_cordoned(found),
        drain.is_marked(found),
    ]
    return judged, nodes.label_changes(found, _MACHINE), nodes.taint_changes(found, _MACHINE)


def _overview(text: str) -> object:
    found = overview.read_nodes(text).values()
    return [(nodes.label_changes(node, _MACHINE), nodes.taint_changes(node, _MACHINE)) for node in found]


def _pods(text: str) -> object:
    return pods.troubles_on(saying(text), _MACHINE.name), cluster_dns.ready_pods(cluster_dns._pods(saying(text)))


def _daemon_set(text: str) -> object:
    found = objects.read(text)
    return found and (addons.sum_of(found), addons.pods_of(found))


def _members(text: str) -> object:
    return etcd.members_of(saying(text), "demo-master-1")


def _requests(text: str) -> object:
    return [certificates.refusal(request, _MACHINE) for request in certificates.read_requests(text)]


def _health_of_members(text: str) -> object:
    return etcd.healthy_of(saying(text), "demo-master-1", etcd.parse_members(json.dumps(_MEMBERS)))


def _snapshot(text: str) -> object:
    return backup._taken("demo-master-1", "/var/lib/x", text)


PARSERS: tuple[Parser, ...] = (
    of_text("kubeadm", _explained, _TRANSCRIPTS),
    of_text("kubectl drain", _drained, _DRAINS),
    of_text("kubectl get node", _node, (json.dumps(_NODE), "")),
    of_text("kubectl get nodes", _overview, ("m1 True label a/b=c label d= taint e=f:NoSchedule taint g:NoExecute\n",)),
    of_text("kubectl get pods", _pods, (json.dumps(_PODS),)),
    of_text("kubectl get daemonset", _daemon_set, (json.dumps(_DAEMON_SET),)),
    of_text("requests for certificates", _requests, (_REQUEST,)),
    of_text("kubeadm's configuration", reconfigure.documents, ("a: 1\n---\nkind: x\nb: [1, {c: d}]\n",), ValueError),
    of_text("etcd's members", _members, (json.dumps(_MEMBERS),)),
    of_text(
        "health of etcd's members",
        _health_of_members,
        ("https://10.0.0.11:2379 ok\n", "https://10.0.0.11:2379 dial tcp: timeout\n"),
    ),
    of_text("a snapshot of etcd", _snapshot, (f"/var/lib/x {'a1' * 32} 4711\n",)),
)
