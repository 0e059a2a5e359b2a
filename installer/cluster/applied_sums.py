"""The sums of manifests that Craton did not write itself, as they were applied: in a Secret of the cluster for each."""

from __future__ import annotations

import base64
import hashlib
import json

from installer.cluster import cluster_secrets, masters
from installer.steps.step import Context

_SPACE, _SUM = "craton-manifests", "sum"


def key_of(place: str) -> str:
    """By which the cluster knows a place that manifests come from."""
    return hashlib.sha256(place.encode()).hexdigest()[:16]


def read(ctx: Context, place: str) -> str:
    """The sum of what was applied from `place`; empty if nothing was."""
    return cluster_secrets.read(ctx, _SPACE, f"own-{key_of(place)}").get(_SUM, "")


def record(ctx: Context, place: str, sum: str) -> None:
    """Keep the sum of what was applied from `place`."""
    data = {_SUM: base64.b64encode(sum.encode()).decode()}
    metadata = {"name": f"own-{key_of(place)}", "namespace": _SPACE}
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": _SPACE}}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}
    told = json.dumps({"apiVersion": "v1", "kind": "List", "items": [space, secret]})
    flags = ("--server-side", "--force-conflicts", "--field-manager", "craton-manifests", "--filename", "-")
    masters.kubectl(ctx, "apply", *flags, stdin=told)
