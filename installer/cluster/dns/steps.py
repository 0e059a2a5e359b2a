"""The steps that publish the contract's names where the plan says, and take nobody else's."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from installer.accounts.findings import Problem, judge
from installer.cluster.dns import servers
from installer.cluster.dns.preflight import names_in_zone
from installer.cluster.dns.providers import IN_ACCOUNTS, Provider
from installer.cluster.dns.records import AccountRecords, Records, Target, leads
from installer.cluster.dns.servers import Right
from installer.cluster.dns.zone import Zone
from installer.common.errors import InstallerError
from installer.plan.model import InstallPlan
from installer.plan.topology import Topology
from installer.steps import ids
from installer.steps.step import Action, Context, Observation, Permanent, Phase, Proof, Step

_WAIT = 600.0
"""Seconds in which somebody has to enter records, or all servers of a provider to answer with them."""
_LOOK_EVERY = 5.0


@dataclass(frozen=True)
class CheckZone(Proof):
    """The zone's server answers for it, and the key can be read, before anything is made."""

    plan: InstallPlan

    def observe(self, ctx: Context) -> Observation:  # noqa: ARG002 (asks only the server)
        zone = Zone.of(self.plan)
        ttl = zone.negative_ttl()
        if ttl is None:
            raise InstallerError(
                "look at the zone", f"{zone.server} has no SOA record of {zone.name}", hint="correct dns.zone"
            )
        return Observation(True, f"{zone.server} keeps {zone.name}; other servers cache missing names for {ttl} s")


@dataclass(frozen=True)
class CheckAccount(Proof):
    """Credentials that work, a public zone that they may change and that people are sent to, and names to be had."""

    provider: Provider

    def observe(self, ctx: Context) -> Observation:
        records = self.provider.account
        who = records.caller()
        ctx.log(f"{records.service}: {who}")
        hosts = [record.name for record in ctx.world.shape.records]
        if all(records.read(host).owned for host in hosts):
            return Observation(True, f"{who}; all names are published")
        found = judge(f"look at the zone in {records.service}", names_in_zone(records, hosts), ctx.log)
        words = "; ".join(f"warning: {one.seen}" if isinstance(one, Problem) else one.seen for one in found)
        return Observation(True, f"{who}; {words}")


class Publishing(ABC):
    """A name leads where it should, by a record that is marked as the cluster's."""

    @abstractmethod
    def host(self, ctx: Context) -> str:
        """The name."""

    @abstractmethod
    def target(self, ctx: Context) -> Target:
        """Where it should lead. Raises InstallerError while nobody knows."""

    @abstractmethod
    def records(self, ctx: Context) -> Records:
        """Who keeps the zone. Raises InstallerError."""

    def observe(self, ctx: Context) -> Observation:
        found = self.records(ctx).read(self.host(ctx))
        seen = f"leads to {', '.join(sorted(found.targets))}" if found.targets else "there is no record"
        if found.taken:
            return Observation(False, f"{seen}; Craton didn't make the records there")
        try:
            wanted = leads(self.target(ctx))
        except InstallerError as error:  # a destroy looks here when nothing may be left to lead to
            return Observation(False, f"{seen}; {error.observed}", remains=found.owned)
        return Observation(found.owned and found.targets == wanted, seen, remains=found.owned)

    def apply(self, ctx: Context) -> None:
        records, name = self.records(ctx), self.host(ctx)
        if records.read(name).taken:
            raise InstallerError(
                "name the cluster",
                f"the zone {records.zone()} has records at {name} that Craton didn't make",
                hint="Delete them there, or give the cluster another name or subdomain.",
            )
        target = self.target(ctx)
        change = records.write(name, target)
        ctx.log(f"{name} leads to {', '.join(sorted(leads(target)))}")

        def answered() -> tuple[bool | None, str]:
            there = records.in_sync(change)
            return (True, "in sync") if there else (None, f"some of {records.service}'s servers don't have it yet")

        ctx.wait_until(f"{records.service}'s servers to answer for {name}", answered, _LOOK_EVERY)

    def undo(self, ctx: Context) -> None:
        self.records(ctx).remove([self.host(ctx)])


