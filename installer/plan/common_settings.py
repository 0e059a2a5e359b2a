"""The fields that every plan has, whatever its platform. Rules between them are in `conflicts`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from installer.plan import rules
from installer.plan.fields import (
    DEFAULT_KUBERNETES,
    MAX_WORKERS,
    NAME_LIMIT,
    Part,
    in_contract_order,
    valid_may_rule,
    valid_name,
    valid_release,
    valid_subdomain,
    valid_whole_number,
)
from installer.plan.sections import DNS, SSH, Addons, Artifacts, Certificate, Ingress, Networks, SignIn

FORMAT: Literal[1] = 1


class CommonSettings(Part):
    """Every field that has a meaning on each platform, valid by itself, and what follows from them."""

    craton: Annotated[Literal[1], BeforeValidator(valid_whole_number)] = FORMAT
    """Format of the plan file."""
    name: Annotated[str, BeforeValidator(valid_name), Field(max_length=NAME_LIMIT)]
    subdomain: Annotated[str, BeforeValidator(valid_subdomain)]
    platform: str
    masters: Annotated[Literal[1, 3, 5], BeforeValidator(valid_whole_number)] = 3
    schedulable_masters: bool = False
    """Masters run user workloads too (no NoSchedule taint)."""
    workers: Annotated[int, Field(ge=0, le=MAX_WORKERS)] = 2
    ingress: Ingress = Ingress(kind="infra", infra=1)
    addons: Addons = Addons()
    certificate: Certificate = Certificate()
    sign_in: SignIn = SignIn()
    dns: DNS = DNS()
    networks: Networks = Networks()
    kubernetes: Annotated[str, BeforeValidator(valid_release)] = DEFAULT_KUBERNETES
    pod_security: Literal["privileged", "baseline", "restricted"] = "privileged"
    """Pod Security Standard of namespaces that have no label of their own; Kubernetes' own default is `privileged`."""
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
    def administrator(self) -> str:
        """The e-mail address with which the administrator signs in."""
        return self.sign_in.email or f"admin@{self.subdomain}"

    @property
    def issuer(self) -> str:
        """Where Dex is, and what its tokens say of where they come from."""
        return f"https://{self.console_host}/dex"

    @property
    def by_acme(self) -> bool:
        """Whether cert-manager gets the console's certificate from an ACME server, and renews it."""
        return self.addons.ingress and self.certificate.source == "acme"

    @property
    def console_host(self) -> str:
        """Contract rule D2."""
        return f"{self.name}.{self.subdomain}"
