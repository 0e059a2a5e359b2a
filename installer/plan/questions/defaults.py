"""What is offered where nobody answered yet: functions of the answers so far. None means the plan's own default.

The numbers of masters, infra nodes and workers are those that a list of the user's own machines leads to.
"""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from ipaddress import AddressValueError, IPv4Address, IPv4Network
from typing import Any

from installer.plan import rules
from installer.plan.question import Answers
from installer.plan.questions.conditions import own_machines, stand_ins, traits_of

# installer.plan.validation is imported where it is used: --help needs no pydantic.

_HA = 5
"""Machines from which on 3 masters leave room for an infra node and a worker."""
_MASTERS = (1, 3, 5)
_MOST_INFRA = 80


def machines(answers: Answers) -> tuple[Mapping[str, Any], ...]:
    """The data of each of the user's own machines; none while the list has a mistake."""
    traits = traits_of(answers)
    given = answers.get(traits.inventory_field) if traits and traits.inventory else None
    if not isinstance(given, tuple) or not all(isinstance(one, Mapping) for one in given):
        return ()
    return given


def masters(answers: Answers) -> int | None:
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


def schedulable(answers: Answers) -> bool | None:
    """Whether masters have to run workloads, since no machine is left for a worker."""
    left = workers(answers)
    given = _count(answers, "workers")
    return None if left is None else (left if given is None else given) == 0


def workers(answers: Answers) -> int | None:
    """All that are neither master nor infra node."""
    size = len(machines(answers))
    return max(0, size - (_count(answers, "masters") or 0) - _infra(answers)) if size else None


def infra(answers: Answers) -> int | None:
    """What masters and workers leave, at least 1."""
    size = len(machines(answers))
    rest = size - (_count(answers, "masters") or 0) - (_count(answers, "workers") or 0)
    return max(1, min(rest, _MOST_INFRA)) if size else None


def subdomain(answers: Answers) -> str:
    """Only a rehearsal can do with a domain that nobody has."""
    return "example.test" if stand_ins(answers) else ""


def pods(answers: Answers) -> str:
    """The plan's default, or a network with a /24 for each machine where there are more; no machine is in it."""
    from installer.plan import validation
    from installer.plan.fields import MAX_WORKERS

    planned = sum(_count(answers, field) or 0 for field in ("masters", "workers", "ingress.infra"))
    if not 256 < planned <= 2 * MAX_WORKERS:
        return free_network(answers, validation.defaults()["networks.pods"], "172.20.0.0/16", "100.64.0.0/16")
    prefix = 24 - (planned - 1).bit_length()
    return free_network(answers, f"10.128.0.0/{prefix}", f"100.64.0.0/{prefix}")


def services(answers: Answers) -> str:
    """The plan's default, or a network in which no machine has an address."""
    from installer.plan import validation

    return free_network(answers, validation.defaults()["networks.services"], "172.21.0.0/16", "198.18.0.0/16")


def login_name(answers: Answers) -> str | None:
    """On the user's own machines whoever runs Craton, as OpenSSH takes it; empty if no plan can say that account."""
    from installer.plan import validation

    if not own_machines(answers):
        return None
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        return ""
    return "" if validation.field_mistake("ssh.user", name) else name


def user_network(answers: Answers) -> str | None:
    """Own machines are open to everybody unless somebody says otherwise. Nobody knows where a cloud's users are."""
    traits = traits_of(answers)
    if traits and traits.cloud:
        return ""
    return "0.0.0.0/0" if own_machines(answers) else None


def may_rules(answers: Answers) -> tuple[str, ...]:
    """Those that are on by default, as far as there are machines for them."""
    infra = answers.get("ingress.kind", "infra") == "infra"
    return tuple(id for id in rules.default_may() if infra or rules.Role.INFRA not in rules.RULES[id].roles)


def free_network(answers: Answers, *candidates: str) -> str:
    """The first of `candidates` that no machine has an address in, or the first."""
    addresses = [address for one in machines(answers) if (address := _node_address(one))]
    free = (one for one in candidates if not any(address in IPv4Network(one) for address in addresses))
    return next(free, candidates[0])


def _infra(answers: Answers) -> int:
    return _count(answers, "ingress.infra") or max(1, _named(answers, "infra"))


def _named(answers: Answers, role: str | None) -> int:
    return sum(one.get("role") == role for one in machines(answers))


def _count(answers: Answers, field: str) -> int | None:
    value = answers.get(field)
    return value if isinstance(value, int) else None


def _node_address(machine: Mapping[str, Any]) -> IPv4Address | None:
    try:
        return IPv4Address(str(machine.get("internal") or machine.get("address")))
    except AddressValueError:
        return None
