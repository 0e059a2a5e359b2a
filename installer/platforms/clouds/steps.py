"""Steps that a cluster has in every cloud: machines in batches, names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from installer.common.text import count
from installer.plan.rules import Role
from installer.plan.topology import Machine, Record, Topology
from installer.platforms.clouds.batches import planned
from installer.platforms.clouds.dns import ByHand, Name
from installer.platforms.clouds.machines import ForgetFirstContact, Made
from installer.platforms.clouds.pools import JOINING, LEAVING, Members
from installer.steps import ids
from installer.steps.step import Action, Phase, Step

CHECK = "check/account"
BALANCER, TARGETS = "network/load-balancer", "machines/targets"
BALANCING = 600.0
"""Seconds: a balancer that is slow to begin, or a service's servers that all have to know a name."""
_MAKING, _NAMING = 900.0, 1800.0
"""Seconds: machines that come one after the other, a record that somebody makes."""


@dataclass(frozen=True, slots=True)
class Steps:
    """Makes steps that are requests to one cloud: of a kind, `limit`, that says how many may run at once."""

    limit: str

    def step(
        self,
        id: str,
        title: str,
        phase: Phase,
        action: Action,
        *needs: str,
        weight: float = 1.0,
        deadline: float = 120.0,
        machine: str | None = None,
    ) -> Step:
        return Step(
            id, title, phase, action, machine=machine, needs=needs, weight=weight, limit=self.limit, deadline=deadline
        )

    def machines(
        self,
        topology: Topology,
        role: Role,
        zones: Sequence[str],
        action: Callable[[Role, str, tuple[int, ...]], Action],
        address: Callable[[str], Action],
        *needs: str,
    ) -> Iterator[Step]:
        """A batch for each zone, then a look at each machine; infra nodes get an address that stays."""
        for zone, machines in planned(topology.of_role(role), zones).items():
            batch = f"machines/batch/{role}/{zone}"
            title = f"create the {role}s of {zone}: {len(machines)}"
            making = action(role, zone, tuple(machine.number for machine in machines))
            yield self.step(batch, title, Phase.MACHINES, making, *needs, weight=30.0, deadline=_MAKING)
            for machine in machines:
                yield from self._machine(machine, batch, address)

    def _machine(self, machine: Machine, batch: str, address: Callable[[str], Action]) -> Iterator[Step]:
        last = batch
        if machine.role is Role.INFRA:
            last = f"machines/address/{machine.name}"
            title = f"give {machine.name} an address that stays"
            yield self.step(last, title, Phase.MACHINES, address(machine.name), batch, machine=machine.name)
        yield Step(ids.created(machine.name), f"find {machine.name}", Phase.MACHINES, Made(machine.name),
                   machine=machine.name, needs=(last,), weight=0.1)  # fmt: skip

    def pool(self, topology: Topology, parts: Sequence[tuple[str, str, Action]], *needs: str) -> Iterator[Step]:
        """A worker pool: its parts (id, title, action) one after the other, then its machines join."""
        pool = topology.pool
        assert pool is not None
        last = (*needs, ids.founded(topology.first_master.name),
                *(ids.created(machine.name) for machine in topology.of_role(Role.MASTER)))  # fmt: skip
        for id, title, action in parts:
            yield self.step(id, title, Phase.JOIN, action, *last, weight=5.0, deadline=_MAKING, machine=pool.name)
            last = (id,)
        yield Step(ids.POOL, f"let {count(pool.count, 'worker')} of the pool join, drain and replace others",
                   Phase.JOIN, Members(pool), machine=pool.name, needs=(*last, ids.OVERLAY), weight=120.0, limit="ssh",
                   deadline=JOINING + pool.count * (JOINING + LEAVING))  # fmt: skip

    def balanced(self, topology: Topology, action: Callable[[str, tuple[str, ...]], Action]) -> Iterator[Step]:
        """The masters behind the balancer, if there is one."""
        if balancer := topology.load_balancer:
            masters = tuple(machine.name for machine in topology.of_role(Role.MASTER))
            yield self.step(TARGETS, "put the masters behind the load balancer", Phase.MACHINES,
                            action(balancer.name, masters), BALANCER, *map(ids.created, masters), weight=30.0,
                            deadline=BALANCING)  # fmt: skip

    def names(self, topology: Topology, service: str) -> Iterator[Step]:
        """Records in a cloud's DNS, `service`, or by hand if that is empty; then the first contact is forgotten."""
        for record in topology.records:
            yield self._named(topology, record, service)
        yield Step("dns/first-contact", "delete the secrets with which new machines proved their host keys", Phase.DNS,
                   ForgetFirstContact(), weight=0.1)  # fmt: skip

    def _named(self, topology: Topology, record: Record, service: str) -> Step:
        needs = (TARGETS,) if topology.load_balancer else tuple(map(ids.created, record.targets))
        if service:
            title = f"have {service} answer for {record.name}"
            return self.step(ids.named(record.name), title, Phase.DNS, Name(record), *needs, weight=30.0,
                             deadline=BALANCING)  # fmt: skip
        return self.step(ids.named(record.name), f"wait for your record {record.name}", Phase.DNS, ByHand(record),
                         *needs, weight=30.0, deadline=_NAMING)  # fmt: skip


def rules_step(role: Role) -> str:
    return f"network/rules/{role}"


def access_step(role: Role) -> str:
    return f"network/access/{role}"
