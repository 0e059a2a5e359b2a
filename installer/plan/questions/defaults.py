"""How many of a user's machines become masters, infra nodes and workers, where nobody says so. Pure.

Each function takes the answers so far (see installer.question) and returns None where the platform makes its machines,
or none are known yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import AddressValueError, IPv4Address, IPv4Network
from typing import Any

_HA = 5
"""Machines from which on 3 masters leave room for an infra node and a worker."""
_MASTERS = (1, 3, 5)
_MOST_INFRA = 80


def machines(answers: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """The data of each machine; none while the list has a mistake."""
    given = answers.get("machines.inventory")
    if not isinstance(given, tuple) or not all(isinstance(one, Mapping) for one in given):
        return ()
    return given


def masters(answers: Mapping[str, Any]) -> int | None:
    """What the other counts leave; else 3 where there are machines enough, with the masters that are named."""
    size = len(machines(answers))
    if not size:
        return None
    workers = _count(answers, "workers")
    if workers is not None and size - workers - _infra(answers) in _MASTERS:
        return size - workers - _infra(answers)
    wanted = 3 if size >= _HA else 1
    named, free = _named(answers, "master"), _named(answers, None)
    possible = [count for count in _MASTERS if named <= count <= named + free]
    return min(possible, key=lambda count: abs(count - wanted), default=wanted)


def schedulable(answers: Mapping[str, Any]) -> bool | None:
    """Whether masters have to run workloads, since no machine is left for a worker."""
    left = workers(answers)
    given = _count(answers, "workers")
    return None if left is None else (left if given is None else given) == 0


def workers(answers: Mapping[str, Any]) -> int | None:
    """All that are neither master nor infra node."""
    size = len(machines(answers))
    return max(0, size - (_count(answers, "masters") or 0) - _infra(answers)) if size else None


def infra(answers: Mapping[str, Any]) -> int | None:
    """What masters and workers leave, at least 1."""
    size = len(machines(answers))
    rest = size - (_count(answers, "masters") or 0) - (_count(answers, "workers") or 0)
    return max(1, min(rest, _MOST_INFRA)) if size else None


def free_network(answers: Mapping[str, Any], *candidates: str) -> str:
    """The first of `candidates` that no machine has an address in, or the first."""
    addresses = [address for one in machines(answers) if (address := _node_address(one))]
    free = (one for one in candidates if not any(address in IPv4Network(one) for address in addresses))
    return next(free, candidates[0])


def _infra(answers: Mapping[str, Any]) -> int:
    return _count(answers, "ingress.infra") or max(1, _named(answers, "infra"))


def _named(answers: Mapping[str, Any], role: str | None) -> int:
    return sum(one.get("role") == role for one in machines(answers))


def _count(answers: Mapping[str, Any], field: str) -> int | None:
    value = answers.get(field)
    return value if isinstance(value, int) else None


def _node_address(machine: Mapping[str, Any]) -> IPv4Address | None:
    try:
        return IPv4Address(str(machine.get("internal") or machine.get("address")))
    except AddressValueError:
        return None
