"""What a machine type's name says. Pure."""

from __future__ import annotations

import re
from typing import Literal

Architecture = Literal["amd64", "arm64"]

_ARM = re.compile(r"(t2a|a4x|[a-z][0-9]+a)-.+")
"""Series with an ARM processor: Tau T2A, A4X, and Axion's (C4A, N4A)."""
_AMD = re.compile(r"(n2d|t2d|c2d|c3d|c4d|n4d|e2|n1|n2|c2|m1|m2|m3)-.+")


def architecture(name: str) -> Architecture:
    """The processor architecture of a machine type."""
    return "arm64" if _ARM.fullmatch(name) and not _AMD.fullmatch(name) else "amd64"


def vcpus(name: str) -> int | None:
    """The vCPUs that a type's name gives: `e2-standard-4` has 4, `n2-custom-8-16384` has 8; None if it has none."""
    found = re.fullmatch(r"(?:[a-z0-9]+-)?custom-([0-9]+)-[0-9]+(?:-ext)?|[a-z0-9]+-[a-z]+-([0-9]+)(?:-.*)?", name)
    return int(found.group(1) or found.group(2)) if found else None
