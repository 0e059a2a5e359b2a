"""Where machines come from: one package per platform, imported only when a plan names it.

A package NAME has two modules. `platform` offers `open_platform(plan, options)`, and `steps` offers
`steps(plan, topology)`. A third, `suggestions`, is needed where the registration names fields that it suggests answers
for. `installer.plan.platforms` knows what a plan says about each platform.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from installer.common.errors import ExitCode, InstallerError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from installer.plan.model import InstallPlan
    from installer.plan.question import Answers
    from installer.plan.suggestions import Suggestions
    from installer.plan.topology import Topology
    from installer.steps.platform import Platform, RunOptions
    from installer.steps.step import Step


def open_platform(plan: InstallPlan, options: RunOptions | None = None) -> Platform:
    """The platform that `plan` names; without `options`, to look and not to change how a run goes.

    Touches nothing outside. Raises InstallerError (usage) if the options make no sense for this plan.
    """
    found: Platform = import_module(f"{__name__}.{plan.platform}.platform").open_platform(plan, options)
    return found


def remote_plan(address: str) -> InstallPlan:
    """The plan of the cluster at PLATFORM://PLACE, as far as what exists there says it. Raises InstallerError."""
    name, _, place = address.partition("://")
    try:
        module = import_module(f"{__name__}.{name}.remote")
    except ModuleNotFoundError:
        raise InstallerError(
            "find the cluster",
            f"no platform {name} finds clusters by an address",
            hint="Give the cluster's name, or its plan file.",
            exit_code=ExitCode.USAGE,
        ) from None
    found: InstallPlan = module.plan_of(place)
    return found


def platform_steps(plan: InstallPlan, topology: Topology) -> Iterable[Step]:
    """The platform's own steps, of the phases check, network, machines and dns. Pure: touches nothing outside.

    The last step of each machine in the phase `machines` has the id `machines/create/<machine>`.
    """
    found: Iterable[Step] = import_module(f"{__name__}.{plan.platform}.steps").steps(plan, topology)
    return found


_OF_NAMES = {"dns.profile": "aws", "dns.hosted_zone": "aws", "dns.project": "gcp", "dns.impersonate": "gcp",
             "dns.managed_zone": "gcp"}  # fmt: skip
"""Fields of `dns` that have their like among a cloud's settings, and so the same suggestions."""


def suggestions(platform: str, field: str, answers: Answers) -> Suggestions:
    """What the account that `answers` name has for the question about `field`. Raises InstallerError. Blocks.

    Imports the cloud's libraries: for a process that draws no screen.
    """
    if cloud := _OF_NAMES.get(field):
        given = {name.replace("dns.", f"{cloud}."): value for name, value in answers.items()}
        return suggestions(cloud, field.replace("dns.", f"{cloud}."), given)
    found: Suggestions = import_module(f"{__name__}.{platform}.suggestions").suggest(field, answers)
    return found
