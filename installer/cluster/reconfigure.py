"""What this version of Craton configures and an older one did not, added to a cluster before it is upgraded.

`kubeadm upgrade` makes everything of what the cluster keeps in two ConfigMaps. What is there stays, whoever wrote
it: only what is missing is added.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

from installer.cluster import kubeadm, masters, objects
from installer.common.errors import InstallerError
from installer.common.shape import shaped
from installer.plan.model import InstallPlan
from installer.steps.step import Context

_NAMESPACE = "kube-system"
_COMPONENTS = ("apiServer", "controllerManager", "scheduler")
_LISTS = ("extraArgs", "extraVolumes")
_SHAPE = {component: {kind: [{"name": str}] for kind in _LISTS} for component in _COMPONENTS}
_UNSET = (None, "", "0s")
"""What kubeadm writes for a setting of a kubelet that nobody gave."""


def reconfigure(ctx: Context, plan: InstallPlan) -> None:
    """Add to both ConfigMaps what `plan` would be installed with today. Raises InstallerError."""
    topology = ctx.world.topology
    text = kubeadm.read_payload(kubeadm.init_payload(plan, topology, topology.first_master, kubeadm.Facts(), ""))
    wanted = {str(found["kind"]): found for found in documents(text["kubeadm.yaml"])}
    for name, key, kind, merge in (
        ("kubeadm-config", "ClusterConfiguration", "ClusterConfiguration", control_plane),
        ("kubelet-config", "kubelet", "KubeletConfiguration", kubelet),
    ):
        found = objects.read(masters.kubectl(ctx, "get", "configmap", name, "--namespace", _NAMESPACE, "-o", "json"))
        data = (found or {}).get("data") or {}
        before = _read(name, str(data.get(key, "")))
        after = merge(before, wanted[kind])
        if not found or after == before:
            continue
        changed = {**found, "data": {**data, key: dumped(after)}}
        masters.kubectl(ctx, "replace", "-f", "-", stdin=json.dumps(changed))
        ctx.log(f"{name} has what this version of Craton adds")


def _read(name: str, text: str) -> dict[str, Any]:
    """The document that a ConfigMap keeps. Raises InstallerError if it isn't what kubeadm writes."""
    try:
        found: dict[str, Any] = shaped(next(iter(documents(text)), {}), _SHAPE)
    except ValueError as error:
        observed = f"the ConfigMap {name} in kube-system can't be read: {error}"
        hint = f"correct it: kubectl -n kube-system edit configmap {name}"
        raise InstallerError("read the cluster's configuration", observed, hint=hint) from None
    return found


def control_plane(present: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """kubeadm's ClusterConfiguration with the arguments and volumes that it lacks; one of a name is never changed."""
    result = dict(present)
    for component in _COMPONENTS:
        own = dict(result.get(component) or {})
        for kind in _LISTS:
            listed = list(own.get(kind) or [])
            names = {entry.get("name") for entry in listed}
            added = [entry for entry in (wanted.get(component) or {}).get(kind) or [] if entry["name"] not in names]
            if added:
                own[kind] = listed + added
        if own:
            result[component] = own
    return result


def kubelet(present: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The kubelets' configuration with the settings that it lacks; one that somebody gave is never changed."""
    return {**present, **{key: value for key, value in wanted.items() if present.get(key) in _UNSET}}


_BRACKETS = 500
"""More than kubeadm writes, and few enough for the reader, which takes the square of their number in time."""


def documents(text: str, brackets: int = _BRACKETS) -> list[dict[str, Any]]:
    """The mappings among the YAML documents of `text`. Raises ValueError if it is no YAML, or has more brackets."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    if text.count("[") + text.count("{") > brackets:
        raise ValueError("it is nested too deep")
    try:
        found = list(YAML(typ="safe", pure=True).load_all(text))
    except YAMLError as error:
        raise ValueError(str(error).splitlines()[0]) from None
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    return [each for each in found if isinstance(each, dict)]


def dumped(document: Mapping[str, Any]) -> str:
    from ruamel.yaml import YAML

    written = io.StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.dump(dict(document), written)
    return written.getvalue()
