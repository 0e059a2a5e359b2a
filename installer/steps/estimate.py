"""What a platform expects a plan's machines to cost."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Estimate:
    """Money for as long as the machines exist. `quota` says what the account must be allowed, in a few words each."""

    hourly: float
    monthly: float
    currency: str = "USD"
    quota: tuple[str, ...] = ()
    without: str = ""
    """What comes on top, in words."""

    def __str__(self) -> str:
        limits = f"; your account needs a quota of {', '.join(self.quota)}" if self.quota else ""
        more = f", before {self.without}" if self.without else ""
        return f"about {self.hourly:,.2f} {self.currency} an hour, {self.monthly:,.0f} a month{more}{limits}"
