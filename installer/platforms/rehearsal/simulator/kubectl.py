"""The part of kubectl that a stand-in master knows: nodes and pods, and what is done to nodes."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

from installer.cluster import overview
from installer.platforms.rehearsal.records import ClusterRecord, NodeRecord
from installer.platforms.rehearsal.simulator import addons, certificates, configmaps, objects, secrets
from installer.platforms.rehearsal.simulator.command import Command, Exit

_TAINT = re.compile(r"(?P<key>[^=:]+)(=(?P<value>[^:]*))?:(?P<effect>NoSchedule|PreferNoSchedule|NoExecute)")
_OF_USERS = re.compile(
    r'go-template=\{\{range \.items\}\}\{\{if eq \.spec\.username(?P<users>( "[^"]+")+)\}\}.*', re.DOTALL
)
_APPROVAL = re.compile(r"/apis/certificates\.k8s\.io/v1/certificatesigningrequests/(?P<name>[a-z0-9-]+)/approval")
_SHORT = {"-A": "--all-namespaces", "-f": "--filename", "-l": "--selector", "-n": "--namespace", "-o": "--output"}
_WITH_VALUE = {
    "--field-manager",
    "--field-selector",
    "--filename",
    "--namespace",
    "--output",
    "--raw",
    "--selector",
    "--sort-by",
    "--timeout",
}
"""Flags whose value may be the next word."""

Flags = dict[str, str]
Verb = Callable[[Command, ClusterRecord, str, list[str], Flags], Awaitable[None]]


async def kubectl(command: Command, known: ClusterRecord, arguments: list[str]) -> None:
    words, flags = _parsed(arguments)
    match words:
        case ["get", "node" | "nodes" | "customresourcedefinitions" as what, *names]:
            (_get_nodes if what.startswith("node") else addons.definitions)(command, known, names, flags)
        case ["get", "pod" | "pods" | "event" | "events" as what]:
            _get_pods(command, flags) if what.startswith("pod") else _list(command, [])
        case ["apply"] | ["get", "secret" | "secrets", _]:
            await secrets.secrets(command, known, words, flags)
        case ["get", "configmap" | "cm", name]:
            configmaps.get(command, known, name, flags)
        case ["replace"] if (path := _APPROVAL.fullmatch(flags.get("--raw", ""))) and flags.get("--filename") == "-":
            certificates.approve(known, command.site.record.machines, path["name"], await command.read())
            await _changed(command, known, json.dumps({"kind": "CertificateSigningRequest"}))
        case ["replace"] if flags.get("--filename") == "-":
            await configmaps.replace(command, known)
        case ["get", "certificatesigningrequests" | "csr"]:
            _get_requests(command, known, flags)
        case ["get" | "delete" as verb] | ["delete" as verb, "pod"] if flags.keys() & {"--filename", "--selector"}:
            await {"get": addons.get, "delete": addons.delete}[verb](command, known, flags)
        case ["get"] if flags.get("--raw", "").partition("?")[0] in ("/livez", "/readyz"):
            command.say("ok")
        case ["label" | "taint" | "delete" as verb, "node" | "nodes", *given] if given:
            await _to_nodes(verb, command, known, given, flags)
        case ["cordon" | "uncordon" | "drain" as verb, *given] if given:
            await _to_nodes(verb, command, known, given, flags)
        case _:
            told = "a stand-in knows nodes, pods and requests for certificates, and what is done to nodes"
            raise Exit(1, f'error: unknown command "{" ".join(words[:1])}": {told}')


async def _to_nodes(verb: str, command: Command, known: ClusterRecord, given: list[str], flags: Flags) -> None:
    """What changes nodes: their names come first, then what is to change of each."""
    changes = [word for word in given if "=" in word or word.endswith("-")]
    for name in given[: len(given) - len(changes)]:
        await _VERBS[verb](command, known, name, changes, flags)


def _parsed(arguments: list[str]) -> tuple[list[str], Flags]:
    """Words, and flags by name with their values; those that have none have ''."""
    words: list[str] = []
    flags: Flags = {}
    rest = iter(arguments)
    for argument in rest:
        name, _, value = argument.partition("=")
        if argument[:2] in _SHORT:
            name, value = _SHORT[argument[:2]], argument[2:].removeprefix("=")
        if not argument.startswith("-"):
            words.append(argument)
        else:
            flags[name] = value or (next(rest, "") if name in _WITH_VALUE else "")
    return words, flags


def _node(known: ClusterRecord, name: str) -> NodeRecord:
    if name not in known.nodes:
        raise Exit(1, f'Error from server (NotFound): nodes "{name}" not found')
    return known.nodes[name]


def _want_json(flags: Flags) -> None:
    if flags.get("--output") != "json":
        raise Exit(1, "error: a stand-in knows no output but -o json")


def _list(command: Command, items: list[dict[str, Any]]) -> None:
    command.say(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}, indent=4))


def _get_nodes(command: Command, known: ClusterRecord, names: list[str], flags: Flags) -> None:
    if flags.get("--output") == f"go-template={overview.NODES}":
        for name in sorted(known.nodes):
            command.say(objects.node_line(command.site.record, name, command.site.pace))
        return
    if flags.get("--output") == "name" and not names:
        for name in sorted(known.nodes):
            command.say(f"node/{name}")
        return
    _want_json(flags)
    missing = [name for name in names if name not in known.nodes]
    if missing and "--ignore-not-found" not in flags:
        _node(known, missing[0])
    wanted = [name for name in (names or sorted(known.nodes)) if name in known.nodes]
    found = [objects.node(command.site.record, name, command.site.pace) for name in wanted]
    if len(names) != 1:
        _list(command, found)
    elif found:
        command.say(json.dumps(found[0], indent=4))


def _get_pods(command: Command, flags: Flags) -> None:
    _want_json(flags)
    namespace = flags.get("--namespace", "default")
    node = flags.get("--field-selector", "").removeprefix("spec.nodeName=")
    pods = objects.pods(command.site.record, command.site.pace)
    if "--all-namespaces" not in flags:
        pods = [pod for pod in pods if pod["metadata"]["namespace"] == namespace]
    _list(command, [pod for pod in pods if node in ("", pod["spec"].get("nodeName"))])


def _get_requests(command: Command, known: ClusterRecord, flags: Flags) -> None:
    """Those of some users, or who has some: the only questions about them that a stand-in knows."""
    if flags.get("--output") == f"go-template={overview.WAITING}":
        for request in known.requests.values():
            command.say(f"system:node:{request.machine}")
        return
    asked = _OF_USERS.fullmatch(flags.get("--output", ""))
    if asked is None or flags.get("--field-selector") != "spec.signerName=kubernetes.io/kubelet-serving":
        raise Exit(1, "error: a stand-in knows kubelets' requests for their servers, by user")
    waiting = ".status.conditions" in flags["--output"]
    for user in asked["users"].replace('"', "").split():
        for line in certificates.lines(known, user, waiting=waiting):
            command.say(line)


async def _changed(command: Command, known: ClusterRecord, *output: str) -> None:
    known.revision += 1
    await command.site.store.save()
    for line in output:
        command.say(line)


async def _label(command: Command, known: ClusterRecord, name: str, changes: list[str], flags: Flags) -> None:
    command.enter("join")
    await command.pause(0.3, "label", name)
    await command.strike()
    labels, overwrite = _node(known, name).labels, "--overwrite" in flags
    for change in changes or ["nothing"]:
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
    await _changed(command, known, f"node/{name} labeled")


async def _taint(command: Command, known: ClusterRecord, name: str, changes: list[str], flags: Flags) -> None:
    command.enter("join")
    await command.pause(0.2, "taint", name)
    await command.strike()
    node = _node(known, name)
    node.taints = _tainted(node.taints, name, changes, overwrite="--overwrite" in flags)
    await _changed(command, known, f"node/{name} tainted")


def _tainted(taints: list[str], name: str, changes: list[str], *, overwrite: bool) -> list[str]:
    result = list(taints)
    for change in changes or ["nothing"]:
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


async def _delete(command: Command, known: ClusterRecord, name: str, more: list[str], flags: Flags) -> None:
    for each in (name, *more):
        if each not in known.nodes and "--ignore-not-found" in flags:
            continue
        _node(known, each)
        del known.nodes[each]
        await _changed(command, known, f'node "{each}" deleted')


async def _cordon(command: Command, known: ClusterRecord, name: str, _more: list[str], _flags: Flags) -> None:
    node = _node(known, name)
    word = "already cordoned" if node.cordoned else "cordoned"
    node.cordoned = True
    await _changed(command, known, f"node/{name} {word}")


async def _uncordon(command: Command, known: ClusterRecord, name: str, _more: list[str], _flags: Flags) -> None:
    node = _node(known, name)
    word = "uncordoned" if node.cordoned else "already uncordoned"
    node.cordoned = False
    await _changed(command, known, f"node/{name} {word}")


async def _drain(command: Command, known: ClusterRecord, name: str, more: list[str], flags: Flags) -> None:
    _node(known, name)
    here = [pod for pod in objects.pods(command.site.record, command.site.pace) if pod["spec"].get("nodeName") == name]
    bound = [_name(pod) for pod in here if _owner(pod) == "DaemonSet"]
    await _cordon(command, known, name, more, flags)
    if bound and "--ignore-daemonsets" not in flags:
        raise Exit(1, f"error: cannot delete DaemonSet-managed Pods (use --ignore-daemonsets to ignore): {bound[0]}")
    if bound:
        command.complain(f"Warning: ignoring DaemonSet-managed Pods: {', '.join(bound)}")
    for pod in here:
        if _owner(pod) == "ReplicaSet":
            command.say(f"evicting pod {_name(pod)}")
            await command.pause(1.0, "evict", _name(pod))
            command.say(f"pod/{pod['metadata']['name']} evicted")
    command.say(f"node/{name} drained")


def _name(pod: dict[str, Any]) -> str:
    return f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"


def _owner(pod: dict[str, Any]) -> str:
    return str(pod["metadata"]["ownerReferences"][0]["kind"])


_VERBS: dict[str, Verb] = {
    "label": _label,
    "taint": _taint,
    "delete": _delete,
    "cordon": _cordon,
    "uncordon": _uncordon,
    "drain": _drain,
}
