"""Types of single plan fields: what each accepts, and the error that says so.

Over 300 lines because it is a table: a pattern, a function and a message for each type of field.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError, PydanticKnownError

from installer.common import no_proxy, web_address
from installer.common.sanitise import clean
from installer.common.text import shown
from installer.plan import addresses, releases
from installer.plan import rules as contract

MAX_WORKERS = 5000
"""Kubernetes' own limit of nodes in a cluster ("Considerations for large clusters")."""
NAME_LIMIT = 20
"""Letters in a cluster name: AWS allows 32 in a load balancer's name, and ours end in at most 12 (`-ingress-443`)."""


DEFAULT_KUBERNETES = "v1.36.2"


_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")


_NAMED_BY_KUBEADM = ("coredns", "etcd", "pause")
_TAG = re.compile(r"v?\d[\w.-]{0,40}")
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
"""What useradd makes."""

_LOGIN = re.compile(r"\w(?:[\w.+-]|[\\@](?=\w)){0,254}")
"""What a directory service may call somebody: first.last, Administrator, user@realm, DOMAIN\\user."""


def refuse(found: object, message: str) -> PydanticCustomError:
    """An error that a field words itself: `message` is what its reader sees, in full sentences."""
    return PydanticCustomError("plan", "{message}", {"found": repr(found), "message": message})


def _quoted(value: object) -> str:
    """A value as it is named in a message."""
    return "This" if value is None or isinstance(value, dict | list) else shown(repr(value))


def valid_name(value: object) -> str:
    allowed = (
        f"Enter a name: up to {NAME_LIMIT} lowercase letters, digits or hyphens, "
        "starting with a letter and not ending in a hyphen."
    )
    if not isinstance(value, str) or len(value) > NAME_LIMIT:
        raise refuse(value, allowed)
    if not _LABEL.fullmatch(value) or not value[0].isalpha():
        raise refuse(value, allowed)
    return value


def valid_subdomain(value: object) -> str:
    allowed = (
        "Enter a DNS domain such as k8s.example.com: at least two parts, "
        "each up to 63 lowercase letters, digits or hyphens."
    )
    if not isinstance(value, str) or len(value) > 253 - NAME_LIMIT - len("-k8s."):
        raise refuse(value, allowed)
    labels = value.split(".")
    if len(labels) < 2 or any(len(label) > 63 or not _LABEL.fullmatch(label) for label in labels):
        raise refuse(value, allowed)
    if labels[-1].isdigit():
        raise refuse(value, "Enter a DNS domain such as k8s.example.com, not an IP address.")
    return value


def _network(value: object) -> IPv4Network:
    allowed = "Enter an IPv4 network such as 10.0.0.0/16."
    if isinstance(value, IPv4Network):
        return value
    if not isinstance(value, str) or "/" not in value:
        raise refuse(value, allowed)
    try:
        network = IPv4Network(value)
    except ValueError:
        raise refuse(value, _network_meant(value) or allowed) from None
    if str(network) != value:  # a netmask, a hostmask or a padded prefix
        raise refuse(value, allowed)
    return network


def _network_meant(value: str) -> str:
    """The question to ask about an address with a prefix, which is a network but for its host bits."""
    try:
        meant = IPv4Network(value, strict=False)
    except ValueError:
        return ""
    return f"{shown(value)} is an address in a network. Did you mean {meant}?"


def valid_release(value: object) -> str:
    if isinstance(value, str) and releases.is_release(value):
        return value
    known = ", ".join(releases.KUBERNETES_VERSIONS)
    raise refuse(value, f"Enter a release such as {DEFAULT_KUBERNETES}. Craton knows {known}, and tries newer ones.")


def valid_account(value: object) -> str:
    """An account that somebody can log in to; whether Craton can also make it is for `can_be_made` to say."""
    if isinstance(value, str) and _LOGIN.fullmatch(value) and clean(value) == value:
        return value
    raise refuse(value, r"Enter an account name, such as admin, first.last, user@realm or DOMAIN\user.")


