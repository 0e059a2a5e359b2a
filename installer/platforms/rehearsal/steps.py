"""The steps of a rehearsal in the phases check, network, machines and dns."""

from __future__ import annotations

import resource
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from installer.common.errors import InstallerError
from installer.common.paths import home
from installer.plan.model import InstallPlan
from installer.plan.rules import Role
from installer.plan.topology import FirewallRule, Machine, Topology
from installer.platforms.rehearsal.client import StandInView
from installer.platforms.rehearsal.platform import LIMIT, RehearsalPlatform
from installer.platforms.rehearsal.records import FIREWALL_RULES
from installer.ssh.host_keys import pinned_keys
from installer.ssh.keys.cluster_key import ensure_key
from installer.steps import ids
from installer.steps.answers import SURVEY_SECONDS
from installer.steps.step import Context, Observation, Permanent, Phase, Step

_FILES_PER_MACHINE = 4
"""A listener, and connections to it."""
_DISK = 50_000_000
"""Bytes that a site's state and log, and the cluster's journal, may come to."""


@dataclass(frozen=True)
class HostCheck(Permanent):
    """This computer has what so many stand-in machines take. They are small: open files, and a little disk."""

    machines: int

    def observe(self, ctx: Context) -> Observation:  # noqa: ARG002 (asks only this computer)
        problem = self._problem()
        return Observation(not problem, problem or f"room for {self.machines} stand-in machines")

    def apply(self, ctx: Context) -> None:  # noqa: ARG002 (nothing can be applied)
        hint = "raise the limit of open files (ulimit -Hn), free some disk, or plan fewer machines"
        raise InstallerError("check this computer", self._problem() or "it has just changed: try again", hint=hint)

    def _problem(self) -> str:
        _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
        needed = 100 + self.machines * _FILES_PER_MACHINE
        if files not in (resource.RLIM_INFINITY, -1) and files < needed:
            return f"{self.machines} stand-in machines need {needed} open files; the hard limit is {files}"
        existing = next(path for path in (home(), *home().parents) if path.exists())
        free = shutil.disk_usage(existing).free
        if free < _DISK:
            return f"{existing} has {free // 1_000_000} MB free; {_DISK // 1_000_000} MB are needed"
        return ""


@dataclass(frozen=True)
class SiteProcess:
    """The process in which the stand-in machines live, outside the installer's."""

    def observe(self, ctx: Context) -> Observation:
        platform = _platform(ctx)
        if not platform.exists:
            return Observation(False, "there is no site")
        if not platform.alive:
            return Observation(False, "the site's process has ended; its machines are on record")
        platform.site()
        return Observation(True, "the site answers")

    def apply(self, ctx: Context) -> None:
        _platform(ctx).site(create=True)
        ctx.log("the rehearsal site answers")

    def undo(self, ctx: Context) -> None:
        _platform(ctx).remove_site()


@dataclass(frozen=True)
class _Entry:
    """One of the platform's own things by `kind` and `name`, with a JSON value."""

    name: str
    kind: ClassVar[str]

    def value(self, ctx: Context) -> Any:
        raise NotImplementedError

    def observe(self, ctx: Context) -> Observation:
        platform = _platform(ctx)
        found = platform.site().call("entries", kind=self.kind).get(self.name) if platform.exists else None
        if found is None:
            return Observation(False, f"there is no {self.name}")
        return Observation(
            found == self.value(ctx), "as planned" if found == self.value(ctx) else "differs from the plan"
        )

    def apply(self, ctx: Context) -> None:
        _platform(ctx).site().call("put", kind=self.kind, name=self.name, value=self.value(ctx))

    def undo(self, ctx: Context) -> None:
        platform = _platform(ctx)
        if platform.exists:
            platform.site().call("remove", kind=self.kind, name=self.name)


@dataclass(frozen=True)
class FirewallGroup(_Entry):
    rules: tuple[FirewallRule, ...]
    kind = "firewall"

    def value(self, ctx: Context) -> Any:  # noqa: ARG002 (the same whatever exists)
        return FIREWALL_RULES.dump_python(self.rules, mode="json")


@dataclass(frozen=True)
class Balancer(_Entry):
    kind = "load-balancer"

    def value(self, ctx: Context) -> Any:
        balancer = ctx.world.topology.load_balancer
        assert balancer is not None, "this step is of plans with a load balancer"
        return {"address": str(balancer.address), "listeners": [list(listener) for listener in balancer.listeners]}


@dataclass(frozen=True)
class Name(_Entry):
    """A name of the contract (`rule`), at the addresses that its targets have."""

    rule: str
    kind = "dns"

    def value(self, ctx: Context) -> Any:
        record = next(record for record in ctx.world.topology.records if record.rule == self.rule)
        return list(ctx.world.topology.addresses(record))


