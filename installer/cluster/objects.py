"""Objects of Kubernetes as `kubectl -o json` prints them: what Craton looks at in them has the type that it should."""

from __future__ import annotations

from typing import Any

from installer.common import json_reader
from installer.common.errors import InstallerError
from installer.common.shape import shaped

_ENDED = {"message": str, "exitCode": int}
_STATE = {"waiting": {"reason": str, "message": str}, "terminated": _ENDED}
_CONTAINERS = [{"name": str, "image": str, "state": _STATE, "lastState": _STATE}]
_OBJECT: dict[str, Any] = {
    "kind": str,
    "data": {},
    "metadata": {
        "name": str,
        "namespace": str,
        "labels": {},
        "annotations": {},
        "deletionTimestamp": str,
        "generation": int,
    },
    "spec": {
        "nodeName": str,
        "unschedulable": bool,
        "type": str,
        "taints": [{"key": str, "value": str, "effect": str}],
        "replicas": int,
    },
    "status": {
        "conditions": [{"type": str, "status": str, "reason": str, "message": str}],
        "initContainerStatuses": _CONTAINERS,
        "containerStatuses": _CONTAINERS,
        "numberReady": int,
        "desiredNumberScheduled": int,
        "updatedNumberScheduled": int,
        "updatedReplicas": int,
        "readyReplicas": int,
        "observedGeneration": int,
        "state": str,
        "reason": str,
    },
    "reason": str,
    "message": str,
    "involvedObject": {"name": str},
}
_SHAPE = {**_OBJECT, "items": [_OBJECT]}


def read(output: str) -> dict[str, Any] | None:
    """The object or List in what kubectl printed, fields of _SHAPE that are null left out; None if it printed nothing.

    Raises InstallerError (retryable) if it is no JSON, or none that the API would give.
    """
    if not output.strip():
        return None
    try:
        found: dict[str, Any] = shaped(json_reader.parse(output), _SHAPE)
    except ValueError as error:
        observed = f"it isn't the JSON of a Kubernetes object: {error}"
        raise InstallerError("read kubectl's answer", observed, retryable=True) from None
    return found