def can_be_made(account: str) -> bool:
    """Whether a Linux machine can be given this account."""
    return _USER.fullmatch(account) is not None


_PRIVATE = "a private key"
"""Shown instead of a pasted secret, which no message repeats."""

_NUMERIC = re.compile(r":|^[0-9.]*\.[0-9.]*$")


_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._:-]{0,251}[A-Za-z0-9])?")


_JUMP = re.compile(r"([A-Za-z0-9_][A-Za-z0-9._+@-]*@)?\[?[A-Za-z0-9][A-Za-z0-9._:-]*\]?(:[0-9]{1,5})?")


_BASE_URL = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+(/[A-Za-z0-9._~/-]*[A-Za-z0-9._~-])?")
_IMAGE = re.compile(r"[a-z0-9][a-z0-9.:-]*(/[a-z0-9][a-z0-9._-]*)+:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_ZONE = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,62}))*")
_EMAIL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._%+-]*@[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def valid_address(value: object) -> str:
    """An IP address in its usual spelling, or a name as it is."""
    allowed = f"{_quoted(value)} must be an IP address, a DNS name or a Host of ~/.ssh/config."
    if isinstance(value, str) and (address := addresses.parse(value)):
        if reason := addresses.reason_against_ssh(address):
            raise refuse(value, f"SSH can't reach {shown(value)}: {reason}. Enter another address.")
        return str(address)
    if isinstance(value, str) and _HOST.fullmatch(value) and not _NUMERIC.search(value):
        return value
    raise refuse(value, allowed)


def valid_internal(value: object) -> IPv4Address | None:
    if value is None:
        return value
    address = addresses.parse(value) if isinstance(value, str) else value
    if not isinstance(address, IPv4Address):
        raise refuse(value, "Enter the IPv4 address, such as 10.0.0.11, at which the other machines reach this one.")
    if reason := addresses.reason_against(address):
        raise refuse(value, f"Other machines can't reach {address}: {reason}. Enter another address.")
    return address


def valid_jump(value: object) -> str | None:
    if value is None or (isinstance(value, str) and all(_JUMP.fullmatch(hop) for hop in value.split(","))):
        return value
    raise refuse(value, "Enter a jump host as ssh -J takes it, such as admin@bastion:2222; several with commas.")


def valid_key_path(value: object) -> str | None:
    if isinstance(value, str) and "PRIVATE KEY" in value:
        raise refuse(_PRIVATE, "That's a private key, and plans hold no secrets. Enter the path of its file.")
    if value is None or (isinstance(value, str) and value and value.isprintable()):
        return value
    raise refuse(value, "Enter the path of a key file, such as ~/.ssh/id_ed25519.")


def valid_base_url(value: object) -> str | None:
    allowed = (
        "Enter an http or https address such as https://mirror.example.com: no user, password, query or trailing slash."
    )
    if value is None:
        return None
    if not isinstance(value, str) or not _BASE_URL.fullmatch(value) or not _is_web_address(value):
        raise refuse("an address with a password" if "@" in str(value) else value, allowed)
    return value


def _is_web_address(value: str) -> bool:
    try:
        web_address.parse(value)
    except ValueError:
        return False
    return True


def valid_no_proxy(value: object) -> str | None:
    """Entries as programs on the machines understand them, separated by commas."""
    allowed = "Enter names, addresses and networks separated by commas, such as 10.0.0.0/8,.example.com."
    if value is None:
        return None
    found = no_proxy.entries(value) if isinstance(value, str) else ()
    if not found or not all(map(no_proxy.is_entry, found)):
        raise refuse(value, allowed)
    return ",".join(map(no_proxy.canonical, found))


def valid_versions(value: object) -> dict[str, str]:
    if isinstance(value, dict) and all(
        name in _NAMED_BY_KUBEADM and isinstance(version, str) and _TAG.fullmatch(version)
        for name, version in value.items()
    ):
        return dict(value)
    raise refuse(value, f"Map {', '.join(_NAMED_BY_KUBEADM)} to versions, such as 3.10.2.")


def valid_digests(value: object) -> dict[str, str]:
    if isinstance(value, dict) and all(
        isinstance(name, str) and _IMAGE.fullmatch(name) and isinstance(digest, str) and _DIGEST.fullmatch(digest)
        for name, digest in value.items()
    ):
        return dict(value)
    raise refuse(value, "Map images, such as registry.k8s.io/pause:3.10.2, to digests, such as sha256:0f1e...")


def valid_checksums(value: object) -> dict[str, str]:
    if isinstance(value, dict) and all(
        isinstance(path, str) and isinstance(sum, str) and _SHA256.fullmatch(sum) for path, sum in value.items()
    ):
        return dict(value)
    raise refuse(value, "Map paths on the mirror to SHA-256 sums of 64 hexadecimal digits.")


def valid_email(value: object) -> str | None:
    if value is None or (isinstance(value, str) and len(value) <= 254 and _EMAIL.fullmatch(value)):
        return value
    raise refuse(value, "Enter an e-mail address, such as ada@example.com.")


def valid_name_server(value: object) -> str | None:
    if value is None or (isinstance(value, str) and isinstance(addresses.parse(value), IPv4Address)):
        return value
    raise refuse(value, "Enter the IPv4 address of the zone's primary server, such as 10.0.0.53.")


def valid_virtual_address(value: object) -> str | None:
    if value is None or (isinstance(value, str) and isinstance(addresses.parse(value), IPv4Address)):
        return value
    raise refuse(value, "Enter an IPv4 address that nothing has, such as 10.10.0.9.")


def valid_zone(value: object) -> str | None:
    if value is None or (isinstance(value, str) and len(value) <= 253 and _ZONE.fullmatch(value)):
        return value
    raise refuse(value, "Enter a DNS name, such as example.com, without a dot at its end.")


def valid_manifests(value: object) -> str:
    if isinstance(value, str) and value.startswith(("/", "~")) and len(value) > 1 and value.isprintable():
        return value
    raise refuse(value, "Enter the whole path of a file or directory with manifests, such as ~/addons/flux.yaml.")


def valid_group(value: object) -> str:
    if isinstance(value, str) and 0 < len(value) <= 254 and value.isprintable():
        return value
    raise refuse(value, "Enter a group's name, such as example:admins.")


def valid_whole_number(value: object) -> object:
    """Literal compares with `==`, so that True and 1.0 would pass for 1."""
    if isinstance(value, bool | float):
        raise PydanticKnownError("int_type")
    return value


def in_contract_order(rules: tuple[str, ...]) -> tuple[str, ...]:
    """Each rule once, in the contract's order: plans that switch on the same rules are equal."""
    return tuple(rule for rule in contract.choosable() if rule in rules)


def valid_may_rule(value: object) -> str:
    choosable = contract.choosable()
    if isinstance(value, str) and value in choosable:
        return value
    rule = contract.RULES.get(value) if isinstance(value, str) else None
    if rule and rule.obsolete:
        raise refuse(value, f"{value} is obsolete: {rule.obsolete}. You can choose {', '.join(choosable)}.")
    raise refuse(value, f"{_quoted(value)} can't be switched on or off. You can choose {', '.join(choosable)}.")


def _network_of_people(value: object) -> IPv4Network:
    network = _network(value)
    if reason := addresses.reason_against_people(network):
        raise refuse(value, f"Nobody can connect from {value}: {reason}. Choose another network.")
    return network


def _network_of_cluster(value: object) -> IPv4Network:
    network = _network(value)
    if reason := addresses.reason_against(network):
        raise refuse(value, f"Machines, pods and services can't use {value}: {reason}. Choose another network.")
    return network


_IN_SCHEMA = Field(json_schema_extra={"type": "string", "format": "ipv4-network"})
UserNetwork = Annotated[IPv4Network, BeforeValidator(_network_of_people), _IN_SCHEMA]
ClusterNetwork = Annotated[IPv4Network, BeforeValidator(_network_of_cluster), _IN_SCHEMA]


class Part(BaseModel):
    """A frozen part of a plan that refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True)
