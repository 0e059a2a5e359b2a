"""The install plan: all that the user decided, and nothing else. No secrets, no ids, no state."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError, PydanticKnownError, ValidationError

from installer import contract
from installer.conflicts import conflicts

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
    stand_ins: bool = False
    """Its machines are stand-ins: no kubectl, browser or resolver outside finds the cluster."""
    notice: str = ""
    """What stands on every screen about a cluster of this platform, or empty."""
    cost: str = "cost unknown"
    """What its machines cost, as far as that is known before the platform is asked."""


PLATFORMS: dict[str, PlatformTraits] = {
    traits.name: traits
    for traits in (
        PlatformTraits(
            "rehearsal",
            "Rehearsal",
            "stand-in machines on this computer behind real SSH; needs no root, no cloud, no download",
            stand_ins=True,
            notice="rehearsal · nothing leaves this computer",
            cost="$0 (rehearsal)",
        ),
    )
}

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_VERSION = re.compile(r"v1\.\d+\.\d+")
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_PUBLIC_KEY = re.compile(
    r"(ssh-ed25519|ecdsa-sha2-nistp(256|384|521)|ssh-rsa|sk-ssh-ed25519@openssh\.com|sk-ecdsa-sha2-nistp256@openssh\.com)"
    r" [A-Za-z0-9+/]+={0,3}( .*)?"
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
        network = IPv4Network(value)
    except ValueError:
        raise _refuse(value, allowed) from None
    if str(network) != value:  # a netmask, a hostmask or a padded prefix
        raise _refuse(value, allowed)
    return network


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
    if value is None or (isinstance(value, str) and value.isprintable() and _PUBLIC_KEY.fullmatch(value)):
        return value
    if isinstance(value, str) and "PRIVATE KEY" in value:
        raise PydanticCustomError(
            "plan",
            "{found} is not allowed",
            {"found": "a private key", "allowed": "one line of a public key (the file that ends in .pub)"},
        )
    raise _refuse(value, "one line of an OpenSSH public key, such as 'ssh-ed25519 AAAA... you@host'")


def _whole(value: object) -> object:
    """Literal compares with `==`, so that True and 1.0 would pass for 1."""
    if isinstance(value, bool | float):
        raise PydanticKnownError("int_type")
    return value


def _in_order(rules: tuple[str, ...]) -> tuple[str, ...]:
    """Each rule once, in the contract's order: plans that switch on the same rules are equal."""
    return tuple(rule for rule in contract.choosable() if rule in rules)


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
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True)


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
