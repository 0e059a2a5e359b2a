"""What this version of Craton configures and an older one did not, added to a cluster before it is upgraded.

`kubeadm upgrade` makes everything of what the cluster keeps in two ConfigMaps. What stands there stays, whoever wrote
it: only what is missing is added.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

from installer.cluster import kubeadm, masters
from installer.cluster.nodes import object_of
from installer.plan.model import InstallPlan
from installer.steps.step import Context

_NAMESPACE = "kube-system"
_COMPONENTS = ("apiServer", "controllerManager", "scheduler")
_LISTS = ("extraArgs", "extraVolumes")
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
        found = object_of(masters.kubectl(ctx, "get", "configmap", name, "--namespace", _NAMESPACE, "-o", "json"))
        data = (found or {}).get("data") or {}
        before = next(iter(documents(str(data.get(key, "")))), {})
        after = merge(before, wanted[kind])
        if not found or after == before:
            continue
        changed = {**found, "data": {**data, key: dumped(after)}}
        masters.kubectl(ctx, "replace", "-f", "-", stdin=json.dumps(changed))
        ctx.log(f"{name} has what this version of Craton adds")


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


def documents(text: str) -> list[dict[str, Any]]:
    """The mappings among the YAML documents of `text`."""
    from ruamel.yaml import YAML

    return [found for found in YAML(typ="safe", pure=True).load_all(text) if isinstance(found, dict)]


def dumped(document: Mapping[str, Any]) -> str:
    from ruamel.yaml import YAML

    written = io.StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.dump(dict(document), written)
    return written.getvalue()
