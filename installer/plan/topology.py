"""From a plan to machines, names, addresses, and the contract's rules for each of them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from ipaddress import IPv4Address
from typing import Literal

from installer.common.errors import InstallerError
from installer.plan import decisions
from installer.plan.decisions import State
from installer.plan.host import Host
from installer.plan.model import InstallPlan
from installer.plan.rules import Kind, Peer, Role, Traffic

# The first address of each role, counted from the start of the machines' network. Apart, so that adding
# an infra node moves no worker.
_FIRST_ADDRESS = {Role.MASTER: 11, Role.INFRA: 21, Role.WORKER: 101}
_BALANCER_ADDRESS = 5
GIVEN_LATER = "given later"
"""What people read instead of an address that the platform gives."""
API_PROXY = "127.0.0.1"
"""Where a machine's own proxy to the API listens, on the API's own port."""
MASTER_TAINT = "node-role.kubernetes.io/control-plane=:NoSchedule"
INFRA_LABEL = "node-role.kubernetes.io/infra="
"""The contract asks for none; it shows the role, and workloads that belong there select it."""

_PEER_ROLES: dict[Peer, tuple[Role, ...]] = {
    Peer.MASTERS: (Role.MASTER,),
    Peer.INFRA: (Role.INFRA,),
    Peer.WORKERS: (Role.WORKER,),
    Peer.ALL: tuple(Role),
}


@dataclass(frozen=True, slots=True)
class FirewallRule:
    """One flow of a contract rule, seen from one machine."""

    rule: str
    direction: Literal["in", "out"]
    traffic: Traffic
    peers: tuple[Peer, ...]

    @property
    def peer_roles(self) -> frozenset[Role]:
        """Roles of the cluster's own machines at the other end."""
        return _roles(self.peers)


@cache
def _roles(peers: tuple[Peer, ...]) -> frozenset[Role]:
    return frozenset(role for peer in peers for role in _PEER_ROLES.get(peer, ()))


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine: labels are `key=value`, taints `key=value:effect`, as kubectl writes them."""

    name: str
    role: Role
    number: int
    address: IPv4Address | None
    """Where the cluster's machines reach it; None where the platform gives it one once it is made."""
    labels: tuple[str, ...]
    taints: tuple[str, ...]
    firewall: tuple[FirewallRule, ...]
    zone: str = ""
    """The platform's failure domain that it runs in, where the platform has any."""
    provider_id: str = ""
    """What Kubernetes calls it where a cloud controller looks after nodes, once the platform knows."""
    aliases: tuple[str, ...] = ()
    """Further names and addresses of it, which that controller adds to its node."""

    @property
    def located(self) -> IPv4Address:
        """Its address. Raises InstallerError (retryable) while it has none."""
        if self.address is None:
            raise InstallerError(
                "find the machine's address",
                "the platform has not given it one yet",
                machine=self.name,
                hint="resume: the step that creates the machine waits for its address",
                retryable=True,
            )
        return self.address


