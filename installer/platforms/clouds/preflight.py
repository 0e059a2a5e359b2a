"""What has to hold in an account before anything is made there: all that is wrong is said at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Generic

from installer.accounts.findings import Found, Problem, judge
from installer.common.errors import InstallerError
from installer.common.text import count
from installer.plan.model import InstallPlan
from installer.plan.rules import Role
from installer.platforms.clouds.platform import cloud_of
from installer.platforms.clouds.things import P
from installer.steps.estimate import Estimate
from installer.steps.step import Context, Observation, Proof


@dataclass(frozen=True)
class AccountCheck(Proof, Generic[P]):
    """Credentials that work; and, while machines are missing, all that making them needs."""

    def observe(self, ctx: Context) -> Observation:
        platform: P = cloud_of(ctx)  # type: ignore[assignment]  # a platform's steps run with that platform
        who, how = self.caller(platform)
        ctx.log(f"{who} (credentials found by: {how})")
        there, pool = platform.instances.by_machine(), ctx.world.shape.pool
        full = pool is None or sum(one.pooled for one in there.values()) >= pool.count
        if full and all(machine.name in there for machine in ctx.world.shape.machines):
            return Observation(True, f"{who}; all machines exist")
        checks = self.checks()
        looked = (one for check in checks for one in check(ctx.world.plan, platform))
        found = judge(f"check the {platform.cloud} account", looked, ctx.log)
        costs = self._costs(ctx.world.plan, platform)
        ctx.log(costs)
        warnings = "".join(f"; warning: {one.seen}" for one in found if isinstance(one, Problem))
        return Observation(True, f"{who}; {count(len(checks), 'check')} passed{warnings}; {costs}")

    def _costs(self, plan: InstallPlan, platform: P) -> str:
        try:
            found = self.estimate(plan, platform)
        except InstallerError as error:
            return f"what the machines cost is unknown: {error.observed}"
        return f"the machines and their disks cost {found}"

    def estimate(self, plan: InstallPlan, platform: P) -> Estimate:
        """What machines and disks cost. Raises InstallerError where the price list can't be read."""
        raise NotImplementedError

    def caller(self, platform: P) -> tuple[str, str]:
        """Who the credentials are, and how they were found. Raises InstallerError."""
        raise NotImplementedError

    def checks(self) -> tuple[Callable[[InstallPlan, P], Iterator[Found]], ...]:
        raise NotImplementedError


def roles(plan: InstallPlan) -> dict[Role, int]:
    """How many machines of each role the plan has, without those of which it has none."""
    counts = {Role.MASTER: plan.masters, Role.INFRA: plan.infra, Role.WORKER: plan.workers}
    return {role: number for role, number in counts.items() if number}


def overlaps(plan: InstallPlan, name: str, networks: Iterable[IPv4Network]) -> Iterator[Problem]:
    """Networks of an existing one, called `name`, that pods and services mustn't be in: nobody would reach them."""
    for network in networks:
        for field, ours in (("pods", plan.networks.pods), ("services", plan.networks.services)):
            if network.overlaps(ours):
                yield Problem(f"{name} has the network {network}, which overlaps networks.{field} ({ours})",
                              f"Choose another networks.{field}.")  # fmt: skip
