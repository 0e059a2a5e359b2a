"""Machines that answer craton-node's verbs of a cluster from memory, and remember what they were asked to do."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from ruamel.yaml import YAML

from installer.cluster.kubeadm import read_payload
from installer.common.errors import InstallerError
from installer.common.paths import ClusterDirectory
from installer.plan.model import InstallPlan
from installer.plan.rules import Role
from installer.plan.topology import Machine, topology
from installer.ssh.connection import Result, Running
from installer.ssh.diagnosis import Diagnosis
from installer.steps.world import World
from tests.doubles.kubeconfigs import given_by_master
from tests.doubles.planned_platform import PLANNED
from tests.doubles.rehearsal import StepContext
from tests.patience import PATIENCE

STATIC_PODS = "etcd,kube-apiserver,kube-controller-manager,kube-scheduler"
INVITATION = "token=abcdef.0123456789abcdef\nca_hash=sha256:aa\ncertificate_key=bb\nencryption_key=Y2M=\n"
DONE = Result(0, "", "")


@dataclass
class FakeMachine:
    """What one machine is in its cluster. `unreachable` is why nobody gets through to it."""

    plan: Machine
    member: str = ""
    begun: str = ""
    kubelet: str = "connection refused"
    serving: str = ""
    """What it says of the certificate that its kubelet serves with."""
    running: str = ""
    api: str = "connection refused"
    program: bool = True
    unreachable: str = ""

    def become(self, cluster: str) -> None:
        """A member that works."""
        self.member, self.begun, self.kubelet = cluster, "", "ok"
        if self.plan.role is Role.MASTER:
            self.running, self.api = STATIC_PODS, "ok"

    def condition(self) -> str:
        lines = {"member": self.member, "begun": self.begun, "kubelet": self.kubelet, "manifests": self.running}
        lines |= {"running": self.running, "api": self.api, "serving": self.serving}
        return "".join(f"{key}={value}\n" for key, value in lines.items())


@dataclass
class FakeCluster:
    """The cluster of `plan`. `asked` are (machine, verb with its arguments) of all that changes something.

    `fails` has results in place of those of a verb, `MACHINE VERB ...`, each once.
    """

    plan: InstallPlan
    machines: dict[str, FakeMachine] = field(init=False)
    members: dict[str, dict[str, Any]] = field(default_factory=dict)
    """etcd's members by their id, as etcd's JSON has them."""
    sick: set[str] = field(default_factory=set)
    """Names of etcd's members that are not healthy."""
    nodes: dict[str, dict[str, Any]] = field(default_factory=dict)
    listed: int = 0
    """How often somebody asked for the names of all nodes."""
    invited: int = 0
    """How often a master was asked for an invitation."""
    objects: dict[str, Any] = field(default_factory=dict)
    """What kubectl says, by its arguments up to the first option."""
    requests: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Kubelets' requests for certificates that wait: the user who asked, and kubectl's lines, by name."""
    configmaps: dict[str, Any] = field(default_factory=dict)
    """Of the namespace kube-system, by name."""
    applied: dict[tuple[str, str, str], dict[str, Any]] = field(default_factory=dict)
    """Objects that addons applied, by kind, namespace and name; what runs pods runs all of them."""
    secrets: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    """What Secrets hold, in base64, by namespace and name."""
    authentication: dict[str, str] = field(default_factory=dict)
    """The file of that name on each master."""
    believed: dict[str, str] = field(default_factory=dict)
    """What of it each API server goes by."""
    asks_issuer: int = 0
    """How often API servers still say that they go by what they knew before."""
    certificates: dict[str, str] = field(default_factory=dict)
    """What `certs show` says on each machine."""
    renewed: str = ""
    """What it says once they are renewed."""
    rolls_out: bool = True
    """Whether the pods of what addons apply come up."""
    asked: list[tuple[str, str]] = field(default_factory=list)
    sent: dict[str, str] = field(default_factory=dict)
    """The last stdin of each verb on each machine, `MACHINE VERB`."""
    fails: dict[str, Result] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.machines = {machine.name: FakeMachine(machine) for machine in topology(self.plan).machines}

    def founded(self, *names: str) -> FakeCluster:
        """With these machines as members that work."""
        for name in names:
            self.admit(name)
        return self

    def admit(self, name: str) -> None:
        machine = self.machines[name]
        machine.become(self.plan.name)
        if machine.plan.role is Role.MASTER:
            self.add_member(name)
        ready = {"type": "Ready", "status": "True"}
        self.nodes[name] = {"metadata": {"name": name, "labels": {}}, "spec": {}, "status": {"conditions": [ready]}}

    def add_member(self, name: str, *, started: bool = True, learner: bool = False) -> None:
        address = self.machines[name].plan.address
        member: dict[str, Any] = {"ID": str(1000 + len(self.members)), "peerURLs": [f"https://{address}:2380"]}
        if started:
            member |= {"name": name, "clientURLs": [f"https://{address}:2379"]}
        self.members[member["ID"]] = member | ({"isLearner": True} if learner else {})

    def did(self) -> list[str]:
        """What was changed, in order, as `MACHINE VERB ...`, machines without the cluster's name."""
        return [f"{machine.removeprefix(f'{self.plan.name}-')} {verb}" for machine, verb in self.asked]

    def context(self, deadline: float = PATIENCE) -> StepContext:
        directory = ClusterDirectory.of(self.plan.name)
        world = World(self.plan, topology(self.plan), directory, PLANNED, _Connections(self))
        return StepContext(world, deadline)

    def answer(self, name: str, words: list[str], stdin: str) -> Result:
        machine, (verb, *rest) = self.machines[name], words
        told = " ".join(words)
        if found := self._refused(machine, words, stdin):
            return found
        self.sent[f"{name} {verb}"] = stdin
        match verb, rest:
            case "status", []:
                return Result(0, f"program=x\nmember={machine.member}\ncgroup=2\ncontainer=no\n", "")
            case (("condition" | "survey"), []):
                before = self.answer(name, ["status"], "").stdout + "#condition\n" if verb == "survey" else ""
                return Result(0, before + machine.condition(), "")
            case "certs", ["show"]:
                return Result(0, self.certificates[name], "")
            case "etcd", ["members"]:
                return Result(0, json.dumps({"members": list(self.members.values())}), "")
            case "etcd", ["health", *urls]:
                return Result(0, "".join(f"{url} {self._health(url)}\n" for url in urls), "")
            case "kubectl", ["get", *what]:
                return self._get(what, stdin)
            case "kubectl", ["logs", *_]:
                return Result(0, self.objects.get("logs", ""), "")
            case "kubectl", ["replace", "--raw", path, "-f", "-"]:
                self.asked.append((name, told))
                return self._approve(path, json.loads(stdin))
            case ("policies", ["sums"]) | ("invite", []) | ("kubeconfig", []):
                return Result(0, self._given(name, verb), "")
        self.asked.append((name, told))
        self._do(name, words)
        return DONE

    def _refused(self, machine: FakeMachine, words: list[str], stdin: str) -> Result | None:
        """What `fails` has for it, or that there is no program, or kinds that somebody has to define first."""
        if found := self.fails.pop(f"{machine.plan.name} {' '.join(words)}", None):
            return found
        if not machine.program:
            return Result(127, "", "sh: 1: craton-node: not found")
        if words[0] != "addon" and words[1:4] not in (["get", "--filename", "-"], ["delete", "--filename", "-"]):
            return None
        for each in _documents(stdin):
            group = str(each.get("apiVersion")).partition("/")[0]
            if group in _DEFINED and not any(name.endswith(f".{group}") for name in self._definitions()):
                return Result(1, "", f'no matches for kind "{each["kind"]}" in version "{each["apiVersion"]}"')
        return None

    def _definitions(self) -> set[str]:
        return {name for kind, _, name in self.applied if kind == "CustomResourceDefinition"}

    def _given(self, name: str, verb: str) -> str:
        if verb == "policies":
            texts = {"authentication.yaml": self.authentication.get(name, ""), "in use": self._believed(name)}
            return "".join(f"{hashlib.sha256(text.encode()).hexdigest()}  {what}\n" for what, text in texts.items())
        if verb == "invite":
            self.invited += 1
            return INVITATION
        return given_by_master(self.plan)

    def _believed(self, name: str) -> str:
        """An API server that asks its issuer goes by what it knew before for as many looks as `asks_issuer` says."""
        text = self.authentication.get(name, "")
        if self.asks_issuer and text != self.believed.get(name, ""):
            self.asks_issuer -= 1
        else:
            self.believed[name] = text
        return self.believed.get(name, "")

    def _do(self, name: str, words: list[str]) -> None:
        match words:
            case ["init" | "join"]:
                self.admit(name)
            case ["reset"]:
                machine = self.machines[name]
                self.machines[name] = FakeMachine(machine.plan)
            case ["policies"]:
                self.authentication[name] = read_payload(self.sent[f"{name} policies"])["authentication.yaml"]
            case ["certs", _]:
                self.certificates[name] = self.renewed
            case ["addon", _]:
                self._apply(_documents(self.sent[f"{name} addon"]))
            case ["etcd", "remove", id]:
                del self.members[id]
            case ["kubectl", *rest]:
                self._kubectl(name, rest)

    def _kubectl(self, name: str, words: list[str]) -> None:
        match words:
            case ["apply", *_]:
                for each in json.loads(self.sent[f"{name} kubectl"])["items"]:
                    if each["kind"] == "Secret":
                        self.secrets[each["metadata"]["namespace"], each["metadata"]["name"]] = each["data"]
            case ["delete", "--filename", "-", *_]:
                for each in _identities(self.sent[f"{name} kubectl"]):
                    self.applied.pop(each, None)
            case ["replace", "-f", "-"]:
                changed = json.loads(self.sent[f"{name} kubectl"])
                self.configmaps[changed["metadata"]["name"]] = changed
            case ["delete", "node", node, *_]:
                self.nodes.pop(node, None)

    def _apply(self, documents: list[dict[str, Any]]) -> None:
        self.applied |= {_identity(each): _running(each) if self.rolls_out else each for each in documents}

    def _health(self, url: str) -> str:
        name = next(member["name"] for member in self.members.values() if url in member.get("clientURLs", ()))
        return "context deadline exceeded" if name in self.sick else "ok"

    def _approve(self, path: str, changed: dict[str, Any]) -> Result:
        """As the API server: only for the very object that was read."""
        request = path.split("/")[-2]
        user, lines = self.requests[request]
        metadata = changed["metadata"]
        if not {f"uid {metadata['uid']}", f"version {metadata['resourceVersion']}"} <= set(lines.splitlines()):
            return Result(1, "", f'Error from server (Conflict): Operation cannot be fulfilled on "{request}"')
        assert [one["type"] for one in changed["status"]["conditions"]] == ["Approved"]
        del self.requests[request]
        self.machines[user.removeprefix("system:node:")].serving = "ok"
        return DONE

    def _get(self, what: list[str], stdin: str) -> Result:
        if what == ["--filename", "-", "--ignore-not-found", "-o", "json"]:
            items = [self.applied[each] for each in _identities(stdin) if each in self.applied]
            return Result(0, json.dumps({"kind": "List", "items": items}) if items else "", "")
        if what[0] == "secret" and (kept := self.secrets.get((what[what.index("-n") + 1], what[1]))):
            return Result(0, json.dumps({"kind": "Secret", "data": kept}), "")
        if what[0] == "customresourcedefinitions":
            names = sorted(self._definitions() & set(what[1 : what.index("--ignore-not-found")]))
            return Result(0, "".join(f"{name} True\n" for name in names), "")
        if what[0] == "node":
            names = what[1 : what.index("--ignore-not-found")]
            nodes = [self.nodes[name] for name in names if name in self.nodes]
            shown = {"kind": "List", "items": nodes} if len(names) > 1 else next(iter(nodes), None)
            return Result(0, json.dumps(shown) if nodes else "", "")
        if what == ["nodes", "-o", "name"]:
            self.listed += 1
            return Result(0, "".join(f"node/{name}\n" for name in self.nodes), "")
        if what[0] == "nodes":
            return Result(0, json.dumps({"items": list(self.nodes.values())}), "")
        if what[0] == "certificatesigningrequests":
            return Result(0, "".join(lines for user, lines in self.requests.values() if f'"{user}"' in what[-1]), "")
        if what[0] == "configmap":
            found = self.configmaps.get(what[1])
            return Result(0, json.dumps(found), "") if found else Result(1, "", "Error from server (NotFound)")
        found = self.objects.get(what[0])
        return Result(0, json.dumps(found) if found else "", "")


