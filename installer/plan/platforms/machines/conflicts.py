"""The rules between the list of the user's own machines and the rest of the plan."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from installer.common.text import count
from installer.plan.addresses import reason_against
from installer.plan.conflict import Conflict, ConflictRule

if TYPE_CHECKING:
    from installer.plan.common_settings import CommonSettings
    from installer.plan.platforms.machines.settings import Machines

_INVENTORY = ("machines", "inventory")


def _count(plan: CommonSettings, machines: Machines) -> Iterator[Conflict]:
    given, counts = len(machines.inventory), {"master": plan.masters, "infra": plan.infra, "worker": plan.workers}
    if given != plan.machine_count:
        roles = ", ".join(f"{number} {role}" for role, number in counts.items() if number)
        needs = f"You listed {count(given, 'machine')}; this plan needs {plan.machine_count} ({roles})."
        yield _INVENTORY, f"a list of {given}", needs
        return
    for role, wanted in counts.items():
        named = sum(host.role == role for host in machines.inventory)
        if named > wanted:
            message = f"You gave the role {role} to {count(named, 'machine')}; this plan has {wanted}."
            yield _INVENTORY, f"role {role} given {named} times", message


def _addresses(_plan: CommonSettings, machines: Machines) -> Iterator[Conflict]:
    seen: dict[object, str] = {}
    for number, host in enumerate(machines.inventory):
        where = (*_INVENTORY, number)
        if host.node_address is None:
            message = f"Add internal=ADDRESS: the other machines need an IPv4 address to reach {host.address}."
            yield (*where, "internal"), f"the name '{host.address}' alone", message
            continue
        if host.internal is None and (reason := reason_against(host.node_address)):
            message = f"Add internal=ADDRESS, where the other machines reach {host.address}: {reason}."
            yield (*where, "internal"), f"the address {host.address} alone", message
            continue
        login = (host.address, host.port, host.jump)
        if twin := seen.get(host.node_address) or seen.get(login):
            yield (
                (*where, "address"),
                f"'{host.address}'",
                f"{host.address} is the same machine as {twin} above. List each machine once.",
            )
        seen |= {host.node_address: host.address, login: host.address}


def _within(plan: CommonSettings, machines: Machines, network: str) -> Iterator[Conflict]:
    given = getattr(plan.networks, network)
    inside = [address for host in machines.inventory if (address := host.node_address) and address in given]
    if inside:
        more = f" and {count(len(inside) - 1, 'other machine')}" if len(inside) > 1 else ""
        message = f"{given} contains the address of a machine: {inside[0]}{more}. Choose another network."
        yield ("networks", network), f"'{given}'", message


CONFLICTS = (
    ConflictRule((_INVENTORY, ("masters",), ("workers",), ("ingress",)), _count),
    ConflictRule((_INVENTORY,), _addresses),
    ConflictRule((_INVENTORY, ("networks", "pods")), partial(_within, network="pods")),
    ConflictRule((_INVENTORY, ("networks", "services")), partial(_within, network="services")),
)