@dataclass(frozen=True, slots=True)
class Pool:
    """Workers that the platform makes alike and keeps `count` of. What tells them apart, it says once they exist."""

    name: str
    role: Role
    count: int
    labels: tuple[str, ...]
    taints: tuple[str, ...]
    firewall: tuple[FirewallRule, ...]

    @property
    def away(self) -> int:
        """How many of its machines are replaced at a time: a tenth, but 1 to 10."""
        return max(1, min(10, self.count // 10))

    def member(self, name: str, address: IPv4Address | None, zone: str = "") -> Machine:
        """One of its machines."""
        return Machine(name, self.role, 0, address, self.labels, self.taints, self.firewall, zone)


@dataclass(frozen=True, slots=True)
class LoadBalancer:
    """A balancer of TCP connections: `listeners` maps a port to the masters' port behind it."""

    name: str
    listeners: tuple[tuple[int, int], ...]
    address: IPv4Address | None = None
    """None where the platform gives one once it is made, or a name instead."""
    host: str = ""
    """Its DNS name, where the platform gives it one and no address."""


@dataclass(frozen=True, slots=True)
class Record:
    """An A record (or alias): `targets` are names of machines, or the load balancer's."""

    rule: str
    name: str
    targets: tuple[str, ...]


@dataclass(frozen=True)
class Topology:
    machines: tuple[Machine, ...]
    load_balancer: LoadBalancer | None
    records: tuple[Record, ...]
    pool: Pool | None = None
    """The workers, where they are no machines of the plan's."""
    virtual_address: str = ""
    """Where the API's name leads for people outside, if masters share an address that moves between them."""

    # Steps of each machine ask for others: without these a thousand machines cost a million looks.
    @cached_property
    def _by_name(self) -> Mapping[str, Machine]:
        return {machine.name: machine for machine in self.machines}

    @cached_property
    def _by_role(self) -> Mapping[Role, tuple[Machine, ...]]:
        return {role: tuple(machine for machine in self.machines if machine.role is role) for role in Role}

    def of_role(self, role: Role) -> tuple[Machine, ...]:
        return self._by_role[role]

    @property
    def listed(self) -> tuple[Machine, ...]:
        """The machines as people read them: a pool is one line."""
        if self.pool is None:
            return self.machines
        return (*self.machines, self.pool.member(f"{self.pool.name}-* ({self.pool.count})", None))

    @property
    def roles(self) -> Mapping[Role, tuple[FirewallRule, ...]]:
        """The roles that there are, each with the rules of its machines, those of a pool included."""
        found = {role: machines[0].firewall for role in Role if (machines := self.of_role(role))}
        return {**found, self.pool.role: self.pool.firewall} if self.pool else found

    @property
    def first_master(self) -> Machine:
        return self.machines[0]

    def machine(self, name: str) -> Machine:
        """Raises KeyError if there is no such machine."""
        return self._by_name[name]

    def addresses(self, record: Record) -> tuple[str, ...]:
        """Where `record` leads for people outside; nothing while the platform has given no address."""
        if record.rule == "D1" and self.virtual_address:
            return (self.virtual_address,)
        targets = [machine for target in record.targets if (machine := self._by_name.get(target))]
        found = {machine.name: machine.address for machine in targets}
        if balancer := self.load_balancer:
            found[balancer.name] = balancer.address
        return tuple(str(address) for target in record.targets if (address := found.get(target)))

    def leads_to(self, record: Record) -> tuple[str, ...]:
        """Where `record` leads, for people: addresses that the plan says, else what gets an address once it exists."""
        if record.rule == "D1" and self.virtual_address:
            return (self.virtual_address,)
        planned = {machine.name: str(machine.address or machine.name) for machine in self.machines}
        return tuple(planned.get(target, target) for target in record.targets)

    def has_api_proxy(self, machine: Machine) -> bool:
        """Whether `machine` has a proxy of its own to the API: a master has an API server, and one master no choice."""
        return machine.role is not Role.MASTER and len(self.of_role(Role.MASTER)) > 1

    def addresses_on(self, machine: Machine, record: Record) -> tuple[str, ...]:
        """Where `record` leads on `machine`, in the order in which clients try.

        The API's name never leads through a balancer: one that sends a machine's own connection back to it would break
        joins. It leads to the machine's own proxy, on a master to the master itself and then to the others.
        """
        if record.rule != "D1":
            return self.addresses(record)
        if self.has_api_proxy(machine):
            return (API_PROXY,)
        return self.masters_from(machine)

    def masters_from(self, machine: Machine) -> tuple[str, ...]:
        """The masters' addresses, as far as they are known, those of `machine` first."""
        masters = sorted(self.of_role(Role.MASTER), key=lambda master: master.name != machine.name)
        return tuple(str(master.address) for master in masters if master.address)

    def peers(self, rule: FirewallRule) -> tuple[Machine, ...]:
        """The cluster's own machines at the other end of `rule`."""
        wanted = rule.peer_roles
        return tuple(machine for machine in self.machines if machine.role in wanted)


def topology(plan: InstallPlan) -> Topology:
    """Derive the cluster's machines in order: masters, infra nodes, workers."""
    machines = tuple(machine for role in Role for machine in _of_role(plan, role))
    balancer = _load_balancer(plan)
    pool, address = _pool(plan), plan.networks.api_address or ""
    return Topology(machines, balancer, _records(plan, machines, balancer), pool, address)


def hosts(plan: InstallPlan) -> dict[str, Host]:
    """The user's own machine behind each machine's name; empty on platforms that make theirs.

    A host keeps the role that the plan gives it; those without one fill up masters, infra nodes, workers in order.
    """
    if not plan.traits.inventory:
        return {}
    free = [host for host in plan.inventory if host.role is None]
    found: dict[str, Host] = {}
    for role in Role:
        named = [host for host in plan.inventory if host.role == role]
        missing = _count(plan, role) - len(named)
        named, free = [*named, *free[:missing]], free[missing:]
        found |= {_name(plan, role, number): host for number, host in enumerate(named, 1)}
    return found


def _count(plan: InstallPlan, role: Role) -> int:
    workers = 0 if plan.worker_pool else plan.workers
    return {Role.MASTER: plan.masters, Role.INFRA: plan.infra, Role.WORKER: workers}[role]


def _name(plan: InstallPlan, role: Role, number: int) -> str:
    return f"{plan.name}-{role}-{number}"


def _addresses(plan: InstallPlan, role: Role) -> Iterator[IPv4Address | None]:
    own = hosts(plan)
    for number in range(1, _count(plan, role) + 1):
        if own:
            address = own[_name(plan, role, number)].node_address
            assert address is not None, "a plan whose hosts have no address is refused"
            yield address
        elif plan.traits.assigns_addresses:
            yield None
        else:
            yield plan.networks.machines[_FIRST_ADDRESS[role] + number - 1]


def _of_role(plan: InstallPlan, role: Role) -> Iterator[Machine]:
    labels, taints, firewall = _kept(plan, role)
    for number, address in enumerate(_addresses(plan, role), 1):
        yield Machine(_name(plan, role, number), role, number, address, labels, taints, firewall)


def _pool(plan: InstallPlan) -> Pool | None:
    if not plan.worker_pool:
        return None
    return Pool(f"{plan.name}-{Role.WORKER}", Role.WORKER, plan.workers, *_kept(plan, Role.WORKER))


def _kept(plan: InstallPlan, role: Role) -> tuple[tuple[str, ...], tuple[str, ...], tuple[FirewallRule, ...]]:
    """What the contract says of every machine of a role: labels, taints and firewall."""
    on = [d.rule for d in decisions.decisions(plan) if d.state is State.ON and role in d.rule.roles]
    labels = tuple(rule.value for rule in on if rule.kind is Kind.LABEL)
    if role is Role.INFRA:
        labels = (*labels, INFRA_LABEL)
    taints = [rule.value for rule in on if rule.kind is Kind.TAINT]
    if role is Role.MASTER and not plan.schedulable_masters:
        taints.append(MASTER_TAINT)
    firewall = tuple(
        FirewallRule(rule.id, flow.direction, traffic, _present(flow.peers, plan))
        for rule in on
        for flow in rule.flows
        if role in flow.roles
        for traffic in flow.traffic
    )
    return labels, tuple(taints), firewall


def _present(peers: tuple[Peer, ...], plan: InstallPlan) -> tuple[Peer, ...]:
    """Leave out peers that this plan does not have."""
    absent = Peer.LOAD_BALANCER if plan.ingress.kind == "infra" else Peer.INFRA
    return tuple(peer for peer in peers if peer is not absent)


def _load_balancer(plan: InstallPlan) -> LoadBalancer | None:
    if plan.ingress.kind != "load-balancer":
        return None
    address = None if plan.traits.assigns_addresses else plan.networks.machines[_BALANCER_ADDRESS]
    web = ((443, 443), (80, 80)) if plan.traits.passthrough else ((443, 32000), (80, 32001))
    return LoadBalancer(f"{plan.name}-lb", ((6443, 6443), *web), address)


def _records(plan: InstallPlan, machines: tuple[Machine, ...], balancer: LoadBalancer | None) -> tuple[Record, ...]:
    def targets(role: Role) -> tuple[str, ...]:
        if balancer:
            return (balancer.name,)
        return tuple(machine.name for machine in machines if machine.role is role)

    return (
        Record("D1", plan.api_host, targets(Role.MASTER)),
        Record("D2", plan.console_host, targets(Role.INFRA)),
    )
