"""The rules between fields of a plan: what each field allows by itself is said in plan.py."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from functools import partial
from typing import TYPE_CHECKING

from installer import contract

if TYPE_CHECKING:
    from installer.plan import InstallPlan

FieldPath = tuple[str, ...]
Conflict = tuple[FieldPath, str, str]
"""Where it can be mended, what was found, what is allowed."""


def conflicts(plan: InstallPlan, unknown: Collection[FieldPath] = ()) -> Iterator[Conflict]:
    """Yield what breaks a rule between fields; rules that read a field of `unknown` are left out."""
    for reads, rule in _RULES:
        if not any(_overlap(path, read) for path in unknown for read in reads):
            yield from rule(plan)


def _overlap(one: FieldPath, other: FieldPath) -> bool:
    """Whether one path is the other, or leads to it."""
    return all(a == b for a, b in zip(one, other, strict=False))


def _nowhere_to_run(plan: InstallPlan) -> Iterator[Conflict]:
    if plan.workers == 0 and not plan.schedulable_masters:
        yield (
            ("workers",),
            "0",
            "1 or more, or 0 with schedulable_masters: true, so that workloads have somewhere to run",
        )


def _infra_beside_balancer(plan: InstallPlan) -> Iterator[Conflict]:
    if plan.ingress.kind == "load-balancer" and plan.ingress.infra is not None:
        yield (
            ("ingress", "infra"),
            str(plan.ingress.infra),
            "to be given with kind: load-balancer, which takes the place of infra nodes",
        )


def _no_balancer(plan: InstallPlan) -> Iterator[Conflict]:
    if plan.ingress.kind == "load-balancer" and not plan.load_balancers:
        yield (
            ("ingress", "kind"),
            "'load-balancer'",
            f"infra: the {plan.platform} platform has no load balancer here. {contract.INFRA_SENTENCE}",
        )


def _networks_overlap(plan: InstallPlan, one: str, other: str) -> Iterator[Conflict]:
    first, second = getattr(plan.networks, one), getattr(plan.networks, other)
    if first.overlaps(second):
        yield ("networks", one), f"'{first}'", f"a network that does not overlap {other} ({second})"


def _machines_too_small(plan: InstallPlan) -> Iterator[Conflict]:
    # Offsets of topology.address: workers start at 101; the last address of a network is its broadcast address.
    last_needed = 100 + plan.workers if plan.workers else 20 + plan.infra
    machines = plan.networks.machines
    if last_needed >= machines.num_addresses - 1:
        prefix = 32 - (last_needed + 1).bit_length()
        yield ("networks", "machines"), f"'{machines}'", f"/{prefix} or larger for {plan.machine_count} machines"


def _pods_too_small(plan: InstallPlan) -> Iterator[Conflict]:
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


def _services_out_of_range(plan: InstallPlan) -> Iterator[Conflict]:
    services = plan.networks.services
    if not 12 <= services.prefixlen <= 24:
        yield ("networks", "services"), f"'{services}'", "/12 to /24 (kube-apiserver's limit is 20 bits)"


_MACHINES, _PODS, _SERVICES = ("networks", "machines"), ("networks", "pods"), ("networks", "services")
_RULES: tuple[tuple[tuple[FieldPath, ...], Callable[[InstallPlan], Iterator[Conflict]]], ...] = (
    ((("workers",), ("schedulable_masters",)), _nowhere_to_run),
    ((("ingress",),), _infra_beside_balancer),
    ((("ingress", "kind"), ("platform",), ("rehearsal",)), _no_balancer),
    ((_PODS, _MACHINES), partial(_networks_overlap, one="pods", other="machines")),
    ((_SERVICES, _MACHINES), partial(_networks_overlap, one="services", other="machines")),
    ((_SERVICES, _PODS), partial(_networks_overlap, one="services", other="pods")),
    ((_MACHINES, ("workers",), ("ingress",)), _machines_too_small),
    ((_PODS, ("masters",), ("workers",), ("ingress",)), _pods_too_small),
    ((_SERVICES,), _services_out_of_range),
)
"""Every rule between fields, with the fields that it reads."""
