"""The certificate of a cluster that ends first, and how near its end is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from installer.common.shape import LATEST, NUMBER, shaped

WARN_DAYS, FAIL_DAYS = 30, 7
"""Days left below which a certificate warns, and fails."""
_DAY = 86400.0


def days_left(ends: float, now: float) -> int:
    """Whole days between two times in Unix seconds; negative once it has ended."""
    return int((ends - now) // _DAY)


def left(days: int) -> str:
    """The days that are left, in words."""
    return "expired" if days < 0 else f"{days} day{'' if days == 1 else 's'} left"


@dataclass(frozen=True, slots=True)
class Ending:
    """The certificate of a cluster that ends first: what it is, whose, and when it ends (Unix seconds)."""

    title: str
    machine: str
    at: float

    @classmethod
    def from_dict(cls, data: Any) -> Ending | None:
        """From a report's field; None where there is none. Raises ValueError."""
        if data is None:
            return None
        found = shaped(data, {"title": str, "machine": str, "at": NUMBER})
        if not 0 <= found["at"] < LATEST:
            raise ValueError(f"a certificate that ends at {found['at']}")
        return cls(found["title"], found["machine"], float(found["at"]))

    def warning(self, cluster: str, now: float) -> str:
        """That it ends soon, and what renews it; empty while there is time."""
        days = days_left(self.at, now)
        if days >= WARN_DAYS:
            return ""
        # The ingress' own may be the user's file: the list says who renews it.
        how = f"`craton certs show {cluster}` says who renews it" if self.title == "ingress" else ""
        how = how or f"`craton certs renew {cluster}` renews it"
        return f"certificate of {self.machine} ({self.title}): {left(days)}; {how}"