@dataclass(frozen=True)
class Creation:
    """One stand-in machine. Its name is its identity: one that exists is adopted, never made twice."""

    machine: Machine
    firewall: str
    user: str
    public_key: str | None

    def observe(self, ctx: Context) -> Observation:
        platform, answers = _platform(ctx), ctx.world.answers
        listed = (
            answers.lately("stand-ins", platform.listed, SURVEY_SECONDS, ctx.remaining()) if platform.exists else {}
        )
        found = (listed or {}).get(self.machine.name)
        if listed is None or (found and not (answers.settled and found.state == "running")):
            found = self._find(ctx)  # who wasn't listed wasn't there: nobody but this step makes the machine
        if found is None:
            return Observation(False, "there is no such machine")
        return Observation(found.state == "running", _seen(found))

    def apply(self, ctx: Context) -> None:
        found = self._find(ctx)
        if found and found.state == "failed":
            ctx.log("deleting the machine that failed to start")
            _platform(ctx).site().call("delete", name=self.machine.name)
            found = None
        if found is None:
            self._create(ctx)
        ctx.wait_until(f"{self.machine.name} to start", lambda: self._running(ctx))

    def undo(self, ctx: Context) -> None:
        platform = _platform(ctx)
        if platform.exists:
            platform.site().call("delete", name=self.machine.name)
        pinned_keys.unpin(ctx.world.directory, self.machine.name)

    def _find(self, ctx: Context) -> StandInView | None:
        platform = _platform(ctx)
        return platform.site().machine(self.machine.name) if platform.exists else None

    def _create(self, ctx: Context) -> None:
        # A new machine has a new host key: whatever was pinned under its name was another machine's.
        pinned_keys.unpin(ctx.world.directory, self.machine.name)
        keys = [ensure_key(ctx.world.directory)] + ([self.public_key] if self.public_key else [])
        _platform(ctx).site().call(
            "create",
            name=self.machine.name,
            role=self.machine.role,
            address=str(ctx.world.machine(self.machine.name).located),
            firewall=self.firewall,
            user=self.user,
            authorized_keys=keys,
        )
        ctx.log("created; waiting for it to start")

    def _running(self, ctx: Context) -> tuple[StandInView | None, str]:
        found = _platform(ctx).started(self.machine.name)
        if found is None:
            raise InstallerError("create the machine", "it is gone again", machine=self.machine.name, retryable=True)
        if found.state == "failed":
            raise InstallerError(
                "create the machine",
                "it did not start: its console ends in a kernel panic",
                machine=self.machine.name,
                hint="a fault of this rehearsal: resume without --fault, and it is made again",
            )
        return (found, _seen(found)) if found.state == "running" else (None, _seen(found))


def _seen(machine: StandInView) -> str:
    return f"running at 127.0.0.1:{machine.port}" if machine.state == "running" else machine.state


def _platform(ctx: Context) -> RehearsalPlatform:
    platform = ctx.world.platform
    assert isinstance(platform, RehearsalPlatform), "steps of a rehearsal run on a rehearsal"
    return platform


def steps(plan: InstallPlan, topology: Topology) -> Iterator[Step]:
    yield Step(
        id="check/computer",
        title=f"check that this computer can host {len(topology.machines)} stand-in machines",
        phase=Phase.CHECK,
        action=HostCheck(len(topology.machines)),
        weight=0.2,
    )
    yield Step(
        id="network/site",
        title="start the rehearsal site on this computer",
        phase=Phase.NETWORK,
        needs=("check/computer",),
        action=SiteProcess(),
        weight=1.0,
        limit=LIMIT,
    )
    yield from _network(plan, topology)
    yield from _machines(plan, topology)
    yield from _names(topology)


def _network(plan: InstallPlan, topology: Topology) -> Iterator[Step]:
    for role in Role:
        machines = topology.of_role(role)
        if machines:
            rules = machines[0].firewall
            yield Step(
                id=f"network/firewall/{role}",
                title=f"create the firewall group of {role} machines ({len(rules)} rules)",
                phase=Phase.NETWORK,
                needs=("network/site",),
                action=FirewallGroup(_group(plan, role), rules),
                weight=0.3,
                limit=LIMIT,
            )
    if balancer := topology.load_balancer:
        yield Step(
            id="network/load-balancer",
            title=f"create the load balancer {balancer.name}",
            phase=Phase.NETWORK,
            needs=("network/site",),
            action=Balancer(balancer.name),
            weight=0.5,
            limit=LIMIT,
        )


def _machines(plan: InstallPlan, topology: Topology) -> Iterator[Step]:
    for machine in topology.machines:
        yield Step(
            id=ids.created(machine.name),
            title=f"create {machine.name}",
            phase=Phase.MACHINES,
            machine=machine.name,
            needs=(f"network/firewall/{machine.role}",),
            action=Creation(machine, _group(plan, machine.role), plan.ssh.user, plan.ssh.public_key),
            weight=6.0,
            limit=LIMIT,
            deadline=120.0,
        )


def _names(topology: Topology) -> Iterator[Step]:
    created = {machine.name: ids.created(machine.name) for machine in topology.machines}
    for record in topology.records:
        yield Step(
            id=ids.named(record.name),
            title=f"point {record.name} at {', '.join(topology.leads_to(record))}",
            phase=Phase.DNS,
            needs=tuple(created.get(target, "network/load-balancer") for target in record.targets),
            action=Name(record.name, record.rule),
            weight=0.3,
            limit=LIMIT,
        )


def _group(plan: InstallPlan, role: Role) -> str:
    return f"{plan.name}-{role}"
