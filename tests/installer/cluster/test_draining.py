"""What kubectl's words mean about a drain that failed, as it said them on real nodes."""

from __future__ import annotations

from pathlib import Path

import pytest

from installer.cluster import drain
from installer.ssh.connection import Result

TRANSCRIPTS = Path(__file__).parent / "drains"


def failed(transcript: str) -> Result:
    _, _, text = (TRANSCRIPTS / transcript).read_text().partition("#stdout\n")
    stdout, _, stderr = text.partition("#stderr\n")
    return Result(1, stdout, stderr)


@pytest.mark.parametrize(
    ("transcript", "observed", "hint"),
    [
        ("budget.txt", "a PodDisruptionBudget keeps default/web-6f96cc6d88-dcqkq there", "kubectl get pdb -A"),
        ("no-controller.txt", "no controller would start default/bare again elsewhere", "kubectl delete pod"),
    ],
)
def test_the_pods_that_stay_are_named_with_what_keeps_them(transcript: str, observed: str, hint: str) -> None:
    error = drain.explained("demo-worker-2", failed(transcript))
    assert error is not None
    assert (error.machine, error.observed) == ("demo-worker-2", observed)
    assert hint in error.hint


def test_of_other_failures_nothing_is_known() -> None:
    assert drain.explained("demo-worker-2", Result(1, "", "Unable to connect to the server: EOF\n")) is None
