"""The sums of manifests that Craton did not write itself, as they were applied: in a Secret of the cluster for each."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence

from installer.cluster import cluster_secrets, masters
from installer.common import json_reader
from installer.common.shape import shaped
from installer.steps.step import Context

_SPACE, _SUM, _OBJECTS = "craton-manifests", "sum", "objects"

Reference = tuple[str, str, str, str]
"""Version of the API, kind, namespace (empty where the kind has none, or the manifest names none), name."""
_PARTS = 4


def key_of(place: str) -> str:
    """By which the cluster knows a place that manifests come from."""
    return hashlib.sha256(place.encode()).hexdigest()[:16]


def read(ctx: Context, place: str) -> str:
    """The sum of what was applied from `place`; empty if nothing was."""
    return cluster_secrets.read(ctx, _SPACE, f"own-{key_of(place)}").get(_SUM, "")


def objects_of(ctx: Context, place: str) -> tuple[Reference, ...]:
    """The objects that were applied from `place`, where they were recorded; nothing if that can't be read."""
    text = cluster_secrets.read(ctx, _SPACE, f"own-{key_of(place)}").get(_OBJECTS, "")
    try:
        found = shaped(json_reader.parse(text or "[]"), [[str]])
    except ValueError:
        return ()
    return tuple((each[0], each[1], each[2], each[3]) for each in found if len(each) == _PARTS)


def record(ctx: Context, place: str, sum: str, applied: Sequence[Reference] = ()) -> None:
    """Keep the sum of what was applied from `place`, and which objects that were."""
    data = {_SUM: base64.b64encode(sum.encode()).decode()}
    data[_OBJECTS] = base64.b64encode(json.dumps(applied).encode()).decode()
    metadata = {"name": f"own-{key_of(place)}", "namespace": _SPACE}
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": _SPACE}}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}
    told = json.dumps({"apiVersion": "v1", "kind": "List", "items": [space, secret]})
    flags = ("--server-side", "--force-conflicts", "--field-manager", "craton-manifests", "--filename", "-")
    masters.kubectl(ctx, "apply", *flags, stdin=told)
