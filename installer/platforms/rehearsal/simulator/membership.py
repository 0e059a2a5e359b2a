"""`craton-node init`, `join` and `reset` on a stand-in machine: what kubeadm and etcd would refuse is refused."""

from __future__ import annotations

import hashlib
import time
from typing import Any

from installer.cluster.kubeadm import read_payload
from installer.plan.rules import Role
from installer.platforms.rehearsal.records import ClusterRecord, MachineRecord
from installer.platforms.rehearsal.simulator import certificates, cluster, expiry, objects, stages
from installer.platforms.rehearsal.simulator.command import Command, Exit, Stage
from installer.platforms.rehearsal.simulator.documents import document, documents

Payload = dict[str, str]
_CONFIGURATION = "kubeadm.yaml"
_KUBELET = "kubelet.config.k8s.io/v1beta1"


async def init(command: Command) -> None:
    command.enter("control-plane")
    machine, record = command.machine, command.site.record
    payload = await _payload(command)
    found = documents(payload[_CONFIGURATION])
    settings, start = document(found, "ClusterConfiguration"), document(found, "InitConfiguration")
    if record.cluster is not None and machine.member == record.cluster.name:
        command.say("already done")
        return
    version = str(settings.get("kubernetesVersion", ""))
    _check_machine(machine, version, start, start.get("localAPIEndpoint", {}))
    if record.cluster is not None:
        raise Exit(1, f"error: another control plane answers at {record.cluster.api}")
    kept = {f"{certificates.KEPT}{name}": text for name, text in payload.items() if name != _CONFIGURATION}
    certificates.check_files(machine.files | kept, settings)
    key = _encryption_key(payload)
    kubelet = document(found, "KubeletConfiguration", _KUBELET)
    await _begin(command, "init", stages.INIT)
    api = str(settings.get("controlPlaneEndpoint", ""))
    record.cluster = cluster.found(str(settings.get("clusterName", "kubernetes")), version, api, key)
    record.cluster.configuration, record.cluster.kubelet = settings, kubelet
    machine.files |= kept
    await _end(command, record.cluster, start)


async def join(command: Command) -> None:
    machine, record = command.machine, command.site.record
    known, master = record.cluster, machine.role is Role.MASTER
    command.enter("control-plane" if master else "join")
    payload = await _payload(command)
    configuration = document(documents(payload[_CONFIGURATION]), "JoinConfiguration")
    if known is not None and machine.member == known.name:
        command.say("already done")
        return
    if machine.member:
        raise Exit(1, f"error: the machine is a node of {machine.member}")
    token = str(configuration.get("discovery", {}).get("bootstrapToken", {}).get("token", ""))
    known = _check_invitation(known, configuration, token)
    if not cluster.has_quorum(record):
        raise Exit(1, "error execution phase preflight: couldn't validate the API server's identity: timed out")
    control_plane = configuration.get("controlPlane") or {}
    endpoint = control_plane.get("localAPIEndpoint", {}) if master else {"advertiseAddress": machine.address}
    _check_machine(machine, known.kubernetes, configuration, endpoint)
    kept = {f"{certificates.KEPT}{name}": text for name, text in payload.items() if name != _CONFIGURATION}
    if master:
        _check_keys(known, control_plane, payload)
        certificates.check_files(machine.files | kept, known.configuration)
        _check_etcd(command, known)
    await _begin(command, "join", stages.JOIN_MASTER if master else stages.JOIN_NODE)
    if record.cluster is not known:
        raise Exit(1, "error: the control plane went away meanwhile")
    machine.files |= kept
    await _end(command, known, configuration)


async def reset(command: Command) -> None:
    machine = command.machine
    if not machine.member and not machine.begun:
        command.say("already done")
        return
    await command.pause(1.5, "reset")
    command.say("[reset] Stopping the kubelet service")
    cluster.leave(command.site.record, machine)
    await command.site.store.save()


async def policies(command: Command, _known: ClusterRecord, arguments: list[str]) -> None:
    if arguments:
        text = command.machine.files.get(f"{certificates.KEPT}authentication.yaml", "")
        for what in ("authentication.yaml", "in use"):
            command.say(f"{hashlib.sha256(text.encode()).hexdigest()}  {what}")
        return
    try:
        files = read_payload(await command.read())
    except ValueError as error:
        raise Exit(2, f"craton-node: {error}") from None
    command.machine.files |= {f"{certificates.KEPT}{name}": text for name, text in files.items()}
    await command.site.store.save()


