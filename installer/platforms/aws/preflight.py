"""What has to hold in the account before anything is made there."""

from __future__ import annotations

from dataclasses import dataclass

from installer.platforms.aws.platform import platform_of
from installer.steps.step import Context, Observation, Proof


@dataclass(frozen=True)
class AccountCheck(Proof):
    """Credentials that work."""

    def observe(self, ctx: Context) -> Observation:
        caller = platform_of(ctx).account.caller()
        ctx.log(f"account {caller['Account']}, as {caller['Arn']} (found by: {caller['method'] or 'unknown'})")
        return Observation(True, f"account {caller['Account']}, as {caller['Arn']}")
