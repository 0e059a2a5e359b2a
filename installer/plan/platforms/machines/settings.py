"""Settings of the platform `machines`: your own machines over SSH."""

from __future__ import annotations

from pydantic import Field

from installer.plan.fields import Part
from installer.plan.host import Host


class Machines(Part):
    """Settings of the platform `machines`."""

    inventory: tuple[Host, ...] = Field(default=(), strict=False)
    """Every machine once; their number is that of masters, infra nodes and workers together."""
    firewall: bool = False
    """Enforce the contract's rules on the machines themselves, by an nftables table of Craton's own."""
