"""A double of `craton-node`: every verb of installer.node.program, with simulated effects and believable words."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import time
from typing import Any

from installer.contract import Role
from installer.platforms.rehearsal import cluster, stages
from installer.platforms.rehearsal.command import Command, Exit
from installer.platforms.rehearsal.kubectl import kubectl
from installer.platforms.rehearsal.records import ClusterRecord


async def craton_node(command: Command, verb: str, arguments: list[str]) -> None:
    """Run one verb. Raises Exit unless it succeeds."""
    match verb, arguments:
        case "status", []:
            _status(command)
        case "prepare", []:
            await _prepare(command)
        case "init", []:
            await _init(command)
        case "invite", []:
            await _invite(command, _control_plane(command))
        case "join", []:
            await _join(command)
        case "addon", [name] if name in stages.ADDONS:
            await _addon(command, _control_plane(command), name)
        case "kubectl", [_, *_]:
            await kubectl(command, _control_plane(command), arguments)
        case "kubeconfig", []:
            command.say(_kubeconfig(_control_plane(command)))
        case "reset", []:
            await _reset(command)
        case _:
            raise Exit(2, f"craton-node: no such verb: {' '.join([verb, *arguments])}")


def _status(command: Command) -> None:
    machine, known = command.machine, command.site.record.cluster
    addons = ",".join(sorted(known.addons)) if known and machine.member and machine.role is Role.MASTER else ""
    command.say(f"prepared={machine.prepared}")
    command.say(f"configuration={machine.configuration}")
    command.say(f"kubelet={'active' if machine.member else 'inactive'}")
    command.say(f"member={machine.member}")
    command.say(f"addons={addons}")
    command.say("program=built-in")
    command.say("claim=")
    command.say("architecture=amd64")


async def _prepare(command: Command) -> None:
    command.enter("prepare")
    machine, text = command.machine, await command.read()
    version = _setting(text, "KUBERNETES")
    if machine.prepared not in ("", version):
        machine.done = [key for key in machine.done if not key.startswith("prepare/")]
    machine.prepared = machine.configuration = ""
    await command.stages("prepare", stages.prepare(version))
    machine.prepared = version
    machine.configuration = hashlib.sha256(text.encode()).hexdigest()
    await command.site.store.save()


def _setting(configuration: str, key: str) -> str:
    """The value of a line `KEY='value'`."""
    found = re.search(rf"^{key}='([^']+)'$", configuration, re.MULTILINE)
    if found is None:
        raise Exit(2, f"craton-node: the configuration on stdin names no {key}")
    return found[1]


async def _init(command: Command) -> None:
    command.enter("control-plane")
    machine, record = command.machine, command.site.record
    documents = _documents(await command.read())
    settings, start = _document(documents, "ClusterConfiguration"), _document(documents, "InitConfiguration")
    version = str(settings.get("kubernetesVersion", ""))
    _check_machine(command, version, start, start.get("localAPIEndpoint", {}))
    if record.cluster and machine.name not in record.cluster.members:
        raise Exit(1, f"error: another control plane answers at {record.cluster.api}")
    await command.stages("init", stages.INIT)
    if record.cluster is None:
        api = str(settings.get("controlPlaneEndpoint", ""))
        record.cluster = cluster.found(str(settings.get("clusterName", "kubernetes")), version, api)
        cluster.admit(record.cluster, machine, _taints(start))
    await command.site.store.save()


async def _invite(command: Command, known: ClusterRecord) -> None:
    token = cluster.invite(known)
    await command.site.store.save()
    command.say(f"token={token}\nca_hash={known.ca_hash}\ncertificate_key={known.certificate_key}")


async def _join(command: Command) -> None:
    machine, known = command.machine, command.site.record.cluster
    master = machine.role is Role.MASTER
    command.enter("control-plane" if master else "join")
    configuration = _document(_documents(await command.read()), "JoinConfiguration")
    token = str(configuration.get("discovery", {}).get("bootstrapToken", {}).get("token", ""))
    if known is not None and machine.member == known.name:
        command.say("already done")
        return
    if machine.member:
        raise Exit(1, f"error: the machine is a node of {machine.member}")
    _check_invitation(known, configuration, token)
    assert known is not None
    control_plane = configuration.get("controlPlane") or {}
    if master and control_plane.get("certificateKey") != known.certificate_key:
        raise Exit(
            1, "error execution phase control-plane-prepare/download-certs: the certificate key does not decrypt"
        )
    endpoint = control_plane.get("localAPIEndpoint", {}) if master else {"advertiseAddress": machine.address}
    _check_machine(command, known.kubernetes, configuration, endpoint)
    await command.stages("join", stages.JOIN_MASTER if master else stages.JOIN_NODE)
    if command.site.record.cluster is not known:
        raise Exit(1, "error: the control plane went away meanwhile")
    known.tokens.pop(token, None)
    cluster.admit(known, machine, _taints(configuration))
    await command.site.store.save()


def _check_invitation(known: ClusterRecord | None, configuration: dict[str, Any], token: str) -> None:
    hashes = configuration.get("discovery", {}).get("bootstrapToken", {}).get("caCertHashes", [])
    if known is None:
        raise Exit(1, "error execution phase preflight: couldn't reach the API server: connection refused")
    if known.ca_hash not in hashes:
        raise Exit(1, "error execution phase preflight: cluster CA found, but none of the public keys is pinned")
    if known.tokens.get(token, 0.0) <= time.time():
        observed = f'token id "{token.partition(".")[0]}" is invalid for this cluster or it has expired'
        raise Exit(1, f"error execution phase preflight: couldn't validate the API server's identity: {observed}")


def _check_machine(command: Command, version: str, configuration: dict[str, Any], endpoint: dict[str, Any]) -> None:
    """What kubeadm's preflight would refuse."""
    machine = command.machine
    if machine.prepared != version:
        raise Exit(1, f"[ERROR KubeletVersion]: prepared for {machine.prepared or 'nothing'}, not for {version}")
    name = configuration.get("nodeRegistration", {}).get("name")
    if name != machine.name:
        raise Exit(1, f"[ERROR Hostname]: the node is to be {name}, this machine is {machine.name}")
    if endpoint.get("advertiseAddress") != machine.address:
        raise Exit(1, f"[ERROR Address]: no interface has the address {endpoint.get('advertiseAddress')}")


