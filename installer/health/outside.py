"""What this computer, outside of the cluster, sees of its names and ports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from installer.health.check import Verdict


@dataclass(frozen=True, slots=True)
class Seen:
    """A verdict, and what was seen in a few words."""

    verdict: Verdict
    words: str


@dataclass(frozen=True, slots=True)
class Outside:
    """`names` is by contract rule (D1, D2); `open_to_us` are machines whose port 9100 answers here, by name."""

    names: Mapping[str, Seen] = field(default_factory=dict)
    open_to_us: tuple[str, ...] = ()


NOT_LOOKED = Outside()
