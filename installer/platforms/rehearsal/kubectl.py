"""The part of kubectl that a stand-in master knows: get, label and taint nodes."""

from __future__ import annotations

import json
import re

from installer.platforms.rehearsal import cluster
from installer.platforms.rehearsal.command import Command, Exit
from installer.platforms.rehearsal.records import ClusterRecord, NodeRecord

_TAINT = re.compile(r"(?P<key>[^=:]+)(=(?P<value>[^:]*))?:(?P<effect>NoSchedule|PreferNoSchedule|NoExecute)")


async def kubectl(command: Command, known: ClusterRecord, arguments: list[str]) -> None:
    flags = [argument for argument in arguments if argument.startswith("-")]
    words = [argument for argument in arguments if not argument.startswith("-")]
    if "-o" in flags and "json" in words:
        words.remove("json")
        flags.append("-o=json")
    match words:
        case ["get", "node" | "nodes", *names]:
            _get(command, known, names, flags)
        case ["label", "node" | "nodes", name, *changes] if changes:
            command.enter("join")
            await command.pause(0.3, "label", name)
            await command.strike()
            _label(_node(known, name).labels, name, changes, overwrite="--overwrite" in flags)
            await command.site.store.save()
            command.say(f"node/{name} labeled")
        case ["taint", "node" | "nodes", name, *changes] if changes:
            command.enter("join")
            await command.pause(0.2, "taint", name)
            await command.strike()
            node = _node(known, name)
            node.taints = _tainted(node.taints, name, changes, overwrite="--overwrite" in flags)
            await command.site.store.save()
            command.say(f"node/{name} tainted")
        case _:
            raise Exit(
                1, f'error: unknown command "{" ".join(words[:1])}": a stand-in knows get, label and taint nodes'
            )


def _node(known: ClusterRecord, name: str) -> NodeRecord:
    if name not in known.nodes:
        raise Exit(1, f'Error from server (NotFound): nodes "{name}" not found')
    return known.nodes[name]


def _get(command: Command, known: ClusterRecord, names: list[str], flags: list[str]) -> None:
    if "-o=json" not in flags and "-ojson" not in flags:
        raise Exit(1, "error: a stand-in knows no output but -o json")
    missing = [name for name in names if name not in known.nodes]
    if missing and "--ignore-not-found" not in flags:
        raise Exit(1, f'Error from server (NotFound): nodes "{missing[0]}" not found')
    wanted = [name for name in (names or sorted(known.nodes)) if name in known.nodes]
    objects = [cluster.node_object(command.site.record, name, command.site.pace) for name in wanted]
    if len(names) == 1:
        if objects:
            command.say(json.dumps(objects[0], indent=4))
        return
    command.say(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}, indent=4))


def _label(labels: dict[str, str], name: str, changes: list[str], *, overwrite: bool) -> None:
    for change in changes:
        if change.endswith("-") and "=" not in change:
            labels.pop(change[:-1], None)
            continue
        key, equals, value = change.partition("=")
        if not equals:
            raise Exit(1, f"error: at least one label update is required; {change!r} is none")
        if labels.get(key, value) != value and not overwrite:
            message = f"error: '{key}' already has a value ({labels[key]}), and --overwrite is false"
            raise Exit(1, f"{message} (node {name})")
        labels[key] = value


def _tainted(taints: list[str], name: str, changes: list[str], *, overwrite: bool) -> list[str]:
    result = list(taints)
    for change in changes:
        found = _TAINT.fullmatch(change.removesuffix("-"))
        if not found:
            raise Exit(1, f"error: invalid taint spec: {change}")
        same = [taint for taint in result if _identity(taint) == (found["key"], found["effect"])]
        if same and not overwrite and not change.endswith("-"):
            raise Exit(1, f"error: node {name} already has {found['key']} taint(s) with same effect(s)")
        result = [taint for taint in result if taint not in same]
        if not change.endswith("-"):
            result.append(f"{found['key']}={found['value'] or ''}:{found['effect']}")
    return result


def _identity(taint: str) -> tuple[str, str]:
    """Key and effect: a node has no two taints that share both."""
    return taint.partition("=")[0], taint.rpartition(":")[2]
