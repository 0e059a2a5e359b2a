"""Kubernetes releases: which ones Craton knows, until when they're supported, and where a cluster can go. Pure.

Upgrades go minor by minor (https://kubernetes.io/releases/version-skew-policy/): to a patch of the same minor, or to
the next minor. The dates are those of https://kubernetes.io/releases/.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum

_RELEASE = re.compile(r"v1\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})")


@dataclass(frozen=True, slots=True)
class Minor:
    """One minor: the newest patch that this Craton knows, and the days on which fixes get fewer and then end."""

    name: str
    newest: str
    released: date
    maintenance: date
    end: date


MINORS = (
    Minor("v1.34", "v1.34.9", date(2025, 8, 27), date(2026, 8, 27), date(2026, 10, 27)),
    Minor("v1.35", "v1.35.9", date(2025, 12, 17), date(2026, 12, 28), date(2027, 2, 28)),
    Minor("v1.36", "v1.36.5", date(2026, 4, 22), date(2027, 4, 28), date(2027, 6, 28)),
    Minor("v1.37", "v1.37.1", date(2026, 8, 26), date(2027, 8, 28), date(2027, 10, 28)),
)
"""Oldest first. A minor stays in the list when its support has ended, for the clusters that still run it."""

KUBERNETES_VERSIONS = tuple(minor.name for minor in MINORS)
NEWEST = MINORS[-1]


class Support(StrEnum):
    FULL = "supported"
    MAINTENANCE = "maintenance"
    """Critical fixes alone."""
    ENDED = "ended"
    UNKNOWN = "unknown"
    """Of a minor that is newer than this Craton."""


def is_release(text: str) -> bool:
    """Whether `text` names a release of a minor that Craton knows, or of a newer one."""
    return _RELEASE.fullmatch(text) is not None and parts(text)[1] >= parts(MINORS[0].newest)[1]


def parts(release: str) -> tuple[int, int, int]:
    """Major, minor and patch of a release such as v1.36.2."""
    major, minor, patch = release.removeprefix("v").split(".")
    return int(major), int(minor), int(patch)


def minor_of(release: str) -> Minor | None:
    """What is known of the minor of `release`; None of one that is newer than this Craton."""
    name = release.rpartition(".")[0]
    return next((minor for minor in MINORS if minor.name == name), None)


def today() -> date:
    return datetime.now(UTC).date()


def support(release: str, day: date) -> Support:
    """How `release` is supported upstream on that day."""
    minor = minor_of(release)
    if minor is None:
        return Support.UNKNOWN
    if day > minor.end:
        return Support.ENDED
    return Support.MAINTENANCE if day >= minor.maintenance else Support.FULL


def supported(day: date) -> tuple[Minor, ...]:
    """The minors that upstream supports on that day, newest first."""
    return tuple(minor for minor in reversed(MINORS) if minor.released <= day <= minor.end)


def warning(release: str, day: date) -> str:
    """What somebody who wants to run `release` should know, as a sentence or two; empty if there is nothing to say."""
    minor = minor_of(release)
    if minor is None:
        return (
            f"This Craton doesn't know {release.rpartition('.')[0]}, and nobody has tested it with this version. "
            "It asks that release's kubeadm which images to use. A newer Craton is the safer choice."
        )
    if support(release, day) is Support.ENDED:
        return f"Kubernetes {minor.name} left support on {minor.end}: it gets no more security fixes."
    return ""


def refusal(old: str, new: str) -> str:
    """Why a cluster of the release `old` can't go to `new`, as a sentence; empty if it can."""
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


def targets(old: str) -> tuple[str, ...]:
    """The newest known releases to which a cluster of the release `old` could be upgraded, nearest first."""
    return tuple(minor.newest for minor in MINORS if minor.name in reachable(old) and not refusal(old, minor.newest))
