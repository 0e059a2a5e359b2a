"""What a list shows of a cluster's plan, recorded with each run: reading the plan itself would take longer."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from installer.common.shape import shaped

if TYPE_CHECKING:
    from installer.plan.model import InstallPlan

FIELD = "about"
"""Where it is among a run's options."""
_SHAPE = {"platform": str, "kubernetes": str, "machines": int, "notice": str}


@dataclass(frozen=True, slots=True)
class PlanRow:
    platform: str = "?"
    kubernetes: str = ""
    machines: int = 0
    notice: str = ""

    @classmethod
    def of(cls, plan: InstallPlan) -> PlanRow:
        return cls(plan.platform, plan.kubernetes, plan.machine_count, plan.traits.notice)


def to_record(plan: InstallPlan, file: bytes) -> dict[str, Any]:
    """What a run records of `plan`, which is in `file`."""
    return {**asdict(PlanRow.of(plan)), "sha256": hashlib.sha256(file).hexdigest()}


def recorded(options: Mapping[str, Any], file: bytes) -> PlanRow | None:
    """What a run's options say of the plan in `file`; None if they say nothing of this very file."""
    try:
        found = shaped(options.get(FIELD, {}), _SHAPE)
        if found.get("sha256") != hashlib.sha256(file).hexdigest():
            return None
        return PlanRow(**{name: found[name] for name in _SHAPE})
    except (ValueError, KeyError):
        return None
