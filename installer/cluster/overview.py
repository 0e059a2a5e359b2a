"""What the cluster says of all its nodes at once, to a run that finds everything done: one question, not a thousand.

Each function is None where that doesn't count: then the node is asked about by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from installer.cluster import masters
from installer.steps.step import Context

NODES = (
    '{{range .items}}{{.metadata.name}} {{range .status.conditions}}{{if eq .type "Ready"}}{{.status}}{{end}}{{end}}'
    "{{range $key, $value := .metadata.labels}} label {{$key}}={{$value}}{{end}}"
    "{{range .spec.taints}} taint {{.key}}={{with .value}}{{.}}{{end}}:{{.effect}}{{end}}{{println}}{{end}}"
)
"""For kubectl's go-template: lines `NAME READY`, then words `born TIME`, `label K=VALUE` and `taint K=VALUE:EFFECT`."""
WAITING = "{{range .items}}{{if not .status.conditions}}{{println .spec.username}}{{end}}{{end}}"
"""For kubectl's go-template: who waits for a certificate."""


def node(ctx: Context, name: str) -> Mapping[str, Any] | None:
    """Labels, taints, readiness and age of a node, in the shape of its object; None also if there is no such node."""
    listed = ctx.world.answers.of_all("nodes", lambda: every_node(ctx), ctx.remaining())
    return (listed or {}).get(name)


def every_node(ctx: Context) -> Mapping[str, Mapping[str, Any]]:
    """All nodes by name as they are now, each as `node` has it. Raises InstallerError."""
    return read_nodes(_get(ctx, "nodes", NODES))


def nobody_waits(ctx: Context, machine: str, signer: str) -> bool | None:
    """Whether no request of the machine's kubelet waits for a certificate of `signer`."""

    def ask() -> frozenset[str]:
        selector = f"--field-selector=spec.signerName={signer}"
        return frozenset(_get(ctx, "certificatesigningrequests", WAITING, selector).split())

    waiting = ctx.world.answers.of_all(f"requests for {signer}", ask, ctx.remaining())
    return None if waiting is None else f"system:node:{machine}" not in waiting


def read_nodes(output: str) -> Mapping[str, Mapping[str, Any]]:
    """Nodes by name, as kubectl prints them by the template; other lines are passed over."""
    return {words[0]: _node(words[1], words[2:]) for line in output.splitlines() if len(words := line.split()) > 1}


def _node(ready: str, words: list[str]) -> Mapping[str, Any]:
    values = list(zip(words[::2], words[1::2], strict=False))
    labels = dict(value.partition("=")[::2] for kind, value in values if kind == "label")
    taints = [_taint(value) for kind, value in values if kind == "taint"]
    born = next((value for kind, value in values if kind == "born"), "")
    conditions = [{"type": "Ready", "status": ready}]
    metadata = {"labels": labels, "creationTimestamp": born}
    return {"metadata": metadata, "spec": {"taints": taints}, "status": {"conditions": conditions}}


def _taint(text: str) -> Mapping[str, str]:
    setting, _, effect = text.rpartition(":")
    key, _, value = setting.partition("=")
    return {"key": key, "value": value, "effect": effect}


def _get(ctx: Context, what: str, template: str, *more: str) -> str:
    return masters.kubectl(ctx, "get", what, *more, "-o", f"go-template={template}")
