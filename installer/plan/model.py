"""The install plan: all that the user decided, and nothing else. No secrets, no ids, no state."""

from __future__ import annotations

from pydantic import ValidationInfo, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError

from installer.plan.conflicts import conflicts
from installer.plan.settings import PlanSettings


class InstallPlan(PlanSettings):
    """All that the user decided about one cluster."""

    @model_validator(mode="after")
    def _rules_between_fields(self, info: ValidationInfo) -> InstallPlan:
        """Report every broken rule between fields at once, each at the field where it can be corrected.

        The validation context's `unknown`, if any, is that of `conflicts`.
        """
        errors = [
            InitErrorDetails(
                type=PydanticCustomError("plan", "{message}", {"found": found, "message": message}),
                loc=where,
                input=None,
            )
            for where, found, message in conflicts(self, (info.context or {}).get("unknown", ()))
        ]
        if errors:
            raise ValidationError.from_exception_data("InstallPlan", errors)
        return self
