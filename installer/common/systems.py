"""Operating systems of machines, by os-release(5): those that Craton is tested on, and their relatives."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

TESTED = {"debian": ("12", "13"), "ubuntu": ("22.04", "24.04")}
"""Releases by the ID of os-release."""
TESTED_TEXT = "Debian 12 or 13, Ubuntu 22.04 or 24.04"
_FAMILIES = frozenset({*TESTED, "rhel", "fedora", "centos", "rocky", "almalinux", "ol", "amzn"})
"""IDs of systems that `craton-node` knows how to install packages on (assets/node/lib/system.sh has the same)."""


class Support(Enum):
    TESTED = "tested"
    UNTESTED = "untested"
    """Another release, or a relative: it may work, and people are warned."""
    NONE = "not supported"


def support(id: str, version: str, like: Iterable[str]) -> Support:
    """How far a system is supported, by its ID, VERSION_ID and the words of its ID_LIKE."""
    if version in TESTED.get(id, ()):
        return Support.TESTED
    return Support.UNTESTED if {id, *like} & _FAMILIES else Support.NONE
