"""Where machines come from: one module or package per platform, imported only when a plan names it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from installer.plan.model import InstallPlan
    from installer.steps.platform import Platform, RunOptions

_PLATFORMS = {
    "local": ("installer.platforms.local.platform", "LocalPlatform"),
    "machines": ("installer.platforms.machines.platform", "MachinesPlatform"),
    "rehearsal": ("installer.platforms.rehearsal.platform", "RehearsalPlatform"),
}
"""Module and class by the name that stands in a plan (`installer.plan.PLATFORMS`)."""


def open_platform(plan: InstallPlan, options: RunOptions | None = None) -> Platform:
    """The platform that `plan` names; without `options`, to look and not to change how a run goes.

    Touches nothing outside. Raises InstallerError (usage) if the options make no sense for this plan.
    """
    module, name = _PLATFORMS[plan.platform]
    platform: Platform = getattr(import_module(module), name)(plan, options)
    return platform
