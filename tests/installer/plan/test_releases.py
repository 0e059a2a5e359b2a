"""Minor by minor: where a cluster can go from the release that it runs."""

from __future__ import annotations

import pytest

from installer.plan import releases


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("v1.35.6", "v1.36.2", ""),
        ("v1.36.2", "v1.36.10", ""),
        ("v1.35.6", "v1.35.7", ""),
        ("v1.36.2", "v1.36.2", "already"),
        ("v1.36.2", "v1.36.1", "back"),
        ("v1.36.2", "v1.35.9", "back"),
        ("v1.36.9", "v1.36.10", ""),
        ("v1.34.1", "v1.36.2", "minor by minor: a release of v1.35 comes first"),
    ],
)
def test_a_cluster_goes_to_a_patch_or_to_the_next_minor(old: str, new: str, reason: str) -> None:
    refusal = releases.refusal(old, new)
    assert reason in refusal
    assert bool(reason) == bool(refusal)


def test_what_is_near_is_known_to_craton() -> None:
    assert releases.reachable("v1.34.1") == ("v1.34", "v1.35")
    assert releases.reachable("v1.36.2") == ("v1.36",)
