"""The steps that publish the contract's names where the plan says, and take nobody else's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from installer.cluster.dns.zone import Zone
from installer.common.errors import InstallerError
from installer.plan.model import InstallPlan
from installer.plan.topology import Topology
from installer.steps import ids
from installer.steps.step import Context, Observation, Permanent, Phase, Proof, Step

_WAIT = 600.0
"""Seconds in which somebody has to enter records."""


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
class Published:
    """A name of the contract (`rule`) leads where it should, as the zone's own server says."""

    plan: InstallPlan
    rule: str

    def observe(self, ctx: Context) -> Observation:
        zone, (name, wanted) = Zone.of(self.plan), _wanted(ctx, self.rule)
        found = zone.addresses(name)
        if not found:
            return Observation(False, f"{name} is not there", remains=zone.is_ours(name))
        holds = found == wanted and zone.is_ours(name)
        return Observation(holds, f"{name} leads to {', '.join(found)}", remains=zone.is_ours(name))

    def apply(self, ctx: Context) -> None:
        name, wanted = _wanted(ctx, self.rule)
        if not wanted:
            raise InstallerError("publish the name", f"{name} has no address yet", hint="resume", retryable=True)
        zone = Zone.of(self.plan)
        zone.publish(name, wanted)
        ctx.log(f"{name} A {', '.join(wanted)}")

    def undo(self, ctx: Context) -> None:
        Zone.of(self.plan).remove(_wanted(ctx, self.rule)[0])


@dataclass(frozen=True)
class Entered(Permanent):
    """Somebody enters the record by hand; here it is shown and waited for, at the zone's own servers."""

    plan: InstallPlan
    rule: str

    def observe(self, ctx: Context) -> Observation:
        from installer.cluster.dns import delegation

        name, wanted = _wanted(ctx, self.rule)
        return Observation(*delegation.judge(name, wanted))

    def apply(self, ctx: Context) -> None:
        from installer.cluster.dns import delegation

        name, wanted = _wanted(ctx, self.rule)
        ctx.log("enter this in the zone, with any TTL:")
        for address in wanted:
            ctx.log(f"  {name}. A {address}")

        def probe() -> tuple[bool | None, str]:
            holds, seen = delegation.judge(name, wanted)
            return (True, seen) if holds else (None, seen)

        ctx.wait_until(f"{name} to lead to {', '.join(wanted)}", probe, every=5.0)


def _wanted(ctx: Context, rule: str) -> tuple[str, tuple[str, ...]]:
    """The name of `rule`, and its addresses, sorted."""
    topology = ctx.world.topology
    record = next(record for record in topology.records if record.rule == rule)
    return record.name, tuple(sorted(topology.addresses(record)))


def dns_check(plan: InstallPlan) -> Iterator[Step]:
    """What is looked at before anything is made."""
    if plan.dns.provider == "rfc2136":
        yield Step(
            id=ids.ZONE_CHECKED,
            title=f"look at the zone {plan.dns.zone or plan.subdomain} at {plan.dns.server}",
            phase=Phase.CHECK,
            action=CheckZone(plan),
            weight=0.2,
        )


def dns_steps(plan: InstallPlan, topology: Topology) -> Iterator[Step]:
    """One for each name, unless hosts files are all that knows it."""
    if plan.dns.provider == "hosts":
        return
    for record in topology.records:
        by_hand = plan.dns.provider == "manual"
        yield Step(
            id=ids.published(record.name),
            title=f"wait until you enter {record.name}" if by_hand else f"publish {record.name} at {plan.dns.server}",
            phase=Phase.DNS,
            needs=(ids.named(record.name),),
            action=Entered(plan, record.rule) if by_hand else Published(plan, record.rule),
            weight=1.0,
            deadline=_WAIT if by_hand else 60.0,
        )
