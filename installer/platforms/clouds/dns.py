"""The contract's names: records in the cloud's DNS, or the user's own work, which is shown and waited for."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from installer.cluster.dns.records import TTL, Alias, Records, Target
from installer.cluster.dns.steps import Publishing
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


@dataclass(frozen=True)
class ByHand(Permanent):
    """A record that the user makes: shown, and looked up from here."""

    record: Record

    def observe(self, ctx: Context) -> Observation:
        wanted, found = self._wanted(ctx), _resolve(self.record.name)
        if found and found == wanted:
            return Observation(True, f"leads to {', '.join(sorted(found))}")
        return Observation(False, f"leads to {', '.join(sorted(found))}" if found else "leads nowhere from here")

    def apply(self, ctx: Context) -> None:
        where = target(ctx, cloud_of(ctx), self.record)
        lines = [f"CNAME {where.host}."] if isinstance(where, Alias) else [f"A {one}" for one in sorted(where)]
        for line in lines:
            ctx.log(f"create this record: {self.record.name}. {TTL} {line}")

        def leads() -> tuple[bool | None, str]:
            found = _resolve(self.record.name)
            wanted = self._wanted(ctx)
            seen = f"leads to {', '.join(sorted(found))}" if found else "leads nowhere from here"
            return (True, seen) if found and found == wanted else (None, f"{seen}; create {'; '.join(lines)}")

        ctx.wait_until(f"your record {self.record.name}", leads, _LOOK_EVERY)

    def _wanted(self, ctx: Context) -> frozenset[str]:
        where = target(ctx, cloud_of(ctx), self.record)
        return _resolve(where.host) if isinstance(where, Alias) else where


def _resolve(name: str) -> frozenset[str]:
    try:
        found = socket.getaddrinfo(name, None, socket.AF_INET, socket.SOCK_STREAM)
    except OSError:
        return frozenset()
    return frozenset(str(address[0]) for *_, address in found)
