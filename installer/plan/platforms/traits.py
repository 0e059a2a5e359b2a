"""What a plan needs to know about the platform that it names."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PlatformTraits:
    """What a plan has to know of the platform that it names."""

    name: str
    title: str
    summary: str
    cloud: bool = False
    """Nodes call the platform's API (contract rule M12)."""
    assigns_addresses: bool = False
    """Machines and load balancers get their addresses from the platform, once they exist."""
    inventory: bool = False
    """Its machines are the user's own, named in the plan: they keep name and address, and are never deleted."""
    load_balancers: bool = True
    here: bool = False
    """Its machines run on this computer's processors."""
    stand_ins: bool = False
    """Its machines are stand-ins: no kubectl, browser or resolver outside finds the cluster."""
    notice: str = ""
    """What stands on every screen about a cluster of this platform, or empty."""
    cost: str = "cost unknown"
    """What its machines cost, as far as that is known before the platform is asked."""
