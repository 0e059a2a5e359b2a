"""What differs between two plans of one cluster, and whether an installed cluster can follow. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from installer.plan import releases, validation
from installer.plan.change import Change, Risk, some
from installer.plan.host_changes import INVENTORY, machine_changes
from installer.plan.model import InstallPlan

__all__ = ["Change", "Risk", "changes"]


_Judge = Callable[[Any, Any], tuple[Risk, str]]


def changes(old: InstallPlan, new: InstallPlan) -> tuple[Change, ...]:
    """Every field in which `new` differs from `old`, in the plan's order; own machines by what befalls them."""
    before, after = validation.values(old), validation.values(new)
    found: list[Change] = []
    for field, one in before.items():
        other = after[field]
        if one == other:
            continue
        if field == INVENTORY and old.traits.inventory and new.traits.inventory:
            found += machine_changes(old, new)
        else:
            risk, why = _judge(field, new)(one, other)
            found.append(Change(field, *_words(one, other), risk, why))
    return tuple(found)


def _words(one: Any, other: Any) -> tuple[str, str]:
    """Two values in words; of mappings, the entries that differ."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return some(_lines(one, other)), some(_lines(other, one))
    return _said(one), _said(other)


def _lines(value: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    return [f"{key} {inner:.12}…" for key, inner in value.items() if other.get(key) != inner]


def _said(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return some([str(item["address"]) if isinstance(item, Mapping) else str(item) for item in value])
    return str(value)


def _always(risk: Risk, why: str) -> _Judge:
    return lambda _old, _new: (risk, why)


def _fewer_refused(noun: str, more: str = "") -> _Judge:
    def judge(old: int | None, new: int | None) -> tuple[Risk, str]:
        if (new or 0) > (old or 0):
            return Risk.SAFE, f"new {noun} join{more}; nothing that runs is touched"
        return Risk.REFUSED, "`craton nodes remove` takes machines out, one after the other"

    return judge


def _release(old: str, new: str) -> tuple[Risk, str]:
    """A release comes machine by machine, which no install does."""
    return Risk.REFUSED, releases.refusal(old, new) or f"`craton upgrade` brings it: craton upgrade CLUSTER --to {new}"


_NETWORK = _always(Risk.REFUSED, "addresses and firewalls are built on it; a cluster keeps its networks")
_WAY = _always(Risk.SAFE, "it only says how machines are reached")
_JUDGES: dict[str, _Judge] = {
    "name": _always(Risk.REFUSED, "machines, names and certificates carry it; another name is another cluster"),
    "subdomain": _always(Risk.REFUSED, "the API server's certificate is made out to the name under it"),
    "platform": _always(Risk.REFUSED, "machines cannot move from one platform to another"),
    "masters": _fewer_refused("masters", " one at a time, and their etcd members with them"),
    "schedulable_masters": _always(Risk.CAREFUL, "the masters' taint changes; workloads may land on them, or leave"),
    "workers": _fewer_refused("workers"),
    "ingress.kind": _always(Risk.REFUSED, "the console's name and every firewall depend on where traffic enters"),
    "ingress.infra": _fewer_refused("infra nodes"),
    "networks": _NETWORK,
    "kubernetes": _release,
    "ssh.user": _always(Risk.REFUSED, "the account was made with the machines"),
    "ssh.public_key": _always(Risk.CAREFUL, "who may log in to every machine changes"),
    "ssh.key": _WAY,
    "ssh.port": _WAY,
    "ssh.jump": _WAY,
    "may": _always(Risk.CAREFUL, "firewall rules, labels or taints change on machines that run"),
    "artifacts": _always(Risk.SAFE, "it says where machines that join download from; what is installed stays"),
    "machines.inventory": _always(Risk.SAFE, "the platform of this plan makes its machines itself"),
    "machines.firewall": _always(Risk.CAREFUL, "which packets the machines let through changes while they run"),
    "local.engine": _always(Risk.REFUSED, "the machines run in the engine that made them"),
    "local.memory": _always(Risk.SAFE, "machines that join get it, and the others keep what they have"),
    "local.firewall": _always(Risk.CAREFUL, "which packets the machines let through changes while they run"),
    "rehearsal": _always(Risk.SAFE, "it describes the environment and changes no machine"),
}
_OWN: dict[str, _Judge] = {
    "ssh.user": _always(Risk.CAREFUL, "Craton logs in to the machines as somebody else, who needs sudo there"),
    "networks.machines": _always(Risk.SAFE, "machines of one's own have the addresses that they have"),
}
"""What is judged otherwise where the machines are the user's own."""
_UNKNOWN = _always(Risk.REFUSED, "Craton does not change it on an installed cluster")


def _judge(field: str, plan: InstallPlan) -> _Judge:
    """The judge of a field, or of the part of the plan that it belongs to."""
    own = _OWN.get(field) if plan.traits.inventory else None
    return own or _JUDGES.get(field) or _JUDGES.get(field.partition(".")[0]) or _UNKNOWN
