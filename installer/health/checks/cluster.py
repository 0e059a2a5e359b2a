"""Checks of the cluster's own view: etcd, the API server, and every machine's Node object."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

from installer.health.check import Check, Judgement, Subject, Verdict
from installer.health.parsing import brief, document
from installer.health.probing import api_host, asset, line
from installer.plan import releases
from installer.plan import rules as contract
from installer.plan.rules import Kind, Level, Role
from installer.plan.topology import MASTER_TAINT, Machine, Pool, Topology
from installer.steps.evidence import Evidence, Probe, Unreadable

_MASTER = (Role.MASTER,)
_ADMIN = "kubectl --kubeconfig /etc/kubernetes/admin.conf"
_PASSING = ("node.kubernetes.io/not-ready=", "node.kubernetes.io/unreachable=")
"""Taints that Kubernetes takes off a node within seconds of its being Ready."""

PLACE = 2

_PKI = "/etc/kubernetes/pki"


def _ask_apiserver(_machine: Machine, topology: Topology) -> str:
    # This machine's own API server, under the name that its certificate is sure to carry.
    host = api_host(topology)
    url = shlex.quote(f"https://{host}:6443/readyz")
    local = shlex.quote(f"{host}:6443:127.0.0.1")
    return f"curl -sS --noproxy '*' --max-time 8 --cacert {_PKI}/ca.crt --resolve {local} {url}"


def _ask_nodes(machine: Machine, _topology: Topology) -> str:
    # This machine's own API server: the name may lead to a master that is down.
    return f"server={shlex.quote(f'https://{machine.located}:6443')}\n" + asset("nodes.sh")


APISERVER = Probe("apiserver", _ask_apiserver, _MASTER)
ETCD_HEALTH = line("etcd-health", "curl -sS --noproxy '*' --max-time 5 http://127.0.0.1:2381/health", _MASTER)
ETCD_MEMBERS = line(
    "etcd-members",
    f"curl -sS --noproxy '*' --max-time 8 --cacert {_PKI}/etcd/ca.crt "
    f"--cert {_PKI}/etcd/healthcheck-client.crt --key {_PKI}/etcd/healthcheck-client.key "
    "-X POST -d '{}' https://127.0.0.1:2379/v3/cluster/member/list",
    _MASTER,
)
NODES = Probe("nodes", _ask_nodes, _MASTER, seconds=20)


@dataclass(frozen=True, slots=True)
class Node:
    """A machine's Node object: labels are `key=value`, taints `key=value:effect`."""

    name: str
    ready: str
    """True, False, Unknown, or empty if the kubelet never reported."""
    version: str
    labels: frozenset[str]
    taints: frozenset[str]


def nodes(topology: Topology, evidence: Mapping[str, Evidence]) -> Mapping[str, Node] | None:
    """Every Node by name, as the first master that knows tells it; None if no master does."""
    for master in topology.of_role(Role.MASTER):
        probed = evidence[master.name].probes.get("nodes") if master.name in evidence else None
        if probed and probed.status == 0:
            found = [node for line in probed.output.splitlines() if (node := _node(line))]
            if found:
                return {node.name: node for node in found}
    return None


def _node(line: str) -> Node | None:
    words = line.split(" ")
    if len(words) != 5 or not words[0]:
        return None
    labels, taints = (frozenset(part for part in word.split(",") if part not in ("", "-")) for word in words[3:])
    return Node(words[0], words[1], words[2], labels, taints)


def _own_node(subject: Subject) -> Node:
    """The subject's Node. Raises Unreadable if no master tells, or if there is none."""
    known = subject.across(nodes)
    if known is None:
        raise Unreadable("no master that answered could list the nodes")
    if subject.machine.name not in known:
        raise Unreadable(f"the cluster has no node {subject.machine.name}")
    return known[subject.machine.name]


def _node_state(subject: Subject) -> Judgement:
    known = subject.across(nodes)
    if known is not None and subject.machine.name not in known:
        remedy = "the machine did not join: resume the install"
        return Verdict.FAIL, f"the cluster has no node {subject.machine.name}", remedy
    node = _own_node(subject)
    if node.ready != "True":
        words = {"False": "NotReady", "Unknown": "its kubelet stopped reporting"}
        remedy = f"kubectl describe node {node.name}, then journalctl -u kubelet on it"
        return Verdict.FAIL, words.get(node.ready, "its kubelet never reported"), remedy
    planned = subject.plan.kubernetes
    if node.version != planned:
        return Verdict.WARN, f"Ready, but at {brief(node.version)}; planned is {planned}", f"bring it to {planned}"
    if releases.support(planned, _day(subject)) is releases.Support.ENDED:
        newer = " or ".join(f"--to {release}" for release in releases.targets(planned)[-1:]) or "--to RELEASE"
        remedy = f"craton upgrade {subject.plan.name} {newer}; `craton releases` lists what is supported"
        return Verdict.WARN, f"Ready, but {releases.warning(planned, _day(subject))}", remedy
    return Verdict.PASS, f"Ready, {node.version}", ""


