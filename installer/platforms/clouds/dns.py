"""The contract's names: records in the cloud's DNS, or the user's own work, which is shown and waited for."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from installer.cluster.dns import servers
from installer.cluster.dns.delegation import servers_of
from installer.cluster.dns.records import TTL, Alias, Records, Target
from installer.cluster.dns.servers import Right, Said, exactly
from installer.cluster.dns.steps import Publishing, await_servers
from installer.common.errors import InstallerError
from installer.plan.topology import Record
from installer.platforms.clouds.platform import CloudPlatform, cloud_of
from installer.steps.step import Context, Observation, Permanent

_LOOK_EVERY = 5.0


def target(ctx: Context, platform: CloudPlatform, record: Record) -> Target:
    """Where a name leads for people: to the load balancer, else to public addresses. Raises InstallerError."""
    balancer = ctx.world.shape.load_balancer
    if balancer and balancer.name in record.targets:
        return platform.balancer_target(balancer.name)
    known = platform.instances.by_machine()
    addresses = frozenset(known[name].public for name in record.targets if name in known and known[name].public)
    if not addresses:
        raise InstallerError("name the cluster", f"no machine behind {record.name} has an address", retryable=True)
    return addresses


@dataclass(frozen=True)
class Name(Publishing):
    """A record in the cloud's DNS, once all its servers answer with it."""

    record: Record

    def host(self, ctx: Context) -> str:  # noqa: ARG002 (the record has it)
        return self.record.name

    def target(self, ctx: Context) -> Target:
        return target(ctx, cloud_of(ctx), self.record)

    def records(self, ctx: Context) -> Records:
        return cloud_of(ctx).records

    def apply(self, ctx: Context) -> None:
        super().apply(ctx)
        await_servers(ctx, cloud_of(ctx).records, self.record.name, lambda: _right(self.target(ctx)))


@dataclass(frozen=True)
class ByHand(Permanent):
    """A record that the user makes: shown, and looked up at the servers that the world is sent to for it."""

    record: Record

    def observe(self, ctx: Context) -> Observation:
        return Observation(*self._look(ctx))

    def apply(self, ctx: Context) -> None:
        where = target(ctx, cloud_of(ctx), self.record)
        lines = [f"CNAME {where.host}."] if isinstance(where, Alias) else [f"A {one}" for one in sorted(where)]
        for line in lines:
            ctx.log(f"create this record: {self.record.name}. {TTL} {line}")

        def leads() -> tuple[bool | None, str]:
            holds, seen = self._look(ctx)
            return (True, seen) if holds else (None, f"{seen}; create {'; '.join(lines)}")

        ctx.wait_until(f"your record {self.record.name}", leads, _LOOK_EVERY)

    def _look(self, ctx: Context) -> tuple[bool, str]:
        """Whether the record leads where it should, and what was seen. Where none of the zone's servers can be asked
        from here, as in a network that lets no DNS out, this computer's resolver is.
        """
        right = _right(target(ctx, cloud_of(ctx), self.record))
        zone, kept, seen = servers_of(self.record.name)
        if zone and not kept:
            return False, f"nobody is sent to the zone {zone}: the zone above it names no servers"
        holds: bool | None = None
        if kept:
            holds, seen = servers.agree(self.record.name, right, sorted(kept))
        if holds is None:
            found = Said(_resolve(self.record.name))
            return right(found), f"{seen}; this computer's resolver says {found}"
        return holds, seen


def _right(wanted: Target) -> Right:
    """That an answer leads where a record should: to addresses, or to a balancer by its name or by addresses of its."""
    if not isinstance(wanted, Alias):
        return exactly(wanted)
    host = wanted.host.rstrip(".").lower()

    def right(said: Said) -> bool:
        own = bool(said.addresses) and set(said.addresses) <= set(_resolve(host))
        return own or said.alias.rstrip(".").lower() == host

    return right


def _resolve(name: str) -> tuple[str, ...]:
    try:
        found = socket.getaddrinfo(name, None, socket.AF_INET, socket.SOCK_STREAM)
    except OSError:
        return ()
    return tuple(sorted({str(address[0]) for *_, address in found}))
