"""Every platform by name."""

from __future__ import annotations

from installer.plan.fields import refuse
from installer.plan.platforms.traits import PlatformTraits

PLATFORMS: dict[str, PlatformTraits] = {
    traits.name: traits
    for traits in (
        PlatformTraits(
            "rehearsal",
            "Rehearsal",
            "stand-in machines on this computer behind real SSH; needs no root, no cloud, no download",
            stand_ins=True,
            notice="rehearsal · nothing leaves this computer",
            cost="$0 (rehearsal)",
        ),
        PlatformTraits(
            "machines",
            "Own machines",
            "machines that you have, reached over SSH; Craton prepares them, and takes back what it did",
            inventory=True,
            load_balancers=False,
            cost="$0 (your machines)",
        ),
        PlatformTraits(
            "local",
            "This computer",
            "real machines on this computer as system containers, through podman or docker; needs root",
            here=True,
            cost="$0 (this computer)",
        ),
    )
}


def valid_platform(value: object) -> str:
    if not isinstance(value, str) or value not in PLATFORMS:
        raise refuse(value, " or ".join(PLATFORMS))
    return value