async def _payload(command: Command) -> Payload:
    try:
        payload = read_payload(await command.read())
    except ValueError as error:
        raise Exit(2, f"craton-node: {error}") from None
    if _CONFIGURATION not in payload:
        raise Exit(2, f"craton-node: the payload on stdin has no {_CONFIGURATION}")
    return payload


async def _begin(command: Command, verb: str, todo: tuple[Stage, ...]) -> None:
    command.machine.begun = verb
    await command.site.store.save()
    await command.stages(verb, todo)


async def _end(command: Command, known: ClusterRecord, configuration: dict[str, Any]) -> None:
    registration = configuration.get("nodeRegistration", {})
    taints = [objects.taint_text(taint) for taint in registration.get("taints") or []]
    given = {str(one.get("name")): str(one.get("value")) for one in registration.get("kubeletExtraArgs") or []}
    cluster.admit(known, command.machine, taints, _provider_id(given))
    certificates.configure(known, command.machine)
    expiry.made(command.machine, expiring=command.expiring)
    command.machine.begun = ""
    await command.site.store.save()


def _provider_id(given: dict[str, str]) -> str:
    """What a cloud calls the machine, if the kubelet has one. Raises Exit as the kubelet would end."""
    if given.get("cloud-provider", "") not in ("", "external"):
        raise Exit(1, f"error: kubelet: unknown cloud provider {given['cloud-provider']!r}")
    return given.get("provider-id", "") if given.get("cloud-provider") else ""


def _check_machine(
    machine: MachineRecord, version: str, configuration: dict[str, Any], endpoint: dict[str, Any]
) -> None:
    """What kubeadm's preflight would refuse."""
    if machine.prepared != version:
        raise Exit(1, f"[ERROR KubeletVersion]: prepared for {machine.prepared or 'nothing'}, not for {version}")
    name = configuration.get("nodeRegistration", {}).get("name")
    if name != machine.name:
        raise Exit(1, f"[ERROR Hostname]: the node is to be {name}, this machine is {machine.name}")
    if endpoint.get("advertiseAddress") != machine.address:
        raise Exit(1, f"[ERROR Address]: no interface has the address {endpoint.get('advertiseAddress')}")


def _encryption_key(payload: Payload) -> str:
    found = documents(payload.get("encryption.yaml", ""))
    try:
        return str(found[0]["resources"][0]["providers"][0]["secretbox"]["keys"][0]["secret"])
    except (IndexError, KeyError, TypeError):
        raise Exit(2, "craton-node: the payload's encryption.yaml has no key") from None


def _check_invitation(known: ClusterRecord | None, configuration: dict[str, Any], token: str) -> ClusterRecord:
    hashes = configuration.get("discovery", {}).get("bootstrapToken", {}).get("caCertHashes", [])
    if known is None:
        raise Exit(1, "error execution phase preflight: couldn't reach the API server: connection refused")
    if known.ca_hash not in hashes:
        raise Exit(1, "error execution phase preflight: cluster CA found, but none of the public keys is pinned")
    if known.tokens.get(token, 0.0) <= time.time():
        observed = f'token id "{token.partition(".")[0]}" is invalid for this cluster or it has expired'
        raise Exit(1, f"error execution phase preflight: couldn't validate the API server's identity: {observed}")
    return known


def _check_keys(known: ClusterRecord, control_plane: dict[str, Any], payload: Payload) -> None:
    if control_plane.get("certificateKey") != known.certificate_key:
        observed = "the certificate key does not decrypt"
        raise Exit(1, f"error execution phase control-plane-prepare/download-certs: {observed}")
    if _encryption_key(payload) != known.encryption_key:
        raise Exit(1, "error: kube-apiserver: the key of encryption.yaml is not that of the other masters")


def _check_etcd(command: Command, known: ClusterRecord) -> None:
    """etcd takes no member while another one is away, nor one that it has already."""
    machine, record = command.machine, command.site.record
    failed = "error execution phase etcd-join: error creating local etcd static pod manifest file"
    if any(member.address == machine.address for member in known.members.values()):
        raise Exit(1, f"{failed}: etcdserver: Peer URLs already exists: https://{machine.address}:2380")
    if len(cluster.up(record)) < len(known.members):
        raise Exit(1, f"{failed}: etcdserver: unhealthy cluster")
