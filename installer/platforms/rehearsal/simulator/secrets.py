"""Secrets of a stand-in cluster: applied from stdin, and read again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from installer.platforms.rehearsal.records import ClusterRecord
from installer.platforms.rehearsal.simulator.command import Command, Exit


async def secrets(command: Command, known: ClusterRecord, words: Sequence[str], flags: Mapping[str, str]) -> None:
    """`kubectl apply -f -` of a List of Secrets and their namespaces, and `kubectl get secret NAME`."""
    if words[0] == "apply":
        await _apply(command, known, flags)
        return
    if flags.get("--output") != "json":
        raise Exit(1, "error: a stand-in knows no output but -o json")
    namespace, name = flags.get("--namespace", "default"), words[2]
    found = known.secrets.get(f"{namespace}/{name}")
    if found is not None:
        command.say(json.dumps({"kind": "Secret", "metadata": {"name": name, "namespace": namespace}, "data": found}))
    elif "--ignore-not-found" not in flags:
        raise Exit(1, f'Error from server (NotFound): secrets "{name}" not found')


async def _apply(command: Command, known: ClusterRecord, flags: Mapping[str, str]) -> None:
    command.enter("ingress")
    if flags.get("--filename") != "-" or "--server-side" not in flags or not flags.get("--field-manager"):
        raise Exit(1, "error: a stand-in applies from stdin, server-side and as a field manager alone")
    try:
        items = json.loads(await command.read())["items"]
        spaces = {item["metadata"]["name"] for item in items if item["kind"] == "Namespace"}
        found = [item for item in items if item["kind"] == "Secret"]
        placed = {(item["metadata"]["namespace"], item["metadata"]["name"]): item["data"] for item in found}
    except (ValueError, KeyError, TypeError):
        raise Exit(1, "error: error validating data: a stand-in applies Lists of Secrets and Namespaces") from None
    await command.pause(0.3, "apply", *sorted(spaces))
    await command.strike()
    for (namespace, name), data in placed.items():
        if namespace not in spaces:
            raise Exit(1, f'Error from server (NotFound): namespaces "{namespace}" not found')
        known.secrets[f"{namespace}/{name}"] = data
        command.say(f"secret/{name} serverside-applied")
    known.revision += 1
    await command.site.store.save()
