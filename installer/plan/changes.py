"""What differs between two plans of one cluster, and whether an installed cluster can follow. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from installer.plan import validation
from installer.plan.change import Change, Judge, Risk, always, resizing, some
from installer.plan.host_changes import machine_changes
from installer.plan.model import InstallPlan
from installer.plan.questions.catalogue import UNASKED, question_of

__all__ = ["Change", "Risk", "changes"]


def changes(old: InstallPlan, new: InstallPlan) -> tuple[Change, ...]:
    """Every field in which `new` differs from `old`, in the plan's order; own machines by what befalls them.

    Sections of platforms that the plans do not name are left out: nothing reads them.
    """
    before, after = validation.values(old), validation.values(new)
    found: list[Change] = []
    for field, one in before.items():
        other = after.get(field, one)
        if one == other:
            continue
        if old.traits.inventory and field == old.traits.inventory_field:
            found += machine_changes(old, new)
        else:
            risk, why = _judge(field, old, new)(one, other)
            found.append(Change(field, *_words(one, other), risk, why))
    return tuple(found)


def _words(one: Any, other: Any) -> tuple[str, str]:
    """Two values in words; of mappings, the entries that differ."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return some(_lines(one, other)), some(_lines(other, one))
    return _shown(one), _shown(other)


def _lines(value: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    return [f"{key} {inner:.12}…" for key, inner in value.items() if other.get(key) != inner]


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return some([_named(item) if isinstance(item, Mapping) else str(item) for item in value])
    return str(value)


def _named(item: Mapping[str, Any]) -> str:
    """A machine by its address, a connector by its id."""
    return str(item.get("address") or item.get("id"))


def _judge(field: str, old: InstallPlan, new: InstallPlan) -> Judge:
    """The judge of a field: that of worker pools, the platform's own, else that of the question about it."""
    same = old.worker_pool == new.worker_pool
    if not same and field in ("workers", f"{new.platform}.pool_above"):
        return _other_workers(old)
    if same and field == f"{new.platform}.worker_pool":
        return always(Risk.SAFE, "the number of workers above which they are a pool counts no more")
    if field == "workers" and old.worker_pool:
        return resizing
    return new.registration.changes.get(field) or UNASKED.get(field) or question_of(field).change


def _other_workers(plan: InstallPlan) -> Judge:
    """Of a change by which workers with names of their own would be a pool, or the other way round."""
    if plan.worker_pool:
        keep = f"write {plan.platform}.worker_pool: true to keep the pool at this number of workers"
        return always(Risk.REFUSED, f"workers of a pool don't become machines with names of their own; {keep}")
    keep = f"leave out {plan.platform}.pool_above to keep them at this number of workers"
    return always(Risk.REFUSED, f"workers with names of their own don't become a pool; {keep}")
