"""The ConfigMaps that a stand-in cluster has: what kubeadm keeps of its configuration."""

from __future__ import annotations

import json
from typing import Any

from installer.platforms.rehearsal.records import ClusterRecord
from installer.platforms.rehearsal.simulator.command import Command, Exit
from installer.platforms.rehearsal.simulator.documents import documents

_KEYS = {"kubeadm-config": ("ClusterConfiguration", "configuration"), "kubelet-config": ("kubelet", "kubelet")}
"""By name: the key that the document is under, and where the record has it."""


def get(command: Command, known: ClusterRecord, name: str, flags: dict[str, str]) -> None:
    if flags.get("--namespace") != "kube-system" or name not in _KEYS:
        raise Exit(1, f'Error from server (NotFound): configmaps "{name}" not found')
    if flags.get("--output") != "json":
        raise Exit(1, "error: a stand-in knows no output but -o json")
    key, field = _KEYS[name]
    command.say(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": name, "namespace": "kube-system", "resourceVersion": str(known.revision)},
                "data": {key: json.dumps(getattr(known, field))},
            }
        )
    )


async def replace(command: Command, known: ClusterRecord) -> None:
    found: dict[str, Any] = next(iter(documents(await command.read())), {})
    metadata = found.get("metadata", {})
    name = str(metadata.get("name", ""))
    if found.get("kind") != "ConfigMap" or name not in _KEYS:
        raise Exit(1, f'Error from server (NotFound): error when replacing "STDIN": "{name}" not found')
    if metadata.get("resourceVersion") != str(known.revision):
        raise Exit(1, f'Error from server (Conflict): Operation cannot be fulfilled on configmaps "{name}"')
    key, field = _KEYS[name]
    setattr(known, field, next(iter(documents(str(found["data"][key]))), {}))
    known.revision += 1
    await command.site.store.save()
    command.say(f"configmap/{name} replaced")
