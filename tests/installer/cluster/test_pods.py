"""Pods that do not come up are told in words."""

from __future__ import annotations

from typing import Any

import pytest

from installer.cluster.pods import troubles

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


def test_of_a_long_message_the_end_is_shown() -> None:
    message = "failed to pull and unpack image: " * 20 + "dial tcp: connection refused"
    (words,) = told({"state": {"waiting": {"reason": "ErrImagePull", "message": message}}})
    assert words.endswith("dial tcp: connection refused")
    assert len(words) < 320


def test_a_list_without_pods_has_no_troubles() -> None:
    assert troubles({}) == troubles({"items": None}) == troubles({"items": [{}]}) == []
