"""Kubernetes releases in order: which of them a cluster can go to from the one that it runs. Pure.

Minor by minor (https://kubernetes.io/releases/version-skew-policy/): a patch of the same minor, or the next minor.
"""

from __future__ import annotations

from installer.plan.fields import KUBERNETES_VERSIONS


def parts(release: str) -> tuple[int, int, int]:
    """Major, minor and patch of a release such as v1.36.2."""
    major, minor, patch = release.removeprefix("v").split(".")
    return int(major), int(minor), int(patch)


def refusal(old: str, new: str) -> str:
    """Why a cluster of the release `old` cannot go to `new`, as a sentence; empty if it can."""
    before, after = parts(old), parts(new)
    if after <= before:
        return "it runs that release already" if after == before else "a cluster does not go back to an older release"
    if after[0] != before[0] or after[1] > before[1] + 1:
        return f"an upgrade goes minor by minor: a release of v{before[0]}.{before[1] + 1} comes first"
    return ""


def reachable(old: str) -> tuple[str, ...]:
    """The minors to which a cluster of the release `old` can go."""
    major, minor, _ = parts(old)
    near = (f"v{major}.{minor}", f"v{major}.{minor + 1}")
    return tuple(known for known in KUBERNETES_VERSIONS if known in near)
