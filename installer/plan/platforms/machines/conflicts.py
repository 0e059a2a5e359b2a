"""The rules between the list of the user's own machines and the rest of the plan."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from installer.plan.addresses import reason_against
from installer.plan.conflict import Conflict, ConflictRule

if TYPE_CHECKING:
    from installer.plan.common_settings import CommonSettings
    from installer.plan.platforms.machines.settings import Machines

_INVENTORY = ("machines", "inventory")


def _count(plan: CommonSettings, machines: Machines) -> Iterator[Conflict]:
    given, counts = len(machines.inventory), {"master": plan.masters, "infra": plan.infra, "worker": plan.workers}
    if given != plan.machine_count:
        roles = ", ".join(f"{role} {number}" for role, number in counts.items())
        yield _INVENTORY, f"a list of {given}", f"as long as the plan needs: {plan.machine_count} ({roles})"
        return
    for role, wanted in counts.items():
        named = sum(host.role == role for host in machines.inventory)
        if named > wanted:
            yield _INVENTORY, f"role {role} given {named} times", f"what the plan has: {role} {wanted}"


def _addresses(_plan: CommonSettings, machines: Machines) -> Iterator[Conflict]:
    seen: dict[object, str] = {}
    for number, host in enumerate(machines.inventory):
        where = (*_INVENTORY, number)
        if host.node_address is None:
            allowed = "enough: the other machines need an IPv4 address, given as `internal`"
            yield (*where, "internal"), f"the name '{host.address}' alone", allowed
            continue
        if host.internal is None and (reason := reason_against(host.node_address)):
            allowed = f"enough: {reason}, and the other machines need an address that they reach, given as `internal`"
            yield (*where, "internal"), f"the address {host.address} alone", allowed
            continue
        login = (host.address, host.port, host.jump)
        if twin := seen.get(host.node_address) or seen.get(login):
            yield (*where, "address"), f"'{host.address}'", f"a machine of its own: {twin} is listed above"
        seen |= {host.node_address: host.address, login: host.address}


def _within(plan: CommonSettings, machines: Machines, network: str) -> Iterator[Conflict]:
    given = getattr(plan.networks, network)
    inside = [address for host in machines.inventory if (address := host.node_address) and address in given]
    if inside:
        more = f" and {len(inside) - 1} more of the machines" if len(inside) > 1 else ", a machine"
        yield ("networks", network), f"'{given}'", f"a network without {inside[0]}{more}"


CONFLICTS = (
    ConflictRule((_INVENTORY, ("masters",), ("workers",), ("ingress",)), _count),
    ConflictRule((_INVENTORY,), _addresses),
    ConflictRule((_INVENTORY, ("networks", "pods")), partial(_within, network="pods")),
    ConflictRule((_INVENTORY, ("networks", "services")), partial(_within, network="services")),
)
