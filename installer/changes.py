"""What differs between two plans of one cluster, and whether an installed cluster can follow. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from installer.plan import InstallPlan


class Risk(StrEnum):
    SAFE = "safe"
    """Installing again brings it about, and nothing that runs is touched."""
    CAREFUL = "careful"
    """Installing again brings it about, and running workloads may notice."""
    REFUSED = "refused"
    """An installed cluster cannot follow."""


@dataclass(frozen=True, slots=True)
class Change:
    """One plan field that differs: `field` is its dotted path, `why` says in a sentence what the risk is."""

    field: str
    old: str
    new: str
    risk: Risk
    why: str


_Judge = Callable[[Any, Any], tuple[Risk, str]]


def changes(old: InstallPlan, new: InstallPlan) -> tuple[Change, ...]:
    """Every field in which `new` differs from `old`, in the plan's order."""
    before, after = _flat(old.model_dump(mode="json")), _flat(new.model_dump(mode="json"))
    found = []
    for field in dict.fromkeys((*before, *after)):
        one, other = before.get(field), after.get(field)
        if one != other:
            risk, why = _judge(field)(one, other)
            found.append(Change(field, _words(one), _words(other), risk, why))
    return tuple(found)


def _flat(data: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in data.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


def _words(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) or "none" if isinstance(value, list) else str(value)


def _always(risk: Risk, why: str) -> _Judge:
    return lambda _old, _new: (risk, why)


def _fewer_refused(noun: str) -> _Judge:
    def judge(old: int | None, new: int | None) -> tuple[Risk, str]:
        if (new or 0) > (old or 0):
            return Risk.SAFE, f"new {noun} join; nothing that runs is touched"
        return Risk.REFUSED, f"Craton does not drain {noun}: what runs on them would be lost"

    return judge


_NETWORK = _always(Risk.REFUSED, "addresses and firewalls are built on it; a cluster keeps its networks")
_JUDGES: dict[str, _Judge] = {
    "name": _always(Risk.REFUSED, "machines, names and certificates carry it; another name is another cluster"),
    "subdomain": _always(Risk.REFUSED, "the API server's certificate is made out to the name under it"),
    "platform": _always(Risk.REFUSED, "machines cannot move from one platform to another"),
    "masters": _always(Risk.REFUSED, "etcd's members are fixed at the install"),
    "schedulable_masters": _always(Risk.CAREFUL, "the masters' taint changes; workloads may land on them, or leave"),
    "workers": _fewer_refused("workers"),
    "ingress.kind": _always(Risk.REFUSED, "the console's name and every firewall depend on where traffic enters"),
    "ingress.infra": _fewer_refused("infra nodes"),
    "networks": _NETWORK,
    "kubernetes": _always(Risk.REFUSED, "Craton installs a release and does not upgrade one"),
    "ssh.user": _always(Risk.REFUSED, "the account was made with the machines"),
    "ssh.public_key": _always(Risk.CAREFUL, "who may log in to every machine changes"),
    "may": _always(Risk.CAREFUL, "firewall rules, labels or taints change on machines that run"),
    "rehearsal": _always(Risk.SAFE, "it describes the environment and changes no machine"),
}
_UNKNOWN = _always(Risk.REFUSED, "Craton does not change it on an installed cluster")


def _judge(field: str) -> _Judge:
    """The judge of a field, or of the part of the plan that it belongs to."""
    return _JUDGES.get(field) or _JUDGES.get(field.partition(".")[0]) or _UNKNOWN
