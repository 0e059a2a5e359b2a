"""Pods that do not come up, in words: the image that is not pulled, the container that ends again and again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import islice
from typing import Any

from installer.cluster import masters, objects
from installer.common.errors import InstallerError
from installer.steps.step import Context

_PULLING = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"})
_STARTING = frozenset({"CreateContainerError", "CreateContainerConfigError", "RunContainerError"})
_WORDS = 240
_SHOWN = 3
_ENDED = "ended: "
_LINES = 3
"""Last lines of a container's log that are shown."""

Log = Callable[[Mapping[str, Any], str, bool], str]
"""The last lines of the log of a pod's container, given the pod, the container's name, and whether it is the log of the
container before the present one. Raises InstallerError."""


def troubles_on(ctx: Context, node: str = "") -> list[str]:
    """What keeps pods on `node`, or on any, from running; empty if nothing is known to."""
    try:
        return explained(ctx, _on(ctx, node))
    except InstallerError:  # what was waited for is told all the same
        return []


def explained(ctx: Context, found: Mapping[str, Any]) -> list[str]:
    """As `troubles`, with the last words of containers that end again and again."""

    def log(pod: Mapping[str, Any], container: str, before: bool) -> str:
        place = ("-n", pod["metadata"]["namespace"], pod["metadata"]["name"], "-c", container, f"--tail={_LINES}")
        return masters.kubectl(ctx, "logs", *place, *(["--previous"] if before else []))

    return troubles(found, log)


def reasons(ctx: Context, namespace: str, prefix: str) -> list[str]:
    """Why pods whose names begin so are not ready: what their containers or conditions say, and the last warning."""
    try:
        found = objects.read(masters.kubectl(ctx, "get", "pods", "-n", namespace, "-o", "json")) or {}
        pods = [pod for pod in found.get("items") or [] if pod.get("metadata", {}).get("name", "").startswith(prefix)]
        words = explained(ctx, {"items": pods}) or list(islice(filter(None, map(_condition, pods)), _SHOWN))
        return words + _last_warning(ctx, namespace, prefix)
    except InstallerError:  # what was waited for is told all the same
        return []


def _condition(pod: Mapping[str, Any]) -> str:
    """The first condition that a pod does not meet, in the scheduler's or the kubelet's words."""
    for condition in (pod.get("status") or {}).get("conditions") or []:
        if condition.get("status") == "False" and condition.get("message"):
            return f"pod {_name(pod)}: {brief(condition['message'])}"
    return ""


def _last_warning(ctx: Context, namespace: str, prefix: str) -> list[str]:
    there = ("-n", namespace, "--field-selector", "type=Warning", "--sort-by", ".lastTimestamp")
    found = objects.read(masters.kubectl(ctx, "get", "events", *there, "-o", "json")) or {}
    named = [event for event in found.get("items") or [] if _about(event).startswith(prefix)]
    # That a container is started late again hides why it ended, such as a hook that failed.
    telling = [event for event in named if event.get("reason") != "BackOff"] or named
    return [f"last event: {_about(telling[-1])}: {brief(telling[-1].get('message') or '')}"] if telling else []


def _about(event: Mapping[str, Any]) -> str:
    return str((event.get("involvedObject") or {}).get("name", ""))


def waiting_for_images(ctx: Context, node: str, images: Collection[str]) -> list[str]:
    """Pods on `node` that cannot pull one of these images, in a sentence each. Raises InstallerError."""
    found = [(pod, container) for pod in _on(ctx, node).get("items") or [] for container in _containers(pod)]
    return [
        f"pod {pod['metadata']['name']} {_of_container(container)}"
        for pod, container in found
        if _reason(container) in _PULLING and container.get("image") in images
    ]


def _on(ctx: Context, node: str) -> Mapping[str, Any]:
    there = ["--field-selector", f"spec.nodeName={node}"] if node else []
    output = masters.kubectl(ctx, "get", "pods", "-A", *there, "-o", "json")
    return objects.read(output) or {}


def troubles(found: Mapping[str, Any], log: Log | None = None) -> list[str]:
    """In a sentence each, of a List of pods as kubectl gives it; the first few.

    Pods of one owner that fail in the same container are told together.
    """
    alike: dict[tuple[str, str], list[tuple[Mapping[str, Any], Mapping[str, Any]]]] = {}
    for pod in found.get("items") or []:
        for container in _containers(pod):
            if _of_container(container):
                alike.setdefault((_owner(pod), str(container.get("name", ""))), []).append((pod, container))
    return [_told(failing, log) for failing in islice(alike.values(), _SHOWN)]


def _told(failing: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]], log: Log | None) -> str:
    """The first of some pods with the container in which it fails, and how many others there are."""
    pod, container = failing[0]
    words, others = _of_container(container), len(failing) - 1
    if log and words.startswith(_ENDED):
        words = _with_log(words, pod, container, log)
    node = (pod.get("spec") or {}).get("nodeName")
    told = f"pod {_name(pod)}{f' on {node}' if node else ''} {words}"
    return f"{told}; {others} more like it" if others else told


def _name(pod: Mapping[str, Any]) -> str:
    return str((pod.get("metadata") or {}).get("name", ""))


def _owner(pod: Mapping[str, Any]) -> str:
    """What makes pods like this one; a pod that nothing makes stands for itself."""
    owners = (pod.get("metadata") or {}).get("ownerReferences") or [{}]
    return str(owners[0].get("uid") or _name(pod))


def _containers(pod: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    status = pod.get("status", {})
    return [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]


def _with_log(words: str, pod: Mapping[str, Any], container: Mapping[str, Any], log: Log) -> str:
    """A container's own last lines say most; those of one that is gone can't be had. They may be known already."""
    try:
        output = brief(log(pod, str(container.get("name", "")), "terminated" not in (container.get("state") or {})))
    except (InstallerError, KeyError):
        return words
    return words if words.endswith(output) else f"{words}; its log ends with: {output}"


def _reason(container: Mapping[str, Any]) -> str:
    return str(((container.get("state") or {}).get("waiting") or {}).get("reason", ""))


def _of_container(container: Mapping[str, Any]) -> str:
    state = container.get("state") or {}
    waiting, ended = state.get("waiting") or {}, state.get("terminated") or {}
    reason, message = waiting.get("reason", ""), brief(waiting.get("message") or "")
    if reason in _PULLING:
        return f"cannot pull {container.get('image', '')}: {message or reason}"
    if reason in _STARTING:
        return f"cannot start {container.get('name', '')}: {message or reason}"
    last = ended or (container.get("lastState") or {}).get("terminated") or {}
    if (reason == "CrashLoopBackOff" or ended) and last.get("exitCode"):
        words = brief(last.get("message") or "")
        return f"{_ENDED}{container.get('name', '')} with exit status {last['exitCode']}" + (
            f", {words}" if words else ""
        )
    return ""


def brief(text: str) -> str:
    """On one line; of a long text the end, where Go's errors have their reason."""
    line = " ".join(text.split())
    return line if len(line) <= _WORDS else "…" + line[1 - _WORDS :]
