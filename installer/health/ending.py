"""How near its end a certificate is, and the one of a cluster that ends first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from installer.common.shape import LATEST, NUMBER, shaped
from installer.common.text import count
from installer.health.check import Verdict

_DAY, _HOUR = 86400.0, 3600.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Days left below which a certificate warns, and fails."""

    warn: float = 30.0
    fail: float = 7.0

    @classmethod
    def renewed_in_time(cls, lifetime: float) -> Limits:
        """Of one that cert-manager looks after, from its whole time in seconds.

        It renews when a third of that is left: with less than a quarter, it didn't. A private server's certificates may
        last a day, Let's Encrypt's shortest six.
        """
        days = lifetime / _DAY
        return cls(min(cls().warn, days / 4), min(cls().fail, days / 12))

    def judge(self, ends: float, now: float) -> Verdict:
        """Both times in Unix seconds."""
        days = (ends - now) / _DAY
        return Verdict.FAIL if days < self.fail else Verdict.WARN if days < self.warn else Verdict.PASS


USUAL = Limits()


def days_left(ends: float, now: float) -> int:
    """Whole days between two times in Unix seconds; negative once it has ended."""
    return int((ends - now) // _DAY)


def left(ends: float, now: float) -> str:
    """The days that are left between two times in Unix seconds, in words; hours on the last day."""
    days = days_left(ends, now)
    if days < 0:
        return "expired"
    return f"{count(days, 'day')} left" if days else f"{count(int((ends - now) // _HOUR), 'hour')} left"


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
        if USUAL.judge(self.at, now) is Verdict.PASS:
            return ""
        # The ingress' own may be the user's file: the list says who renews it.
        how = f"`craton certs show {cluster}` says who renews it" if self.title == "ingress" else ""
        how = how or f"`craton certs renew {cluster}` renews it"
        return f"certificate of {self.machine} ({self.title}): {left(self.at, now)}; {how}"
