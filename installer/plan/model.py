"""The install plan: all that the user decided, and nothing else. No secrets, no ids, no state."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError

from installer.plan import rules
from installer.plan.conflicts import conflicts
from installer.plan.fields import (
    DEFAULT_KUBERNETES,
    NAME_LIMIT,
    _in_order,
    _kubernetes,
    _may_rule,
    _name,
    _Part,
    _subdomain,
    _whole,
)
from installer.plan.platforms.catalogue import PLATFORMS, _platform
from installer.plan.platforms.local import Local
from installer.plan.platforms.machines import Machines
from installer.plan.platforms.rehearsal import Rehearsal
from installer.plan.platforms.traits import PlatformTraits
from installer.plan.sections import SSH, Artifacts, Ingress, Networks

FORMAT: Literal[1] = 1

MAX_WORKERS = 5000
"""Kubernetes' own limit of nodes in a cluster ("Considerations for large clusters")."""


class InstallPlan(_Part):
    """All that the user decided about one cluster."""

    craton: Annotated[Literal[1], BeforeValidator(_whole)] = FORMAT
    """Format of the plan file."""
    name: Annotated[str, BeforeValidator(_name), Field(max_length=NAME_LIMIT)]
    subdomain: Annotated[str, BeforeValidator(_subdomain)]
    platform: Annotated[str, BeforeValidator(_platform), Field(json_schema_extra={"enum": list(PLATFORMS)})] = (
        "rehearsal"
    )
    masters: Annotated[Literal[1, 3, 5], BeforeValidator(_whole)] = 3
    schedulable_masters: bool = False
    """Masters run user workloads too (no NoSchedule taint)."""
    workers: Annotated[int, Field(ge=0, le=MAX_WORKERS)] = 2
    ingress: Ingress = Ingress(kind="infra", infra=1)
    networks: Networks = Networks()
    kubernetes: Annotated[str, BeforeValidator(_kubernetes)] = DEFAULT_KUBERNETES
    ssh: SSH = SSH()
    may: Annotated[tuple[Annotated[str, BeforeValidator(_may_rule)], ...], AfterValidator(_in_order)] = Field(
        default=rules.default_may(),
        json_schema_extra={"items": {"enum": list(rules.choosable())}},
        strict=False,
    )
    """Ids of the contract's MAY rules that are switched on."""
    artifacts: Artifacts = Artifacts()
    machines: Machines = Machines()
    local: Local = Local()
    rehearsal: Rehearsal = Rehearsal()

    @property
    def traits(self) -> PlatformTraits:
        return PLATFORMS[self.platform]

    @property
    def load_balancers(self) -> bool:
        """Whether load balancers are to be had where this plan installs."""
        return self.rehearsal.load_balancers if self.platform == "rehearsal" else self.traits.load_balancers

    @property
    def infra(self) -> int:
        """Number of infra nodes."""
        return self.ingress.infra or 0

    @property
    def machine_count(self) -> int:
        return self.masters + self.infra + self.workers

    @property
    def api_host(self) -> str:
        """Contract rule D1."""
        return f"{self.name}-k8s.{self.subdomain}"

    @property
    def console_host(self) -> str:
        """Contract rule D2."""
        return f"{self.name}.{self.subdomain}"

    @model_validator(mode="after")
    def _rules_between_fields(self, info: ValidationInfo) -> InstallPlan:
        """Report every broken rule between fields at once, each at the field where it can be mended.

        The validation context's `unknown`, if any, is that of `conflicts`.
        """
        errors = [
            InitErrorDetails(
                type=PydanticCustomError("plan", "{found} is not allowed", {"found": found, "allowed": allowed}),
                loc=where,
                input=None,
            )
            for where, found, allowed in conflicts(self, (info.context or {}).get("unknown", ()))
        ]
        if errors:
            raise ValidationError.from_exception_data("InstallPlan", errors)
        return self
