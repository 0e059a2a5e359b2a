"""The rules between fields of a plan, its platform's included. What each field allows by itself is in the settings."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import partial
from typing import TYPE_CHECKING

from installer.plan import rules
from installer.plan.conflict import SECTION, Conflict, ConflictRule, FieldPath
from installer.plan.fields import can_be_made

if TYPE_CHECKING:
    from installer.plan.settings import PlanSettings


def conflicts(plan: PlanSettings, unknown: Collection[FieldPath] = ()) -> Iterator[Conflict]:
    """Yield what breaks a rule between fields; rules that read a field of `unknown` are left out."""
    for rule in _RULES:
        if _known(rule, plan, unknown):
            yield from rule.find(plan)
    for rule in plan.registration.conflicts:
        if _known(rule, plan, unknown):
            yield from rule.find(plan, plan.settings)


def _known(rule: ConflictRule, plan: PlanSettings, unknown: Collection[FieldPath]) -> bool:
    reads = [(plan.platform, *read[1:]) if read[0] == SECTION else read for read in rule.reads]
    return not any(_overlap(path, read) for path in unknown for read in reads)


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


def _account_to_make(plan: PlanSettings) -> Iterator[Conflict]:
    if not plan.traits.inventory and not can_be_made(plan.ssh.user):
        allowed = (
            "1 to 32 lowercase letters, digits, '_' and '-', no digit first: Craton makes this account on each machine"
        )
        yield ("ssh", "user"), f"'{plan.ssh.user}'", allowed


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
_RULES = (
    ConflictRule((("workers",), ("schedulable_masters",)), _nowhere_to_run),
    ConflictRule((("ingress",),), _infra_beside_balancer),
    ConflictRule((("ingress", "kind"), ("platform",), (SECTION, "load_balancers")), _no_balancer),
    ConflictRule((("ssh", "user"), ("platform",)), _account_to_make),
    ConflictRule((_PODS, _MACHINES), partial(_networks_overlap, one="pods", other="machines")),
    ConflictRule((_SERVICES, _MACHINES), partial(_networks_overlap, one="services", other="machines")),
    ConflictRule((_SERVICES, _PODS), partial(_networks_overlap, one="services", other="pods")),
    ConflictRule((_MACHINES, ("workers",), ("ingress",)), _machines_too_small),
    ConflictRule((_PODS, ("masters",), ("workers",), ("ingress",)), _pods_too_small),
    ConflictRule((_SERVICES,), _services_out_of_range),
)
"""Every rule between fields that all platforms have, with the fields that it reads."""
