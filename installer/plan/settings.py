"""The fields of an install plan. Rules between fields are in `conflicts`; `model` puts both together."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from installer.plan import rules
from installer.plan.fields import (
    DEFAULT_KUBERNETES,
    NAME_LIMIT,
    Part,
    in_contract_order,
    valid_may_rule,
    valid_name,
    valid_release,
    valid_subdomain,
    valid_whole_number,
)
from installer.plan.platforms.catalogue import PLATFORMS, valid_platform
from installer.plan.platforms.local import Local
from installer.plan.platforms.machines import Machines
from installer.plan.platforms.rehearsal import Rehearsal
from installer.plan.platforms.traits import PlatformTraits
from installer.plan.sections import SSH, Artifacts, Ingress, Networks

FORMAT: Literal[1] = 1

MAX_WORKERS = 5000
"""Kubernetes' own limit of nodes in a cluster ("Considerations for large clusters")."""


_MayRule = Annotated[str, BeforeValidator(valid_may_rule)]


class PlanSettings(Part):
    """Every field of a plan, each valid by itself, and what follows from them."""

    craton: Annotated[Literal[1], BeforeValidator(valid_whole_number)] = FORMAT
    """Format of the plan file."""
    name: Annotated[str, BeforeValidator(valid_name), Field(max_length=NAME_LIMIT)]
    subdomain: Annotated[str, BeforeValidator(valid_subdomain)]
    platform: Annotated[str, BeforeValidator(valid_platform), Field(json_schema_extra={"enum": list(PLATFORMS)})] = (
        "rehearsal"
    )
    masters: Annotated[Literal[1, 3, 5], BeforeValidator(valid_whole_number)] = 3
    schedulable_masters: bool = False
    """Masters run user workloads too (no NoSchedule taint)."""
    workers: Annotated[int, Field(ge=0, le=MAX_WORKERS)] = 2
    ingress: Ingress = Ingress(kind="infra", infra=1)
    networks: Networks = Networks()
    kubernetes: Annotated[str, BeforeValidator(valid_release)] = DEFAULT_KUBERNETES
    ssh: SSH = SSH()
    may: Annotated[tuple[Annotated[str, BeforeValidator(valid_may_rule)], ...], AfterValidator(in_contract_order)] = (
        Field(
            default=rules.default_may(),
            json_schema_extra={"items": {"enum": list(rules.choosable())}},
            strict=False,
        )
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
