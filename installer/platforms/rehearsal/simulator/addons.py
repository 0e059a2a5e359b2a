"""Addons of a stand-in cluster: what is applied is on record, and what runs pods is ready as far as nodes are."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from installer.artifacts.kinds import has_namespace
from installer.cluster.definitions import ESTABLISHED
from installer.platforms.rehearsal.records import AddonRecord, ClusterRecord
from installer.platforms.rehearsal.simulator import objects, stages
from installer.platforms.rehearsal.simulator.command import Command, Exit
from installer.platforms.rehearsal.simulator.documents import documents

_DEFINED = (".gateway.networking.k8s.io", ".cert-manager.io")
"""Ends of the names of definitions without which a stand-in's API has no such kinds; it takes any other kind."""
_INFRA, _MASTERS = "node-role.kubernetes.io/infra", "node-role.kubernetes.io/control-plane"

Identity = tuple[str, str, str]


async def apply(command: Command, known: ClusterRecord, name: str) -> None:
    """`craton-node addon NAME`. Raises Exit as kubectl would refuse the manifests."""
    command.enter(stages.addon_phase(name))
    manifests = documents(await command.read())
    if not manifests:
        raise Exit(2, f"craton-node: no manifests of the addon {name} on stdin")
    found = [_identity(manifest) for manifest in manifests]
    _refuse_unknown_kinds(known, manifests)
    _refuse_unknown_namespaces(known, found)
    applied = [f"{kind.lower()}/{object_name}" for kind, _, object_name in found]
    await command.stages(f"addon {name}", stages.addon(name, applied))
    before, last = known.addons.get(name), manifests[-1]
    kind, namespace, workload = found[-1]
    spec = last.get("spec") or {}
    pod = (spec.get("template") or {}).get("spec") or {}
    where = pod.get("nodeSelector") or {}
    known.addons[name] = AddonRecord(
        applied=before.applied if before else time.time(),
        namespace=namespace,
        kind=kind,
        workload=workload,
        annotations=last["metadata"].get("annotations", {}),
        replicas=spec.get("replicas", 0),
        infra=_INFRA in where,
        masters=_MASTERS in where,
        host_network=bool(pod.get("hostNetwork")),
        objects=found,
    )
    await _save(command, known)


async def get(command: Command, known: ClusterRecord, flags: Mapping[str, str]) -> None:
    """`kubectl get -f -`: those of the objects on stdin that the cluster has."""
    if "--ignore-not-found" not in flags or flags.get("--output") != "json":
        raise Exit(1, "error: a stand-in reads manifests with --ignore-not-found and -o json alone")
    manifests = documents(await command.read())
    _refuse_unknown_kinds(known, manifests)
    wanted = [_identity(manifest) for manifest in manifests]
    present = {identity: name for name, addon in known.addons.items() for identity in addon.objects}
    found = [_object(command, known, identity, present[identity]) for identity in wanted if identity in present]
    if len(found) > 1:
        command.say(json.dumps({"apiVersion": "v1", "kind": "List", "items": found}))
    elif found:
        command.say(json.dumps(found[0]))


async def delete(command: Command, known: ClusterRecord, flags: Mapping[str, str]) -> None:
    """`kubectl delete -f -`, or pods by a label. What is in a namespace goes with it."""
    if "--selector" in flags:  # pods, which are there again at once
        command.say("No resources found")
        return
    if "--ignore-not-found" not in flags:
        raise Exit(1, "error: a stand-in deletes manifests with --ignore-not-found alone")
    manifests = documents(await command.read())
    _refuse_unknown_kinds(known, manifests)
    gone = {_identity(manifest) for manifest in manifests}
    spaces = {name for kind, _, name in gone if kind == "Namespace"}
    for name, addon in list(known.addons.items()):
        addon.objects = [one for one in addon.objects if one not in gone and one[1] not in spaces]
        if (addon.kind, addon.namespace, addon.workload) not in addon.objects:
            del known.addons[name]
    for kind, _, object_name in sorted(gone):
        command.say(f'{kind.lower()} "{object_name}" deleted')
    await _save(command, known)


def _object(command: Command, known: ClusterRecord, identity: Identity, addon: str) -> dict[str, Any]:
    kind, namespace, name = identity
    record = known.addons[addon]
    if identity == (record.kind, record.namespace, record.workload):
        return objects.workload(command.site.record, addon, command.site.pace)
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    if kind in ("DaemonSet", "Deployment", "StatefulSet"):
        return objects.companion(command.site.record, kind, metadata, command.site.pace)
    return {"kind": kind, "metadata": metadata}


def _identity(manifest: Mapping[str, Any]) -> Identity:
    if not {"apiVersion", "kind", "metadata"} <= manifest.keys() or "name" not in manifest["metadata"]:
        raise Exit(1, "error: error validating data: apiVersion, kind and metadata must be set")
    kind, metadata = str(manifest["kind"]), manifest["metadata"]
    namespace = str(metadata.get("namespace", "default")) if has_namespace(kind) else ""
    return kind, namespace, str(metadata["name"])


def definitions(command: Command, known: ClusterRecord, names: Sequence[str], flags: Mapping[str, str]) -> None:
    """`kubectl get customresourcedefinitions NAME ...`, in the one form that Craton asks for."""
    if flags.get("--output") != f"go-template={ESTABLISHED}" or "--ignore-not-found" not in flags:
        raise Exit(1, "error: a stand-in lists definitions with --ignore-not-found and the template for them alone")
    for name in sorted(_defined(known) & set(names)):
        command.say(f"{name} True")


def _defined(known: ClusterRecord) -> set[str]:
    objects = (one for addon in known.addons.values() for one in addon.objects)
    return {name for kind, _, name in objects if kind == "CustomResourceDefinition"}


def _refuse_unknown_kinds(known: ClusterRecord, manifests: Sequence[Mapping[str, Any]]) -> None:
    """As kubectl does for kinds whose definitions the API doesn't have."""
    defined = _defined(known)
    for manifest in manifests:
        kind, version = str(manifest.get("kind")), str(manifest.get("apiVersion"))
        group = f".{version.partition('/')[0]}"
        if group in _DEFINED and not any(name.endswith(group) for name in defined):
            name = manifest["metadata"]["name"]
            observed = f'resource mapping not found for name: "{name}" namespace: "" from "STDIN": no matches for kind'
            raise Exit(1, f'error: {observed} "{kind}" in version "{version}"\nensure CRDs are installed first')


def _refuse_unknown_namespaces(known: ClusterRecord, found: list[Identity]) -> None:
    """As the API server does for what is applied before its namespace is there."""
    there = {name for addon in known.addons.values() for kind, _, name in addon.objects if kind == "Namespace"}
    there |= {"", "default", "kube-system", "kube-public", "kube-node-lease"}
    for kind, namespace, name in found:
        if namespace not in there:
            raise Exit(1, f'Error from server (NotFound): {kind} "{name}": namespaces "{namespace}" not found')
        if kind == "Namespace":
            there.add(name)


async def _save(command: Command, known: ClusterRecord) -> None:
    known.revision += 1
    await command.site.store.save()
