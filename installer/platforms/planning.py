"""What a platform can say of a plan before anything is made: today, what its machines will cost."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from installer.plan.model import InstallPlan
    from installer.steps.estimate import Estimate


def estimate(plan: InstallPlan) -> Estimate | None:
    """What the plan's machines cost, as its platform's module `planning` says; None where nobody can know.

    Touches nothing outside.
    """
    name = f"installer.platforms.{plan.platform}.planning"
    if find_spec(name) is None:
        return None
    found: Estimate | None = import_module(name).estimate(plan)
    return found


def account_costs(plan: InstallPlan) -> str:
    """What the plan's machines cost, in words, by the price list of the account that it names.

    Blocks. Raises InstallerError.
    """
    found: Estimate = import_module(f"installer.platforms.{plan.platform}.prices").of_plan(plan)
    return str(found)
