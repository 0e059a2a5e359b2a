"""The install plan: all that the user decided, and nothing else. No secrets, no ids, no state."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError

from installer import contract

FORMAT: Literal[1] = 1
NAME_LIMIT = 20
"""Letters in a cluster name: AWS allows 32 in a load balancer's name, and ours end in at most 12 (`-ingress-443`)."""

MAX_INFRA = 80
MAX_WORKERS = 5000
"""Kubernetes' own limit of nodes in a cluster ("Considerations for large clusters")."""

KUBERNETES_VERSIONS = ("v1.34", "v1.35", "v1.36")
DEFAULT_KUBERNETES = "v1.36.2"


@dataclass(frozen=True)
class PlatformTraits:
    """What a plan has to know of the platform that it names."""

    name: str
    title: str
    summary: str
    cloud: bool = False
    """Nodes call the platform's API (contract rule M12)."""


PLATFORMS: dict[str, PlatformTraits] = {
    traits.name: traits
    for traits in (
        PlatformTraits(
            "rehearsal",
            "Rehearsal",
            "stand-in machines on this computer behind real SSH; needs no root, no cloud, no download",
        ),
    )
}

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_VERSION = re.compile(r"v1\.\d+\.\d+")
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_PUBLIC_KEY = re.compile(
    r"(ssh-ed25519|ecdsa-sha2-nistp(256|384|521)|ssh-rsa|sk-ssh-ed25519@openssh\.com|sk-ecdsa-sha2-nistp256@openssh\.com)"
    r" [A-Za-z0-9+/]+={0,3}( [^\x00-\x1f\x7f]*)?"
)


def _refuse(found: object, allowed: str) -> PydanticCustomError:
    """An error whose context says what is allowed; whoever shows it adds where it was found."""
    return PydanticCustomError("plan", "{found} is not allowed", {"found": repr(found), "allowed": allowed})


def _name(value: object) -> str:
    allowed = (
        f"1 to {NAME_LIMIT} lowercase letters, digits and '-', a letter first, no '-' at the end "
        "(RFC 1123, and the clouds' limits on names)"
    )
    if not isinstance(value, str) or len(value) > NAME_LIMIT:
        raise _refuse(value, allowed)
    if not _LABEL.fullmatch(value) or not value[0].isalpha():
        raise _refuse(value, allowed)
    return value


def _subdomain(value: object) -> str:
    allowed = (
        "a DNS name such as k8s.example.com: labels of 1 to 63 lowercase letters, digits and '-', 2 or more labels"
    )
    if not isinstance(value, str) or len(value) > 253 - NAME_LIMIT - len("-k8s."):
        raise _refuse(value, allowed)
    labels = value.split(".")
    if len(labels) < 2 or any(len(label) > 63 or not _LABEL.fullmatch(label) for label in labels):
        raise _refuse(value, allowed)
    if labels[-1].isdigit():
        raise _refuse(value, "a DNS name, not an IP address")
    return value


def _network(value: object) -> IPv4Network:
    allowed = "an IPv4 network in CIDR notation such as 10.0.0.0/16, with no host bits set"
    if isinstance(value, IPv4Network):
        return value
    if not isinstance(value, str) or "/" not in value:
        raise _refuse(value, allowed)
    try:
        return IPv4Network(value)
    except ValueError:
        raise _refuse(value, allowed) from None


def _platform(value: object) -> str:
    if not isinstance(value, str) or value not in PLATFORMS:
        raise _refuse(value, " or ".join(PLATFORMS))
    return value


def _kubernetes(value: object) -> str:
    if isinstance(value, str) and _VERSION.fullmatch(value) and value.rpartition(".")[0] in KUBERNETES_VERSIONS:
        return value
    raise _refuse(value, f"a release such as {DEFAULT_KUBERNETES}, of {', '.join(KUBERNETES_VERSIONS)}")


def _user(value: object) -> str:
    if isinstance(value, str) and _USER.fullmatch(value):
        return value
    raise _refuse(value, "a Linux user name: 1 to 32 lowercase letters, digits, '_' and '-', no digit first")


def _public_key(value: object) -> str | None:
    if value is None or (isinstance(value, str) and _PUBLIC_KEY.fullmatch(value)):
        return value
    if isinstance(value, str) and "PRIVATE KEY" in value:
        raise PydanticCustomError(
            "plan",
            "{found} is not allowed",
            {"found": "a private key", "allowed": "one line of a public key (the file that ends in .pub)"},
        )
    raise _refuse(value, "one line of an OpenSSH public key, such as 'ssh-ed25519 AAAA... you@host'")


def _may_rule(value: object) -> str:
    choosable = contract.choosable()
    if isinstance(value, str) and value in choosable:
        return value
    rule = contract.RULES.get(value) if isinstance(value, str) else None
    if rule and rule.obsolete:
        raise _refuse(value, f"{', '.join(choosable)} ({value} is obsolete: {rule.obsolete})")
    raise _refuse(value, f"a MAY rule of the contract: {', '.join(choosable)}")


