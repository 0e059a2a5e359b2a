"""The rules between fields of a plan: what each field allows by itself is said in plan.py."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from functools import partial
from typing import TYPE_CHECKING

from installer.plan import rules
from installer.plan.addresses import reason_against
from installer.plan.fields import can_be_made

if TYPE_CHECKING:
    from installer.plan.settings import PlanSettings

FieldPath = tuple[str | int, ...]
Conflict = tuple[FieldPath, str, str]
"""Where it can be mended, what was found, what is allowed."""


def conflicts(plan: PlanSettings, unknown: Collection[FieldPath] = ()) -> Iterator[Conflict]:
    """Yield what breaks a rule between fields; rules that read a field of `unknown` are left out."""
    for reads, rule in _RULES:
        if not any(_overlap(path, read) for path in unknown for read in reads):
            yield from rule(plan)


def _overlap(one: FieldPath, other: FieldPath) -> bool:
    """Whether one path is the other, or leads to it."""
    return all(a == b for a, b in zip(one, other, strict=False))


def _nowhere_to_run(plan: PlanSettings) -> Iterator[Conflict]:
    if plan.workers == 0 and not plan.schedulable_masters:
        yield (
            ("workers",),
            "0",
            "1 or more, or 0 with schedulable_masters: true, so that workloads have somewhere to run",
        )


def _infra_beside_balancer(plan: PlanSettings) -> Iterator[Conflict]:
    if plan.ingress.kind == "load-balancer" and plan.ingress.infra is not None:
        yield (
            ("ingress", "infra"),
            str(plan.ingress.infra),
            "to be given with kind: load-balancer, which takes the place of infra nodes",
        )


def _no_balancer(plan: PlanSettings) -> Iterator[Conflict]:
    if plan.ingress.kind == "load-balancer" and not plan.load_balancers:
        yield (
            ("ingress", "kind"),
            "'load-balancer'",
            f"infra: the {plan.platform} platform has no load balancer here. {rules.INFRA_SENTENCE}",
        )


def _inventory_count(plan: PlanSettings) -> Iterator[Conflict]:
    if not plan.traits.inventory:
        return
    where = ("machines", "inventory")
    given, counts = len(plan.machines.inventory), {"master": plan.masters, "infra": plan.infra, "worker": plan.workers}
    if given != plan.machine_count:
        roles = ", ".join(f"{role} {number}" for role, number in counts.items())
        yield where, f"a list of {given}", f"as long as the plan needs: {plan.machine_count} ({roles})"
        return
    for role, wanted in counts.items():
        named = sum(host.role == role for host in plan.machines.inventory)
        if named > wanted:
            yield where, f"role {role} given {named} times", f"what the plan has: {role} {wanted}"


def _inventory_addresses(plan: PlanSettings) -> Iterator[Conflict]:
    if not plan.traits.inventory:
        return
    seen: dict[object, str] = {}
    for number, host in enumerate(plan.machines.inventory):
        where = ("machines", "inventory", number)
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


def _account_to_make(plan: PlanSettings) -> Iterator[Conflict]:
    if not plan.traits.inventory and not can_be_made(plan.ssh.user):
        allowed = (
            "1 to 32 lowercase letters, digits, '_' and '-', no digit first: Craton makes this account on each machine"
        )
        yield ("ssh", "user"), f"'{plan.ssh.user}'", allowed


def _inventory_within(plan: PlanSettings, network: str) -> Iterator[Conflict]:
    if not plan.traits.inventory:
        return
    given = getattr(plan.networks, network)
    inside = [address for host in plan.machines.inventory if (address := host.node_address) and address in given]
    if inside:
        more = f" and {len(inside) - 1} more of the machines" if len(inside) > 1 else ", a machine"
        yield ("networks", network), f"'{given}'", f"a network without {inside[0]}{more}"


def _networks_overlap(plan: PlanSettings, one: str, other: str) -> Iterator[Conflict]:
    first, second = getattr(plan.networks, one), getattr(plan.networks, other)
    if plan.traits.inventory and other == "machines":
        return  # own machines have the addresses that they have
    if first.overlaps(second):
        yield ("networks", one), f"'{first}'", f"a network that does not overlap {other} ({second})"


def _machines_too_small(plan: PlanSettings) -> Iterator[Conflict]:
    if plan.traits.inventory:
        return
    # Offsets of topology.address: workers start at 101; the last address of a network is its broadcast address.
    last_needed = 100 + plan.workers if plan.workers else 20 + plan.infra
    machines = plan.networks.machines
    if last_needed >= machines.num_addresses - 1:
        prefix = 32 - (last_needed + 1).bit_length()
        yield ("networks", "machines"), f"'{machines}'", f"/{prefix} or larger for {plan.machine_count} machines"


def _pods_too_small(plan: PlanSettings) -> Iterator[Conflict]:
    # flannel gives each node a /24 of the pod network.
    pods = plan.networks.pods
    blocks = 2 ** (24 - pods.prefixlen) if pods.prefixlen <= 24 else 0
    if blocks < plan.machine_count:
        prefix = 24 - (plan.machine_count - 1).bit_length()
        yield (
            ("networks", "pods"),
            f"'{pods}'",
            f"/{prefix} or larger: each of {plan.machine_count} nodes gets a /24",
        )


def _services_out_of_range(plan: PlanSettings) -> Iterator[Conflict]:
    services = plan.networks.services
    if not 12 <= services.prefixlen <= 24:
        yield ("networks", "services"), f"'{services}'", "/12 to /24 (kube-apiserver's limit is 20 bits)"


_MACHINES, _PODS, _SERVICES = ("networks", "machines"), ("networks", "pods"), ("networks", "services")
_INVENTORY = ("machines", "inventory")
_RULES: tuple[tuple[tuple[FieldPath, ...], Callable[[PlanSettings], Iterator[Conflict]]], ...] = (
    ((("workers",), ("schedulable_masters",)), _nowhere_to_run),
    ((("ingress",),), _infra_beside_balancer),
    ((("ingress", "kind"), ("platform",), ("rehearsal",)), _no_balancer),
    ((_INVENTORY, ("platform",), ("masters",), ("workers",), ("ingress",)), _inventory_count),
    ((_INVENTORY, ("platform",)), _inventory_addresses),
    ((("ssh", "user"), ("platform",)), _account_to_make),
    ((_INVENTORY, ("platform",), _PODS), partial(_inventory_within, network="pods")),
    ((_INVENTORY, ("platform",), _SERVICES), partial(_inventory_within, network="services")),
    ((_PODS, _MACHINES), partial(_networks_overlap, one="pods", other="machines")),
    ((_SERVICES, _MACHINES), partial(_networks_overlap, one="services", other="machines")),
    ((_SERVICES, _PODS), partial(_networks_overlap, one="services", other="pods")),
    ((_MACHINES, ("workers",), ("ingress",)), _machines_too_small),
    ((_PODS, ("masters",), ("workers",), ("ingress",)), _pods_too_small),
    ((_SERVICES,), _services_out_of_range),
)
"""Every rule between fields, with the fields that it reads."""