@dataclass(frozen=True)
class Published(Publishing):
    """A name of the contract (`rule`), at the provider that the plan names."""

    provider: Provider
    rule: str

    def host(self, ctx: Context) -> str:
        return _wanted(ctx, self.rule)[0]

    def target(self, ctx: Context) -> Target:
        name, wanted = _wanted(ctx, self.rule)
        if not wanted:
            raise InstallerError("publish the name", f"{name} has no address yet", hint="resume", retryable=True)
        return frozenset(wanted)

    def records(self, ctx: Context) -> Records:  # noqa: ARG002 (the plan alone says it)
        return self.provider.records


@dataclass(frozen=True)
class PublishedInAccount(Published):
    """The same, where the service's word that all its servers know the name is compared with what they say."""

    def apply(self, ctx: Context) -> None:
        super().apply(ctx)
        name, wanted = _wanted(ctx, self.rule)
        await_servers(ctx, self.provider.account, name, lambda: servers.exactly(wanted))


def await_servers(ctx: Context, records: AccountRecords, name: str, right: Callable[[], Right]) -> None:
    """Wait until no server of the zone says anything else of a name than what is right at that moment.

    Where none of them can be asked from here, the service's word has to do.
    """
    _, kept = records.delegation()

    def agreed() -> tuple[str | None, str]:
        there, seen = servers.agree(name, right(), kept)
        return (None if there is False else seen), seen

    ctx.log(ctx.wait_until(f"every server of the zone to answer for {name}", agreed, _LOOK_EVERY))


@dataclass(frozen=True)
class Entered(Permanent):
    """Somebody enters the record by hand; here it is shown and waited for, at the zone's own servers."""

    plan: InstallPlan
    rule: str

    def observe(self, ctx: Context) -> Observation:
        name, wanted = _wanted(ctx, self.rule)
        return Observation(*servers.judge(name, wanted))

    def apply(self, ctx: Context) -> None:
        name, wanted = _wanted(ctx, self.rule)
        ctx.log("enter this in the zone, with any TTL:")
        for address in wanted:
            ctx.log(f"  {name}. A {address}")

        def probe() -> tuple[bool | None, str]:
            holds, seen = servers.judge(name, wanted)
            return (True, seen) if holds else (None, seen)

        ctx.wait_until(f"{name} to lead to {', '.join(wanted)}", probe, every=_LOOK_EVERY)


def _wanted(ctx: Context, rule: str) -> tuple[str, tuple[str, ...]]:
    """The name of `rule`, and its addresses, sorted."""
    topology = ctx.world.topology
    record = next(record for record in topology.records if record.rule == rule)
    return record.name, tuple(sorted(topology.addresses(record)))


def dns_check(plan: InstallPlan) -> Iterator[Step]:
    """What is looked at before anything is made."""
    if not plan.publishes_names:
        return
    provider = plan.dns.provider
    if provider == "rfc2136":
        title = f"look at the zone {plan.dns.zone or plan.subdomain} at {plan.dns.server}"
        yield Step(ids.ZONE_CHECKED, title, Phase.CHECK, CheckZone(plan), weight=0.2)
    if service := IN_ACCOUNTS.get(provider):
        title = f"check the zone of {plan.subdomain} in {service}: credentials, permissions, delegation"
        yield Step(ids.ZONE_CHECKED, title, Phase.CHECK, CheckAccount(Provider(plan)), weight=2.0, deadline=120.0)


def dns_steps(plan: InstallPlan, topology: Topology) -> Iterator[Step]:
    """One for each name, unless hosts files are all that knows it."""
    if not plan.publishes_names:
        return
    provider = Provider(plan)
    for record in topology.records:
        action: Action
        weight, deadline = 1.0, 60.0
        if plan.dns.provider == "manual":
            title, action, deadline = f"wait until you enter {record.name}", Entered(plan, record.rule), _WAIT
        elif service := IN_ACCOUNTS.get(plan.dns.provider):
            title, action = f"have {service} answer for {record.name}", PublishedInAccount(provider, record.rule)
            weight, deadline = 30.0, _WAIT
        else:
            title, action = f"publish {record.name} at {plan.dns.server}", Published(provider, record.rule)
        needs = (ids.named(record.name),)
        yield Step(ids.published(record.name), title, Phase.DNS, action, needs=needs, weight=weight, deadline=deadline)