Network = Annotated[
    IPv4Network,
    BeforeValidator(_network),
    Field(json_schema_extra={"type": "string", "format": "ipv4-network"}),
]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Ingress(_Part):
    """How traffic for the console and Dex enters: infra nodes with host ports, or a load balancer."""

    kind: Literal["infra", "load-balancer"] = "infra"
    infra: Annotated[int, Field(ge=1, le=MAX_INFRA)] | None = None
    """Number of infra nodes; given with kind `infra` alone."""

    @model_validator(mode="before")
    @classmethod
    def _default_count(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("kind", "infra") == "infra" and data.get("infra") is None:
            return {**data, "infra": 1}
        return data


class Networks(_Part):
    """IPv4 networks; machines, pods and services must not overlap."""

    user: Network = IPv4Network("127.0.0.0/8")
    """Where people are: SSH and the API server are open to it (rule M1)."""
    machines: Network = IPv4Network("10.10.0.0/16")
    pods: Network = IPv4Network("10.244.0.0/16")
    services: Network = IPv4Network("10.96.0.0/12")


class SSH(_Part):
    """How Craton and the user log in."""

    user: Annotated[str, BeforeValidator(_user)] = "craton"
    public_key: Annotated[str | None, BeforeValidator(_public_key)] = None
    """The user's own key, authorised beside the one that Craton makes for the cluster."""


class Rehearsal(_Part):
    """The environment that a rehearsal stands for."""

    load_balancers: bool = True


class InstallPlan(_Part):
    """All that the user decided about one cluster."""

    craton: Literal[1] = FORMAT
    """Format of the plan file."""
    name: Annotated[str, BeforeValidator(_name), Field(max_length=NAME_LIMIT)]
    subdomain: Annotated[str, BeforeValidator(_subdomain)]
    platform: Annotated[str, BeforeValidator(_platform), Field(json_schema_extra={"enum": list(PLATFORMS)})] = (
        "rehearsal"
    )
    masters: Literal[1, 3, 5] = 3
    schedulable_masters: bool = False
    """Masters run user workloads too (no NoSchedule taint)."""
    workers: Annotated[int, Field(ge=0, le=MAX_WORKERS)] = 2
    ingress: Ingress = Ingress(kind="infra", infra=1)
    networks: Networks = Networks()
    kubernetes: Annotated[str, BeforeValidator(_kubernetes)] = DEFAULT_KUBERNETES
    ssh: SSH = SSH()
    may: tuple[Annotated[str, BeforeValidator(_may_rule)], ...] = Field(
        default=contract.default_may(),
        json_schema_extra={"items": {"enum": list(contract.choosable())}},
        strict=False,
    )
    """Ids of the contract's MAY rules that are switched on."""
    rehearsal: Rehearsal = Rehearsal()

    @property
    def traits(self) -> PlatformTraits:
        return PLATFORMS[self.platform]

    @property
    def load_balancers(self) -> bool:
        """Whether load balancers are to be had where this plan installs."""
        return self.rehearsal.load_balancers

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
    def _rules_between_fields(self) -> InstallPlan:
        """Report every broken rule between fields at once, each at the field where it can be mended."""
        errors = [
            InitErrorDetails(
                type=PydanticCustomError("plan", "{found} is not allowed", {"found": found, "allowed": allowed}),
                loc=where,
                input=None,
            )
            for where, found, allowed in conflicts(self)
        ]
        if errors:
            raise ValidationError.from_exception_data("InstallPlan", errors)
        return self


def conflicts(plan: InstallPlan) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """Yield (field, what was found, what is allowed) for each rule between fields that does not hold."""
    if plan.workers == 0 and not plan.schedulable_masters:
        yield (
            ("workers",),
            "0",
            "1 or more, or 0 with schedulable_masters: true, so that workloads have somewhere to run",
        )
    if plan.ingress.kind == "load-balancer":
        if plan.ingress.infra is not None:
            yield ("ingress", "infra"), str(plan.ingress.infra), "no infra count beside kind: load-balancer"
        if not plan.load_balancers:
            yield (
                ("ingress", "kind"),
                "'load-balancer'",
                f"infra: the {plan.platform} platform has no load balancer here. {contract.INFRA_SENTENCE}",
            )
    yield from _network_conflicts(plan.networks)
    yield from _capacity_conflicts(plan)


def _network_conflicts(networks: Networks) -> Iterator[tuple[tuple[str, ...], str, str]]:
    for one, other in (("pods", "machines"), ("services", "machines"), ("services", "pods")):
        first, second = getattr(networks, one), getattr(networks, other)
        if first.overlaps(second):
            yield ("networks", one), f"'{first}'", f"a network that does not overlap {other} ({second})"


def _capacity_conflicts(plan: InstallPlan) -> Iterator[tuple[tuple[str, ...], str, str]]:
    # Offsets of topology.address: workers start at 101; the last address of a network is its broadcast address.
    last_needed = 100 + plan.workers if plan.workers else 20 + plan.infra
    machines, pods, services = plan.networks.machines, plan.networks.pods, plan.networks.services
    if last_needed >= machines.num_addresses - 1:
        prefix = 32 - (last_needed + 1).bit_length()
        yield (
            ("networks", "machines"),
            f"'{machines}'",
            f"/{prefix} or larger for {plan.machine_count} machines",
        )
    # flannel gives each node a /24 of the pod network.
    blocks = 2 ** (24 - pods.prefixlen) if pods.prefixlen <= 24 else 0
    if blocks < plan.machine_count:
        prefix = 24 - (plan.machine_count - 1).bit_length()
        yield (
            ("networks", "pods"),
            f"'{pods}'",
            f"/{prefix} or larger: each of {plan.machine_count} nodes gets a /24",
        )
    if not 12 <= services.prefixlen <= 24:
        yield ("networks", "services"), f"'{services}'", "/12 to /24 (kube-apiserver's limit is 20 bits)"
