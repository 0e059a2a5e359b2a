"""Pods that do not come up, in words: the image that is not pulled, the container that ends again and again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from installer.cluster import masters, objects
from installer.common.errors import InstallerError
from installer.steps.step import Context

_PULLING = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"})
_STARTING = frozenset({"CreateContainerError", "CreateContainerConfigError", "RunContainerError"})
_WORDS = 240
_SHOWN = 3


def troubles_on(ctx: Context, node: str) -> list[str]:
    """What keeps pods on `node` from running; empty if nothing is known to."""
    try:
        said = masters.kubectl(ctx, "get", "pods", "-A", "--field-selector", f"spec.nodeName={node}", "-o", "json")
        return troubles(objects.read(said) or {})[:_SHOWN]
    except InstallerError:  # what was waited for is told all the same
        return []


def troubles(found: Mapping[str, Any]) -> list[str]:
    """In a sentence each, of a List of pods as kubectl gives it."""
    return [words for pod in found.get("items") or [] for words in _of_pod(pod)]


def _of_pod(pod: Mapping[str, Any]) -> Iterator[str]:
    status = pod.get("status", {})
    for container in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
        words = _of_container(container)
        if words:
            yield f"pod {pod.get('metadata', {}).get('name', '')} {words}"


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
        return f"ended: {container.get('name', '')} with exit status {last['exitCode']}" + (
            f", {words}" if words else ""
        )
    return ""


def brief(text: str) -> str:
    """On one line; of a long text the end, where Go's errors have their reason."""
    line = " ".join(text.split())
    return line if len(line) <= _WORDS else "…" + line[1 - _WORDS :]
