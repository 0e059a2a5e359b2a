"""The steps of the fake cloud: network, groups, balancer, one batch of machines per role, records by targets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from installer.common.errors import InstallerError
from installer.plan.model import InstallPlan
from installer.plan.rules import Role
from installer.plan.topology import FirewallRule, Topology
from installer.platforms.rehearsal.records import FIREWALL_RULES
from installer.ssh.host_keys import pinned_keys
from installer.ssh.keys.cluster_key import ensure_key
from installer.steps import ids
from installer.steps.step import Context, Observation, Phase, Proof, Step
from tests.doubles.fake_cloud.api import CloudResource
from tests.doubles.fake_cloud.platform import LIMIT, TAG, CloudPlatform

NETWORK = "network/network"
BALANCER = "network/load-balancer"


@dataclass(frozen=True)
class Thing:
    """One resource by kind and name."""

    kind: str
    name: str

    def observe(self, ctx: Context) -> Observation:
        found = _platform(ctx).one(self.kind, self.name)
        if found is None:
            return Observation(False, f"there is no {self.kind} {self.name}")
        return Observation(found.value == self.value(ctx), found.id, remains=True)

    def apply(self, ctx: Context) -> None:
        platform = _platform(ctx)
        platform.changed()  # an attempt before this one may have made it, and its answer was lost
        if old := platform.one(self.kind, self.name):
            if old.value == self.value(ctx):
                return
            platform.delete([old.id], ctx)
        needs = () if self.kind == "network" else (_network(ctx).id,)
        tags = {TAG: ctx.world.plan.name}
        platform.cloud.create(self.kind, self.name, tags, needs=needs, value=self.value(ctx))
        platform.changed()

    def undo(self, ctx: Context) -> None:
        if found := _platform(ctx).one(self.kind, self.name):
            _platform(ctx).delete([found.id], ctx)

    def value(self, ctx: Context) -> Any:
        return None


@dataclass(frozen=True)
class Group(Thing):
    rules: tuple[FirewallRule, ...] = ()

    def value(self, ctx: Context) -> Any:
        return FIREWALL_RULES.dump_python(self.rules, mode="json")


@dataclass(frozen=True)
class Balancer(Thing):
    def value(self, ctx: Context) -> Any:
        return {"address": "192.0.2.80"}


@dataclass(frozen=True)
class Name(Thing):
    """A record, at its targets' addresses; or an alias of the balancer, which has none."""

    targets: tuple[str, ...] = ()

    def value(self, ctx: Context) -> Any:
        record = next(record for record in ctx.world.topology.records if record.name == self.name)
        return list(ctx.world.topology.addresses(record)) or list(self.targets)


@dataclass(frozen=True)
class Batch:
    """All machines of a role, in one request; done once each has its address."""

    role: Role
    names: tuple[str, ...]

    def observe(self, ctx: Context) -> Observation:
        missing, unready = self._missing(ctx), self._unready(ctx)
        seen = f"{len(missing)} missing, {len(unready)} not ready"
        return Observation(not unready, seen, remains=len(missing) < len(self.names))

    def apply(self, ctx: Context) -> None:
        platform = _platform(ctx)
        if missing := self._missing(ctx):
            for name in missing:
                pinned_keys.unpin(ctx.world.directory, name)
            group = platform.one("firewall", f"{ctx.world.plan.name}-{self.role}")
            assert group is not None, "the group comes before its machines"
            # The token lives as long as the network: a machine that is not listed yet is never made twice.
            platform.cloud.create_machines(
                self.role, missing, f"{_network(ctx).id}/{self.role}", {TAG: ctx.world.plan.name}, group=group,
                network=_network(ctx), user=ctx.world.plan.ssh.user, keys=[ensure_key(ctx.world.directory)],
            )  # fmt: skip

        def ready() -> tuple[bool | None, str]:
            platform.listing(platform.version)
            unready = self._unready(ctx)
            return (None, f"{len(unready)} machines have no address") if unready else (True, "all have addresses")

        ctx.wait_until(f"the {self.role} machines", ready)

    def undo(self, ctx: Context) -> None:
        found = [entry.id for entry in _platform(ctx).listing() if entry.kind == "machine" and entry.name in self.names]
        _platform(ctx).delete(found, ctx)
        _platform(ctx).changed()
        for name in self.names:
            pinned_keys.unpin(ctx.world.directory, name)

    def _missing(self, ctx: Context) -> list[str]:
        return [name for name in self.names if _platform(ctx).one("machine", name) is None]

    def _unready(self, ctx: Context) -> list[str]:
        found = ((name, _platform(ctx).one("machine", name)) for name in self.names)
        return [name for name, entry in found if entry is None or not (entry.address and entry.host_key)]


@dataclass(frozen=True)
class Made(Proof):
    """One machine of a batch: only looked at."""

    name: str

    def observe(self, ctx: Context) -> Observation:
        return Observation(True, f"at {ctx.world.machine(self.name).located}")


def steps(plan: InstallPlan, topology: Topology) -> Iterator[Step]:
    yield _network_step(NETWORK, Thing("network", plan.name))
    if balancer := topology.load_balancer:
        yield _network_step(BALANCER, Balancer("load-balancer", balancer.name), NETWORK)
    for role in Role:
        machines = topology.of_role(role)
        if not machines:
            continue
        group, batch = f"network/firewall/{role}", f"machines/batch/{role}"
        yield _network_step(group, Group("firewall", f"{plan.name}-{role}", machines[0].firewall), NETWORK)
        names = tuple(machine.name for machine in machines)
        yield Step(batch, f"create {role} machines", Phase.MACHINES, Batch(role, names), needs=(group,), limit=LIMIT)
        for name in names:
            yield Step(ids.created(name), f"find {name}", Phase.MACHINES, Made(name), machine=name, needs=(batch,))
    for record in topology.records:
        needs = tuple(BALANCER if target.endswith("-lb") else ids.created(target) for target in record.targets)
        action = Name("dns", record.name, record.targets)
        yield Step(ids.named(record.name), f"name {record.name}", Phase.DNS, action, needs=needs, limit=LIMIT)


def _network_step(id: str, action: Thing, *needs: str) -> Step:
    return Step(id, f"create {action.kind} {action.name}", Phase.NETWORK, action, needs=needs, limit=LIMIT)


def _network(ctx: Context) -> CloudResource:
    found = _platform(ctx).one("network", ctx.world.plan.name)
    if found is None:
        raise InstallerError("find the network", "there is none", hint="resume: its step makes it")
    return found


def _platform(ctx: Context) -> CloudPlatform:
    platform = ctx.world.platform
    assert isinstance(platform, CloudPlatform)
    return platform
