"""Clocks that disagree: certificates that are not valid yet or no more, and whose clock it is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

_X509 = re.compile(r"certificate has expired or is not yet valid:? current time (\S+) is (before|after) ([0-9TZ:+.-]+)")
TOLERANCE = 60.0
"""Seconds that a clock may be off before it is named: kubeadm's and SSH's own time is within."""


@dataclass(frozen=True, slots=True)
class Invalid:
    """A certificate that is not valid at the time of the machine that looked at it."""

    current: str
    side: str
    """`before` its first moment, or `after` its last."""
    limit: str


def invalid_certificate(text: str) -> Invalid | None:
    found = _X509.search(text)
    return Invalid(found[1], found[2], found[3].rstrip(".,")) if found else None


def skew(clock: int | None, now: float) -> float:
    """Seconds by which the machine's clock is ahead of this computer's; 0 where it is near enough or unknown."""
    if clock is None or abs(clock - now) <= TOLERANCE:
        return 0.0
    return clock - now


def seconds(text: str) -> float | None:
    """The Unix time of an RFC 3339 time such as `2026-11-23T03:20:00Z`, None if it is none."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC).timestamp()
    except (ValueError, OverflowError):
        return None


def in_words(skewed: float) -> str:
    """Such as `3 h 20 min behind this computer's`."""
    minutes, rest = divmod(round(abs(skewed)), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "days"), (hours, "h"), (minutes, "min"), (rest, "s")]
    shown = [f"{number} {unit}" for number, unit in parts if number][:2]
    return f"{' '.join(shown)} {'ahead of' if skewed > 0 else 'behind'} this computer's"
