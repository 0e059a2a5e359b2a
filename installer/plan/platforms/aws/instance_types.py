"""What an instance type's name says. Pure."""

from __future__ import annotations

import re
from typing import Literal

Architecture = Literal["amd64", "arm64"]

_GRAVITON = re.compile(r"[a-z]+[0-9]+g[a-z0-9-]*|a1")
"""Families with an AWS processor have a g right after the generation: t4g, m7gd, c6gn."""


def architecture(name: str) -> Architecture:
    """The processor architecture of an instance type."""
    return "arm64" if _GRAVITON.fullmatch(name.partition(".")[0]) else "amd64"