_DEFINED = ("gateway.networking.k8s.io", "cert-manager.io")
"""Groups whose kinds the API knows once somebody defined them."""


def _documents(text: str) -> list[dict[str, Any]]:
    return [dict(each) for each in YAML(typ="safe").load_all(text)]


def _identities(text: str) -> list[tuple[str, str, str]]:
    return [_identity(each) for each in _documents(text)]


def _identity(found: dict[str, Any]) -> tuple[str, str, str]:
    return found["kind"], found["metadata"].get("namespace", ""), found["metadata"]["name"]


def _running(found: dict[str, Any]) -> dict[str, Any]:
    if found["kind"] == "DaemonSet":
        counts = {"desiredNumberScheduled": 1, "numberReady": 1, "updatedNumberScheduled": 1}
        return {**found, "status": counts}
    if found["kind"] in ("Deployment", "StatefulSet"):
        replicas = found["spec"]["replicas"]
        return {**found, "status": {"readyReplicas": replicas, "updatedReplicas": replicas}}
    if condition := {"Gateway": "Programmed", "Certificate": "Ready"}.get(found["kind"]):
        return {**found, "status": {"conditions": [{"type": condition, "status": "True"}]}}
    return found


@dataclass
class _Connections:
    """Implements installer.node.connection.Connections."""

    cluster: FakeCluster

    def get(self, machine: str, deadline: float) -> _Connection:
        why = self.cluster.machines[machine].unreachable
        if why:
            raise InstallerError("connect", why, machine=machine, retryable=True)
        return _Connection(self.cluster, machine)

    def diagnose(self, machine: str, deadline: float, *, errand: object = None) -> Diagnosis:
        raise NotImplementedError

    def fresh(self, machine: str, deadline: float) -> _Connection:
        return self.get(machine, deadline)

    def close(self) -> None:
        return


@dataclass
class _Connection:
    cluster: FakeCluster
    machine: str
    user: str = "root"
    host_key: str = "ssh-ed25519 AAAA"

    def run(
        self,
        command: str,
        *,
        stdin: str | BinaryIO = "",
        deadline: float,
        on_line: Callable[[str], None] | None = None,
        secret: bool = False,
    ) -> Result:
        assert isinstance(stdin, str)
        return self.cluster.answer(self.machine, shlex.split(command)[1:], stdin)

    def start(self, command: str, *, stdin: str = "") -> AbstractContextManager[Running]:
        raise NotImplementedError

    def close(self) -> None:
        return