async def _addon(command: Command, known: ClusterRecord, name: str) -> None:
    command.enter(stages.ADDON_PHASES[name])
    if name != "overlay" and "overlay" not in known.addons:
        raise Exit(1, "error: timed out waiting for the rollout to finish: no pod network")
    await command.stages(f"addon {name}", stages.ADDONS[name])
    known.addons.setdefault(name, time.time())
    await command.site.store.save()


async def _reset(command: Command) -> None:
    await command.pause(1.5, "reset")
    command.say("[reset] Stopping the kubelet service")
    cluster.expel(command.site.record, command.machine)
    await command.site.store.save()


def _control_plane(command: Command) -> ClusterRecord:
    known = command.site.record.cluster
    if known is None or command.machine.name not in known.members:
        raise Exit(1, "error: open /etc/kubernetes/admin.conf: no such file or directory")
    return known


def _kubeconfig(known: ClusterRecord) -> str:
    """A kubeconfig in shape only: its certificates are random bytes that open nothing."""
    filler = {name: base64.b64encode(secrets.token_bytes(48)).decode() for name in ("ca", "certificate", "key")}
    return f"""\
apiVersion: v1
kind: Config
clusters:
- name: {known.name}
  cluster:
    certificate-authority-data: {filler["ca"]}
    server: https://{known.api}
contexts:
- name: kubernetes-admin@{known.name}
  context:
    cluster: {known.name}
    user: kubernetes-admin
current-context: kubernetes-admin@{known.name}
users:
- name: kubernetes-admin
  user:
    client-certificate-data: {filler["certificate"]}
    client-key-data: {filler["key"]}"""


def _documents(text: str) -> list[dict[str, Any]]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        documents = list(YAML(typ="safe", pure=True).load_all(text))
    except YAMLError as error:
        raise Exit(3, f"error: unable to read the configuration: {str(error).splitlines()[0]}") from None
    return [document for document in documents if isinstance(document, dict)]


def _document(documents: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    for document in documents:
        if document.get("kind") == kind and document.get("apiVersion") == "kubeadm.k8s.io/v1beta4":
            return document
    raise Exit(3, f"error: no {kind} of kubeadm.k8s.io/v1beta4 on stdin")


def _taints(configuration: dict[str, Any]) -> list[str]:
    return [cluster.taint_text(taint) for taint in configuration.get("nodeRegistration", {}).get("taints") or []]
