"""Pods that do not come up are told in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from installer.cluster.pods import troubles
from installer.common.errors import InstallerError

BACK_OFF = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s restarting failed container"}}


def told(container: dict[str, Any], kind: str = "containerStatuses") -> list[str]:
    status = {kind: [{"name": "main", "image": "example.test/main:v1", **container}]}
    return troubles({"items": [{"metadata": {"name": "pod-x"}, "status": status}]})


@pytest.mark.parametrize(
    ("container", "words"),
    [
        ({"state": {"running": {}}}, []),
        ({"state": {"waiting": {"reason": "ContainerCreating"}}}, []),
        ({"state": {"waiting": {"reason": "ErrImagePull", "message": "no such\nhost"}}},
         ["pod pod-x cannot pull example.test/main:v1: no such host"]),
        ({"state": {"waiting": {"reason": "ImagePullBackOff"}}},
         ["pod pod-x cannot pull example.test/main:v1: ImagePullBackOff"]),
        ({"state": {"waiting": {"reason": "CreateContainerError", "message": "no space left"}}},
         ["pod pod-x cannot start main: no space left"]),
        ({"state": BACK_OFF, "lastState": {"terminated": {"exitCode": 1, "message": "no route"}}},
         ["pod pod-x ended: main with exit status 1, no route"]),
        ({"state": {"terminated": {"exitCode": 137}}}, ["pod pod-x ended: main with exit status 137"]),
        ({"state": {"terminated": {"exitCode": 0}}}, []),
        ({"state": {"running": {}}, "lastState": {"terminated": {"exitCode": 1}}}, []),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["containerStatuses", "initContainerStatuses"])
def test_what_keeps_a_container_from_running_is_told(container: dict[str, Any], words: list[str], kind: str) -> None:
    assert told(container, kind) == words


@pytest.mark.parametrize(
    ("container", "before"),
    [
        ({"state": BACK_OFF, "lastState": {"terminated": {"exitCode": 1}}}, True),
        ({"state": {"terminated": {"exitCode": 1}}}, False),
    ],
)
def test_what_ends_again_and_again_is_told_with_the_last_lines_of_its_own_log(
    container: dict[str, Any], before: bool
) -> None:
    asked: list[tuple[str, str, bool]] = []

    def log(pod: Mapping[str, Any], name: str, previous: bool) -> str:
        asked.append((pod["metadata"]["name"], name, previous))
        return "I1128 starting\nE1128 error creating watcher: too many open files\n"

    status = {"containerStatuses": [{"name": "kube-proxy", **container}]}
    pods = {"items": [{"metadata": {"name": "kube-proxy-x", "namespace": "kube-system"}, "status": status}]}
    assert troubles(pods, log) == [
        "pod kube-proxy-x ended: kube-proxy with exit status 1; its log ends with: I1128 starting E1128 error creating "
        "watcher: too many open files"
    ]
    assert asked == [("kube-proxy-x", "kube-proxy", before)]


def test_a_log_that_the_container_ended_with_is_told_once() -> None:
    ended = {"terminated": {"exitCode": 2, "message": "goroutine 1\npanic: no such file\n"}}
    status = {"containerStatuses": [{"name": "main", "state": ended}]}
    pods = {"items": [{"metadata": {"name": "pod-x", "namespace": "x"}, "status": status}]}
    expected = ["pod pod-x ended: main with exit status 2, goroutine 1 panic: no such file"]
    assert troubles(pods, lambda *_: "panic: no such file\n") == expected


def test_pods_of_one_owner_that_fail_alike_are_told_together() -> None:
    def pod(name: str, owner: str, container: str = "main") -> dict[str, Any]:
        status = {"containerStatuses": [{"name": container, "state": {"terminated": {"exitCode": 2}}}]}
        return {"metadata": {"name": name, "ownerReferences": [{"uid": owner}]}, "status": status}

    pods = [pod("a-1", "a"), pod("b-1", "b"), pod("a-2", "a"), pod("a-3", "a"), pod("a-4", "a", "other")]
    assert troubles({"items": pods}) == [
        "pod a-1 ended: main with exit status 2; 2 more like it",
        "pod b-1 ended: main with exit status 2",
        "pod a-4 ended: other with exit status 2",
    ]


def test_a_log_that_cannot_be_had_hides_nothing() -> None:
    def log(pod: Mapping[str, Any], name: str, previous: bool) -> str:
        raise InstallerError("kubectl logs", "container not found")

    status = {"containerStatuses": [{"name": "main", "state": {"terminated": {"exitCode": 2}}}]}
    pods = {"items": [{"metadata": {"name": "pod-x"}, "status": status}]}
    assert troubles(pods, log) == ["pod pod-x ended: main with exit status 2"]


def test_of_a_long_message_the_end_is_shown() -> None:
    message = "failed to pull and unpack image: " * 20 + "dial tcp: connection refused"
    (words,) = told({"state": {"waiting": {"reason": "ErrImagePull", "message": message}}})
    assert words.endswith("dial tcp: connection refused")
    assert len(words) < 320


def test_a_list_without_pods_has_no_troubles() -> None:
    assert troubles({}) == troubles({"items": None}) == troubles({"items": [{}]}) == []