def pool_state(pool: Pool, known: Mapping[str, Node] | None, planned: str) -> Judgement:
    """Of all machines of a worker pool, which Craton asks nothing: the cluster's nodes tell of them."""
    if known is None:
        return Verdict.UNKNOWN, "no master that answered could list the nodes", ""
    joined = [node for name, node in known.items() if name.startswith(f"{pool.name}-")]
    ready = [node for node in joined if node.ready == "True"]
    seen = f"{pool.count} asked, {len(joined)} joined, {len(ready)} Ready"
    if len(ready) < pool.count:
        resume = "craton resume invites those that have not joined"
        away = next((node.name for node in joined if node.ready != "True"), "")
        return Verdict.FAIL, seen, f"kubectl describe node {away}; {resume}" if away else resume
    if other := next((node for node in joined if node.version != planned), None):
        return Verdict.WARN, f"{seen}; {other.name} is at {brief(other.version)}", f"craton resume brings {planned}"
    return Verdict.PASS, seen, ""


def _day(subject: Subject) -> date:
    """When the machine answered, by this computer's clock."""
    return datetime.fromtimestamp(subject.evidence.answered_at, UTC).date()


def _labels(subject: Subject) -> Judgement:
    planned, node = subject.machine.labels, _own_node(subject)
    missing = [label for label in planned if label not in node.labels]
    if missing:
        rules = {rule.value: rule for rule in contract.RULES.values() if rule.kind is Kind.LABEL}
        must = any(label in rules and rules[label].level is Level.MUST for label in missing)
        words = (f"{label} ({rules[label].id})" if label in rules else label for label in missing)
        remedy = f"{_ADMIN} label --overwrite node {node.name} {' '.join(missing)}"
        return Verdict.FAIL if must else Verdict.WARN, "without " + ", ".join(words), remedy
    return Verdict.PASS, ", ".join(planned) or "none planned", ""


def _taints(subject: Subject) -> Judgement:
    planned, node = subject.machine.taints, _own_node(subject)
    missing = [taint for taint in planned if taint not in node.taints]
    if missing:
        verdict = Verdict.FAIL if MASTER_TAINT in missing else Verdict.WARN
        seen = f"without {', '.join(missing)}: user workloads may run there"
        return verdict, seen, f"{_ADMIN} taint node {node.name} {' '.join(missing)}"
    extra = sorted(node.taints.difference(planned))
    if node.ready == "True":
        extra = [taint for taint in extra if not taint.startswith(_PASSING)]
    if extra:
        own = all(taint.startswith("node.kubernetes.io/") for taint in extra)
        remedy = (
            f"kubectl describe node {node.name} says why" if own else f"{_ADMIN} taint node {node.name} {extra[0]}-"
        )
        return Verdict.WARN, f"tainted beyond the plan: {brief(', '.join(extra))}", remedy
    return Verdict.PASS, ", ".join(planned) or "none, as planned", ""


def _api(subject: Subject) -> Judgement:
    output = subject.evidence.output("apiserver").strip()
    if output == "ok" and subject.evidence.probes["apiserver"].status == 0:
        return Verdict.PASS, "ready", ""
    failed = re.findall(r"^\[-\]([a-z0-9/-]+)", output, re.MULTILINE)
    seen = f"not ready: {brief(', '.join(failed) or output)}"
    return Verdict.FAIL, seen, "crictl logs of kube-apiserver on this machine says why"


def _etcd(subject: Subject) -> Judgement:
    output = subject.evidence.output("etcd-health")
    if subject.evidence.probes["etcd-health"].status != 0:
        return Verdict.FAIL, f"no answer: {brief(output)}", "crictl logs of etcd on this machine says why"
    health = document(output, "etcd")
    if health.get("health") not in ("true", True):
        return Verdict.FAIL, f"not healthy: {brief(str(health.get('reason', '')))}", "look at the other masters' etcd"
    started = _members(subject.evidence.output("etcd-members"))
    planned = {machine.name for machine in subject.topology.of_role(Role.MASTER)}
    problems = [f"{name or 'a member'} has not started" for name, running in started.items() if not running]
    problems += [f"{name} is no member" for name in sorted(planned.difference(started))]
    problems += [f"{brief(name)} is no master of the plan" for name in sorted(set(started) - planned) if name]
    if problems:
        return Verdict.FAIL, "; ".join(problems), "etcdctl member list; remove what is not a master, then resume"
    return Verdict.PASS, f"healthy, {len(started)} of {len(planned)} members started", ""


def _members(text: str) -> dict[str, bool]:
    """Whether each member has started, by name. A member that never did has no name."""
    members = document(text, "etcd's member list").get("members")
    if not isinstance(members, list) or not all(isinstance(member, dict) for member in members):
        raise Unreadable(f"etcd's member list has no members: {brief(text)}")
    return {str(member.get("name", "")): bool(member.get("name") and member.get("clientURLs")) for member in members}


CHECKS = (
    Check("etcd", "etcd", Level.NEEDED, _etcd, (ETCD_HEALTH, ETCD_MEMBERS), _MASTER),
    Check("api", "api", Level.NEEDED, _api, (APISERVER,), _MASTER),
    Check("node", "node", Level.MUST, _node_state, (NODES,), alone=False),
    Check("labels", "labels", Level.MUST, _labels, (NODES,), alone=False),
    Check("taints", "taints", Level.MAY, _taints, (NODES,), alone=False),
)
