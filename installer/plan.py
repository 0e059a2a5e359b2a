"""The install plan: all that the user decided, and nothing else. No secrets, no ids, no state."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, ip_address
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
    inventory: bool = False
    """Its machines are the user's own, named in the plan: they keep name and address, and are never deleted."""
    load_balancers: bool = True
    here: bool = False
    """Its machines run on this computer's processors."""
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
        PlatformTraits(
            "machines",
            "Own machines",
            "machines that you have, reached over SSH; Craton prepares them, and takes back what it did",
            inventory=True,
            load_balancers=False,
            cost="$0 (your machines)",
        ),
        PlatformTraits(
            "local",
            "This computer",
            "real machines on this computer as system containers, through podman or docker; needs root",
            here=True,
            cost="$0 (this computer)",
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


_NUMERIC = re.compile(r":|^[0-9.]*\.[0-9.]*$")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._:-]{0,251}[A-Za-z0-9])?")
_JUMP = re.compile(r"([A-Za-z0-9_][A-Za-z0-9._-]*@)?\[?[A-Za-z0-9][A-Za-z0-9._:-]*\]?(:[0-9]{1,5})?")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def _address(value: object) -> str:
    if isinstance(value, str) and _HOST.fullmatch(value) and (not _NUMERIC.search(value) or _is_ip(value)):
        return value
    raise _refuse(value, "an IP address, a DNS name, or a Host of ~/.ssh/config")


def _is_ip(value: str) -> bool:
    try:
        ip_address(value)
    except ValueError:
        return False
    return True


def _internal(value: object) -> IPv4Address | None:
    if value is None or isinstance(value, IPv4Address):
        return value
    try:
        return IPv4Address(value) if isinstance(value, str) else _not_internal(value)
    except ValueError:
        return _not_internal(value)


def _not_internal(value: object) -> IPv4Address:
    raise _refuse(value, "an IPv4 address such as 10.0.0.11, by which the other machines reach this one")


def _jump(value: object) -> str | None:
    if value is None or (isinstance(value, str) and all(_JUMP.fullmatch(hop) for hop in value.split(","))):
        return value
    raise _refuse(value, "jump hosts as ssh -J takes them, such as admin@bastion:2222")


def _key_path(value: object) -> str | None:
    if isinstance(value, str) and "PRIVATE KEY" in value:
        allowed = "the path of a key file: a plan holds no secrets"
        raise PydanticCustomError("plan", "{found} is not allowed", {"found": "a private key", "allowed": allowed})
    if value is None or (isinstance(value, str) and value and value.isprintable()):
        return value
    raise _refuse(value, "the path of a key file, such as ~/.ssh/id_ed25519")


def _base_url(value: object) -> str | None:
    allowed = (
        "an http or https address without user, password, query or '/' at its end, such as https://mirror.example.com"
    )
    if value is None:
        return None
    if not isinstance(value, str) or not re.fullmatch(
        r"https?://[A-Za-z0-9.\-\[\]:]+(/[A-Za-z0-9._~/-]*[A-Za-z0-9._~-])?", value
    ):
        raise _refuse("an address with a password" if "@" in str(value) else value, allowed)
    return value


def _sums(value: object) -> dict[str, str]:
    if isinstance(value, dict) and all(
        isinstance(path, str) and isinstance(sum, str) and _SHA256.fullmatch(sum) for path, sum in value.items()
    ):
        return dict(value)
    raise _refuse(value, "a mapping of paths on the mirror to SHA-256 sums of 64 hexadecimal digits")


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
    key: Annotated[str | None, BeforeValidator(_key_path)] = None
    """Private key with which own machines are reached, or the public half of one that the agent holds; else what
    ~/.ssh/config and the agent offer."""
    port: Annotated[int, Field(ge=1, le=65535)] = 22
    jump: Annotated[str | None, BeforeValidator(_jump)] = None
    """Jump hosts on the way to own machines, as `ssh -J` takes them."""


class Host(_Part):
    """A machine that the user has. What is not given here comes from ~/.ssh/config, and then from the plan's `ssh`."""

    address: Annotated[str, BeforeValidator(_address)]
    """Where SSH finds it: an IP address, a DNS name, or a Host of ~/.ssh/config."""
    internal: Annotated[IPv4Address | None, BeforeValidator(_internal)] = None
    """Where the other machines find it; needed where `address` is not an IPv4 address."""
    role: Literal["master", "infra", "worker"] | None = None
    """None: Craton assigns it."""
    user: Annotated[str, BeforeValidator(_user)] | None = None
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    key: Annotated[str | None, BeforeValidator(_key_path)] = None
    jump: Annotated[str | None, BeforeValidator(_jump)] = None

    @property
    def node_address(self) -> IPv4Address | None:
        """Where the other machines find it, or None if the plan does not say."""
        if self.internal is not None:
            return self.internal
        try:
            return IPv4Address(self.address)
        except ValueError:
            return None


class Machines(_Part):
    """Settings of the platform `machines`."""

    inventory: tuple[Host, ...] = Field(default=(), strict=False)
    """Every machine once; their number is that of masters, infra nodes and workers together."""
    firewall: bool = False
    """Enforce the contract's rules on the machines themselves, by an nftables table of Craton's own."""


class Local(_Part):
    """Settings of the platform `local`."""

    engine: Literal["auto", "podman", "docker"] = "auto"
    memory: Annotated[int, Field(ge=256, le=1_048_576)] | None = None
    """MiB that each machine may use; None for as much as there is."""
    firewall: bool = True
    """Enforce the contract's rules on the machines themselves, as on own machines."""


class Artifacts(_Part):
    """Where the machines get what is installed on them."""

    mirror: Annotated[str | None, BeforeValidator(_base_url)] = None
    """Base address of a mirror; None for the projects' own download sites."""
    proxy: Annotated[str | None, BeforeValidator(_base_url)] = None
    """HTTP proxy through which machines download."""
    sums: Annotated[dict[str, str], BeforeValidator(_sums)] = Field(default_factory=dict)
    """SHA-256 sums as the publishers gave them when the plan was reviewed, by path on the mirror."""
    sums_from: Annotated[str | None, BeforeValidator(_base_url)] = None
    """The mirror that gave `sums`; None for the publishers themselves."""

    def __hash__(self) -> int:
        return hash((self.mirror, self.proxy, frozenset(self.sums.items()), self.sums_from))


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
