"""The rehearsal of a plan: the same cluster on simulated machines, under a name of its own. Pure."""

from __future__ import annotations

from installer.common.errors import ExitCode, InstallerError
from installer.plan.fields import NAME_LIMIT
from installer.plan.model import InstallPlan
from installer.plan.platforms import DEFAULT, PLATFORMS

_SUFFIX = "-rehearsal"
_API_ADDRESS = 9
"""Of a rehearsal's virtual address, in the machines' network."""

LIMITS = (
    "A rehearsal runs the real steps, checks and screens against simulated machines on this computer.",
    "It can't show whether your machines can be reached and are ready: `craton diagnose` tries that.",
    "It downloads nothing, so it can't show whether downloads and checksums work, or how long an install takes.",
    "It runs no Kubernetes: kubectl finds nothing there.",
)
"""What a rehearsal shows and what it can't, a sentence each."""


def rehearsal_of(plan: InstallPlan) -> InstallPlan:
    """`plan` with the same machines and rules on the platform that simulates them, named NAME-rehearsal.

    The name is cut where it would be too long. Raises InstallerError (usage) if `plan` is a rehearsal already.
    """
    if plan.traits.stand_ins:
        raise InstallerError(
            "rehearse the plan",
            f"{plan.name} is a rehearsal already",
            hint="Install it: nothing leaves this computer.",
            exit_code=ExitCode.USAGE,
        )
    kept = plan.model_dump(mode="json", exclude={"ssh", "artifacts", *PLATFORMS})
    if plan.networks.api_address:  # own machines have their networks; stand-ins have the plan's
        kept["networks"]["api_address"] = str(plan.networks.machines[_API_ADDRESS])
    return InstallPlan.model_validate(
        kept
        | {
            "name": plan.name[: NAME_LIMIT - len(_SUFFIX)].rstrip("-") + _SUFFIX,
            "platform": DEFAULT,
            DEFAULT: {"load_balancers": plan.load_balancers},
        }
    )
